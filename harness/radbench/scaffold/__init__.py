"""Scaffold (floor 6): the package that a plugin begins with, which passes its own tests as it stands."""
