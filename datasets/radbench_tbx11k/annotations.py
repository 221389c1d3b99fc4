"""The boxes of TBX11K, from its COCO files or its VOC files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from radbench.contracts.errors import DatasetError, ImageReadError
from radbench.imaging.limits import check_limit
from radbench.imaging.radiographs import Box, box_fault
from radbench.imaging.read import read_bytes
from radbench_tbx11k.findings import BOXES

SETS = (
    ("TBX11K_train.json", "TBX11K_val.json"),
    ("TBX11K_trainval.json",),
    ("TBX11K_train_only_tb.json", "TBX11K_val_only_tb.json"),
    ("TBX11K_trainval_only_tb.json",),
)
"""Files that hold the boxes of train and validation together; the first that are there are read."""


@dataclass(frozen=True)
class Annotation:
    """What is drawn on an image.

    Attributes:
        boxes: by finding, x,y,x,y in the frame's pixels; every finding is there.
        frame: (rows, columns) that they were drawn in.
        fault: why they cannot be used, or "".
    """

    boxes: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)
    frame: tuple[int, int] | None = None
    fault: str = ""


def read_json(folder: Path) -> dict[str, Annotation]:
    """Return the annotations of COCO files, by the image's name without suffix (``tb0003``).

    Raises:
        DatasetError: a file is damaged, or is no COCO.
    """
    for names in SETS:
        if all((folder / name).is_file() for name in names):
            return {stem: one for name in names for stem, one in _coco(folder / name).items()}
    return {}


def _coco(path: Path) -> dict[str, Annotation]:
    try:
        check_limit(path.name, "bytes", path.stat().st_size)
        found = json.loads(path.read_text(encoding="utf-8-sig"))
        images = {image["id"]: image for image in found["images"]}
        categories = {category["id"]: str(category["name"]) for category in found["categories"]}
        marks: dict[Any, list[Mapping[str, Any]]] = {}
        for mark in found["annotations"]:
            marks.setdefault(mark["image_id"], []).append(mark)
        frames = {key: (int(image["height"]), int(image["width"])) for key, image in images.items()}
        stems = {key: Path(str(image["file_name"])).stem for key, image in images.items()}
        drawn = {
            key: [(categories.get(mark.get("category_id"), ""), _corners(mark.get("bbox"))) for mark in of]
            for key, of in marks.items()
        }
    except OSError as error:
        raise DatasetError(f"'{path}' cannot be read ({error.strerror}): get it again") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DatasetError(f"'{path}' is no COCO file with images, categories and annotations ({error!r})") from error
    if lost := [key for key in marks if key not in images]:
        raise DatasetError(f"'{path}' has boxes of image {lost[0]!r}, which it does not list: get it again")
    return {stems[key]: _annotation(path.name, drawn.get(key, []), frames[key]) for key in images}


def _corners(bbox: Any) -> Box | None:
    try:
        x, y, width, height = (float(value) for value in bbox)
    except (TypeError, ValueError):
        return None
    return x, y, x + width, y + height


def read_xml(folder: Path) -> dict[str, Annotation]:
    """Return the annotations of VOC files, by the image's name without suffix; damage is one's own fault.

    VOC counts pixels from 1.
    """
    return {path.stem: _voc(path) for path in sorted(folder.glob("*.xml"))} if folder.is_dir() else {}


def _voc(path: Path) -> Annotation:
    try:
        tree = ElementTree.fromstring(read_bytes(path))
        frame = int(tree.findtext("size/height", "")), int(tree.findtext("size/width", ""))
        marks: list[tuple[str, Box | None]] = []
        for mark in tree.iter("object"):
            ends = (mark.findtext(f"bndbox/{name}", "") for name in ("xmin", "ymin", "xmax", "ymax"))
            left, top, right, bottom = (float(text) - 1 for text in ends)
            marks.append((mark.findtext("name", "").strip(), (left, top, right, bottom)))
    except (ImageReadError, ElementTree.ParseError, ValueError) as error:
        return Annotation(fault=f"'{path.name}' cannot be read ({error}): get it again")
    return _annotation(path.name, marks, frame)


def _annotation(name: str, marks: list[tuple[str, Box | None]], frame: tuple[int, int]) -> Annotation:
    boxes: dict[str, tuple[Box, ...]] = dict.fromkeys(BOXES.values(), ())
    if min(frame) < 1:
        return Annotation(fault=f"'{name}' states a size of {frame[1]} x {frame[0]} pixels")
    for category, box in marks:
        if category not in BOXES:
            return Annotation(fault=f"'{name}' names a box '{category}', which is none of {', '.join(BOXES)}")
        fault = "a box is not of four numbers" if box is None else box_fault(box, frame)
        if box is None or fault:
            return Annotation(fault=f"'{name}': {fault}")
        boxes[BOXES[category]] = (*boxes[BOXES[category]], box)
    return Annotation(boxes, frame)
