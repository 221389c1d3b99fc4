"""Dual-energy pairs, a radiograph and the one without bones that was taken with it, as a data set."""
