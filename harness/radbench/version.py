"""The version, in a room of its own: another number changes no code that anything runs."""

__version__ = "0.2.0"
