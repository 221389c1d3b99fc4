"""The targets that the cases of the thorax phantoms carry; importing this imports nothing heavy."""

CT_TARGETS = (
    "hu",
    "lung_mask",
    "bone_mask",
    "heart_mask",
    "nodule_mask",
    "findings",
    "volume_hu",
    "bone_volume",
    "volume_spacing_mm",
)

CXR_TARGETS = (
    "lung_mask",
    "lung_field_mask",
    "aerated_lung_mask",
    "lung_image",
    "bone_mask",
    "bone_image",
    "soft_tissue_image",
    "nodule_mask",
    "heart_mask",
    "findings",
    "view_pose",
    "volume_hu",
    "bone_volume",
    "volume_spacing_mm",
)
