"""The observations of CheXpert by their names in its tables; importing this imports nothing heavy."""

TARGETS = ("findings",)

FINDINGS = {
    "No Finding": "no-finding",
    "Enlarged Cardiomediastinum": "enlarged-cardiomediastinum",
    "Cardiomegaly": "cardiomegaly",
    "Lung Opacity": "lung-opacity",
    "Lung Lesion": "lung-lesion",
    "Edema": "edema",
    "Consolidation": "consolidation",
    "Pneumonia": "pneumonia",
    "Atelectasis": "atelectasis",
    "Pneumothorax": "pneumothorax",
    "Pleural Effusion": "effusion",
    "Pleural Other": "pleural-other",
    "Fracture": "fracture",
    "Support Devices": "support-devices",
}
"""The collection's name -> the one that all data sets share."""
