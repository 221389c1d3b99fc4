"""The data set ``deeplesion``: the key slices of DeepLesion with the RECIST marks of their lesions."""
