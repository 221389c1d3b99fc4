"""The targets that cases of DeepLesion carry, and its lesion types; importing this imports nothing heavy."""

TARGETS = ("hu", "recist", "lesion_mask", "volume_hu", "volume_spacing_mm")

LESION_TYPES = ("bone", "abdomen", "mediastinum", "liver", "lung", "kidney", "soft tissue", "pelvis")
"""``Coarse_lesion_type`` 1 to 8; -1 is not stated, which is so in the official train split."""
