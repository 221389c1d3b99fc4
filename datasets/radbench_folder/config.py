"""The configuration of the data set ``folder``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from radbench.contracts.config import Config, local, param
from radbench.imaging.stored import ReadOptions

Window = tuple[float, float] | int | Literal["first", "lut", "none"]


class FolderConfig(Config):
    """Where the images lie, what the masks are, who the patients are, and how pixels become [0,1]."""

    root: Path = local(description="Folder of images; folders below it count, too.")
    masks: Path | None = local(
        None,
        "Folder of masks: the mask of root/a/b.png is masks/a/b with any image suffix. A case without its mask "
        "is reported when it is loaded.",
        source="assumed",
    )
    mask_target: Literal[
        "lung_mask",
        "lung_field_mask",
        "aerated_lung_mask",
        "nodule_mask",
        "lesion_mask",
        "bone_mask",
        "heart_mask",
    ] = param(
        "lung_field_mask",
        "Which truth the masks are. lung_field_mask: lungs as readers outline them, with the part behind the heart "
        "(covid-cxr-lungs); aerated_lung_mask: ending at the heart's border (JSRT, Montgomery); lung_mask: as they are "
        "projected, which only CT knows. lesion_mask and nodule_mask give RECIST axes, too: those of their largest "
        "piece.",
        source="assumed",
    )
    mask_threshold: float | None = param(
        None,
        "A mask pixel is set above this part of the stored range. None: above half in a lossy file (JPEG), where "
        "it is not 0 in any other; a lossless mask of several grey levels is then refused.",
        source="assumed",
        ge=0.0,
        le=1.0,
    )
    modality: Literal["any", "cxr", "ct"] = param("any", "What the images are.", source="assumed")
    split: Literal["train", "validation", "test"] = param(
        "test", "The split of every case that split_column does not place.", source="assumed"
    )
    patient_pattern: str | None = param(
        None,
        "Regular expression, searched in the case id (the path below root without suffix); its one group is "
        "the patient id. None: the table's, or else every case is a patient of its own.",
        source="assumed",
    )
    table: Path | None = local(
        None,
        "CSV file with a line per case; other lines are passed over. None: data.csv in root, where there is one.",
        source="assumed",
    )
    data_csv: bool = param(True, "Whether a data.csv in root is the table where none is named.", source="assumed")
    case_column: str = param("case_id", "Its column of case ids, with or without suffix.", source="assumed")
    patient_column: str | None = param(
        "patient_id", "Its column of patient ids; None: every case is a patient of its own.", source="assumed"
    )
    group_column: str | None = param(
        None, "Its column of groups (lesion types); None: group, if it has that.", source="assumed"
    )
    split_column: str | None = param(None, "Its column of splits; None: split, if it has that.", source="assumed")
    mask_column: str | None = param(
        None,
        "Its column of mask files, from the table's folder on; None: mask, if it has that. A case without a file there "
        "has no mask, and is reported.",
        source="assumed",
    )
    finding_columns: tuple[str, ...] | None = param(
        None,
        "Its columns of findings: 1 is present, 0 absent, empty not stated. None: those whose names begin with "
        "finding:, by what follows.",
        source="assumed",
    )
    window: Window = param(
        "first",
        "first: the file's first window, else its whole stored range; k: its k-th; lut: its VOI look-up table; "
        "none: the whole stored range; [low,high]: these values after the rescale (HU for CT).",
        source="assumed",
    )
    bits: int | None = param(
        None, "Depth that counts as the whole range, where the file's own is larger.", source="assumed", ge=1, le=32
    )
    rescale: tuple[float, float] | None = param(
        None, "[slope,intercept] from stored values to units, for formats that cannot state it.", source="assumed"
    )
    polarity: Literal["declared", "reversed"] = param(
        "declared", "declared: as the format says; reversed: the other way.", source="assumed"
    )
    alpha: Literal["over-black", "ignore"] = param(
        "over-black", "What partly transparent pixels are laid over.", source="assumed"
    )
    frame: int | None = param(None, "Which frame of multi-frame files, from 1.", source="assumed", ge=1)
    plane: Literal["axial", "coronal", "sagittal"] = param("axial", "Plane of NIfTI slices.", source="assumed")
    slice_number: int | None = param(None, "Which slice of NIfTI volumes, from 1.", source="assumed", ge=1)
    spacing_mm: tuple[float, float] | None = param(
        None, "[row,column] pixel spacing in mm, where the files do not state it.", source="assumed"
    )

    @field_validator("window", mode="before")
    @classmethod
    def _none_is_a_window(cls, value: Any) -> Any:
        # On the command line, none is read as None.
        return "none" if value is None else value

    @field_validator("patient_pattern")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"'{value}' is not a regular expression: {error}") from None
        if groups != 1:
            raise ValueError(f"'{value}' has {groups} groups; it needs one, the patient id: for example ^([0-9]+)_")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self.read_options()
        if self.spacing_mm is not None and min(self.spacing_mm) <= 0:
            raise ValueError(f"spacing_mm={list(self.spacing_mm)} must be positive")
        return self

    def read_options(self) -> ReadOptions:
        """Return the options with which the images are read."""
        return ReadOptions(
            window=self.window,
            bits=self.bits,
            rescale=self.rescale,
            polarity=self.polarity,
            alpha=self.alpha,
            frame=self.frame,
            plane=self.plane,
            slice_number=self.slice_number,
            modality=None if self.modality == "any" else self.modality,
            spacing_mm=self.spacing_mm,
        )
