"""The adapter for the LIDC-IDRI collection: chest CT with four readers' nodules, as simulated radiographs."""
