"""The findings of ChestX-ray14 by their names in its tables; importing this imports nothing heavy."""

TARGETS = ("findings", "boxes")

FINDINGS = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Effusion": "effusion",
    "Infiltration": "infiltration",
    "Mass": "mass",
    "Nodule": "nodule",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Emphysema": "emphysema",
    "Fibrosis": "fibrosis",
    "Pleural_Thickening": "pleural-thickening",
    "Hernia": "hernia",
}
"""The collection's name -> the one that all data sets share."""

NO_FINDING = "No Finding"

BOX_FINDINGS = {**FINDINGS, "Infiltrate": "infiltration"}
"""As the list of boxes calls them: one has another name there."""
