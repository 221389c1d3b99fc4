"""Regions of other data sets' images, as a data set."""
