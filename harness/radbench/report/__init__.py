"""Reports (floor 5): pages that tell what runs and leaderboards show, and their figures for papers."""
