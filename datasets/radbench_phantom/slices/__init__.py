"""Axial CT slices painted in millimetres: curves, canvas, patient, anatomy by level, scanner, lesions."""
