"""Denoising by block matching and collaborative filtering: bm3d, written from Dabov et al. 2007."""
