"""The adapter for NIH ChestX-ray14: 112,120 frontal radiographs with fourteen findings and some boxes."""
