"""Reader studies (floor 5): blinded pages for readers made of a run's images, and what their answers say."""
