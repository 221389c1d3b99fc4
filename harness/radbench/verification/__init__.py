"""Verification (floor 5): published rows run again, runs of several machines as one, the card that a paper attaches."""
