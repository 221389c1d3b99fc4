"""Figures: what the page shows and a paper prints, drawn once and written as SVG and PDF."""
