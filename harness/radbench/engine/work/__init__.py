"""Work: what a worker does with one step: make, enhance, lesson, fit, score."""
