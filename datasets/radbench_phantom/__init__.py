"""The built-in phantoms: data sets made from a seed, with exact truth."""
