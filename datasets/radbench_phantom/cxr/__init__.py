"""The radiographs of phantom-cxr."""
