"""Lesion segmentation as a downstream task: GrabCut from RECIST marks (Tang et al. 2018)."""
