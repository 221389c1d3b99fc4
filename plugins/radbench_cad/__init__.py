"""Computer-aided detection: a classifier learns findings on enhanced radiographs, and is held to the test split."""
