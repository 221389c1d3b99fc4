"""Lesion segmentation as a downstream task: GrabCut, and a network that learns from it (Tang et al. 2018)."""
