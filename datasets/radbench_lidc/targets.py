"""The targets that cases of LIDC-IDRI carry; importing this imports nothing heavy."""

TARGETS = (
    "lung_mask",
    "lung_field_mask",
    "aerated_lung_mask",
    "lung_image",
    "bone_mask",
    "bone_image",
    "soft_tissue_image",
    "nodule_mask",
    "findings",
    "view_pose",
    "volume_hu",
    "bone_volume",
    "volume_spacing_mm",
)
