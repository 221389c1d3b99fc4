"""Segmentation of the lungs, and extraction of lungs and bones, as tasks (Gozes and Greenspan 2018, 2020)."""
