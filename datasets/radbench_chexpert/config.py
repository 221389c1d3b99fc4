"""The configuration of the data set ``chexpert``."""

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


class CheXpertConfig(Config):
    """Where the collection lies, which views count, what uncertain and blank labels are, and what is held out."""

    root: Path = local(
        description="Folder with train.csv and valid.csv, or the one that holds CheXpert-v1.0 or CheXpert-v1.0-small.",
    )
    view: Literal["frontal", "lateral", "both"] = param("frontal", "Which views count.", source="assumed")
    uncertain: Literal["ignore", "zeros", "ones"] = param(
        "ignore",
        "What a label of -1 is. ignore: not stated (NaN); zeros: absent; ones: present.",
        source="paper: Irvin et al. 2019, U-Ignore, U-Zeros, U-Ones; assumed (which of them)",
    )
    blank: Literal["negative", "not-stated"] = param(
        "negative",
        "What an observation is that the report does not mention. negative: absent; not-stated: NaN.",
        source="assumed, as baselines trained on CheXpert commonly take it; its labeller leaves unmentioned ones blank",
    )
    test: Literal["valid", "test"] = param(
        "valid",
        "Which official list is the test split. valid: valid.csv, and validation is drawn from train.csv; test: "
        "test_labels.csv or test.csv, valid.csv is validation, and all of train.csv is train.",
        source="assumed: the test labels came later, and many copies lack them",
    )
    validation: float = validation_field()
    split_seed: int = seed_field()
    size: int | None = size_field()
    side: Side = side_field()
    absent: Absent = absent_field()
