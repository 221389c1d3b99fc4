"""Conformance (floor 6): what every plugin must hold to, tried on the plugin and said in sentences."""
