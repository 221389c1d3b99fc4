"""XraySyn: a radiograph seen from elsewhere, and without its bones, learnt from CT and radiographs without labels."""
