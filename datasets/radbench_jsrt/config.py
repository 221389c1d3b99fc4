"""The configuration of the data set ``jsrt``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from radbench.contracts.config import Config, local, param
from radbench.imaging.radiograph_set import (
    Absent,
    Side,
    absent_field,
    seed_field,
    side_field,
    size_field,
    validation_field,
)


class JsrtConfig(Config):
    """Where images, tables and outlines lie, which files are read, and who is held out."""

    root: Path = local(description="Folder of the database; folders below it count, too.")
    tables: Path | None = local(
        None,
        "Folder of CLNDAT_EN.txt and CNNDAT_EN.txt, or of a jsrt_metadata.csv, where it is not root or one below it.",
        source="assumed",
    )
    scr: Path | None = local(
        None, "Folder of SCR's outlines, with fold1 and fold2 below it, where it is not below root.", source="assumed"
    )
    files: Literal["raw", "converted"] = param(
        "raw",
        "Which files are read. raw: JPCLN001.IMG, 12 bits; converted: PNG, JPEG, TIFF, BMP or DICOM of the same names.",
        source="code: as the database is distributed (raw)",
    )
    polarity: Literal["declared", "reversed"] = param(
        "declared",
        "Of converted files. declared: dense is bright, or as DICOM says; reversed: they kept the film's optical "
        "density, so that lung is bright.",
        source="assumed",
    )
    bits: int | None = param(
        None,
        "Of converted files: the depth that is the whole range, 12 where twelve bits lie in words of sixteen.",
        source="assumed",
        ge=1,
        le=16,
    )
    split: Literal["scr", "patients"] = param(
        "scr",
        "scr: SCR's two folds, one of them the test split, validation drawn from the other; where its masks are not "
        "there, odd numbers are fold 1 and even ones fold 2. patients: test and validation drawn from all.",
        source="paper: van Ginneken et al. 2006, two folds; assumed: odd and even numbers",
    )
    test_fold: Literal[1, 2] = param(
        2, "split=scr: the fold that is the test split.", source="paper: van Ginneken et al. 2006; assumed (which)"
    )
    test_share: float = param(
        0.2, "split=patients: share of the patients in the test split.", source="assumed", ge=0.0, le=1.0
    )
    validation: float = validation_field()
    split_seed: int = seed_field()
    size: int | None = size_field()
    side: Side = side_field()
    absent: Absent = absent_field()
