"""The targets that cases of JSRT's database carry; importing this imports nothing heavy."""

TARGETS = ("findings", "nodule_mask", "boxes", "aerated_lung_mask", "heart_mask")
