"""The classes and boxes of TBX11K by their names in the collection; importing this imports nothing heavy."""

TARGETS = ("findings", "boxes")

CLASSES = {"health": "healthy", "sick": "sick-non-tb", "tb": "tb"}
"""Folder of the images -> the class that it stands for."""

BOXES = {
    "ActiveTuberculosis": "active-tb",
    "ObsoletePulmonaryTuberculosis": "latent-tb",
    "PulmonaryTuberculosis": "uncertain-tb",
}
"""Category of a box -> its finding."""
