"""Enhancers that are made of others."""
