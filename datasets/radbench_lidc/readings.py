"""The readers' XML of LIDC-IDRI: who marked which nodules, small nodules and non-nodules, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from radbench.contracts.errors import CaseError

RATINGS = (
    "subtlety",
    "internalStructure",
    "calcification",
    "sphericity",
    "margin",
    "lobulation",
    "spiculation",
    "texture",
    "malignancy",
)
"""The characteristics of a nodule of 3 mm or more, each 1 to 5 (calcification to 6)."""

_CT_ROOT, _RADIOGRAPH_ROOT = "LidcReadMessage", "IdriReadMessage"
_SERIES_TAGS = ("seriesinstanceuid", "ctseriesinstanceuid")


@dataclass(frozen=True)
class Contour:
    """One outline in one slice.

    Attributes:
        z_mm: the slice's position, as the XML states it.
        slice_uid: the slice's SOP instance UID, or "".
        inclusion: False where the outline marks a part that is not nodule (a cavity).
        points: x (column), y (row) in whole pixels from 0 at the top left, in order along the outline.
    """

    z_mm: float
    slice_uid: str
    inclusion: bool
    points: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Mark:
    """What one reader marked.

    Attributes:
        reader: the reading session, from 0. Sessions of different files are different readers.
        name: the reader's own id for it.
        kind: "nodule" (3 mm or more: outlines, ratings), "small nodule" (one point) or "non-nodule" (one point).
        ratings: by name (:data:`RATINGS`); those left out or 0 are missing.
        contours: outlines; one of a single point for the two other kinds.
    """

    reader: int
    name: str
    kind: Literal["nodule", "small nodule", "non-nodule"]
    ratings: Mapping[str, int]
    contours: Sequence[Contour]


@dataclass(frozen=True)
class Reading:
    """One XML file.

    Attributes:
        modality: "ct", or "radiograph" for the readings of DX and CR images, whose marks are not read.
        series_uid: the series that was read, or "".
        readers: how many reading sessions there are, those without any mark included.
        marks: everything that was marked.
    """

    modality: Literal["ct", "radiograph"]
    series_uid: str
    readers: int
    marks: Sequence[Mark]


def parse_reading(name: str, data: bytes) -> Reading | None:
    """Parse the readers' XML.

    Elements are found by their local names: the namespace differs between releases. Only unblinded readings count,
    the only ones that the collection distributes.

    Args:
        name: the file's, for the sentences.
        data: all of it.

    Returns:
        The reading, or None where the file is XML of another kind.

    Raises:
        CaseError: it is cut short or damaged, or a mark lacks a place or has a rating that does not exist.
    """
    try:
        root = ET.fromstring(data)
    except ET.ParseError as error:
        raise CaseError(f"'{name}' cannot be read as XML ({error}); download it again") from error
    kind = _local(root)
    if kind == _RADIOGRAPH_ROOT or (kind == _CT_ROOT and next(_find(root, "CXRreadingSession"), None) is not None):
        return Reading("radiograph", _series_uid(root), 0, ())
    if kind != _CT_ROOT:
        return None
    marks: list[Mark] = []
    sessions = list(_find(root, "readingSession"))
    for reader, session in enumerate(sessions):
        marks += (_nodule(name, reader, node) for node in _find(session, "unblindedReadNodule"))
        marks += (_non_nodule(name, reader, node) for node in _find(session, "nonNodule"))
    return Reading("ct", _series_uid(root), len(sessions), tuple(marks))


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _find(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (e for e in element.iter() if _local(e).lower() == name.lower())


def _text(element: ET.Element, name: str) -> str:
    found = next(_find(element, name), None)
    return "" if found is None or found.text is None else found.text.strip()


def _series_uid(root: ET.Element) -> str:
    for element in root.iter():
        if _local(element).lower() in _SERIES_TAGS and element.text and element.text.strip():
            return element.text.strip()
    return ""


def _nodule(name: str, reader: int, node: ET.Element) -> Mark:
    mark = _text(node, "noduleID")
    contours = tuple(_contour(name, mark, roi) for roi in _find(node, "roi"))
    if not contours:
        raise CaseError(f"'{name}': nodule '{mark}' of reader {reader + 1} has no outline and no point")
    ratings = _ratings(name, mark, node)
    # A nodule below 3 mm is one point without ratings; what has either more points or ratings is a larger one.
    small = not ratings and len(contours) == 1 and len(contours[0].points) == 1
    return Mark(reader, mark, "small nodule" if small else "nodule", ratings, contours)


def _ratings(name: str, mark: str, node: ET.Element) -> dict[str, int]:
    group = next(_find(node, "characteristics"), None)
    if group is None:
        return {}
    ratings = {}
    for rating in RATINGS:
        text = _text(group, rating)
        if text in ("", "0"):
            continue
        highest = 6 if rating == "calcification" else 5
        if not text.isdigit() or int(text) > highest:
            raise CaseError(f"'{name}': nodule '{mark}' has {rating} '{text}', which must be 1 to {highest}")
        ratings[rating] = int(text)
    return ratings


def _non_nodule(name: str, reader: int, node: ET.Element) -> Mark:
    mark = _text(node, "nonNoduleID")
    points = tuple(_point(name, mark, locus) for locus in _find(node, "locus"))
    if len(points) != 1:
        raise CaseError(f"'{name}': non-nodule '{mark}' must have one locus, and has {len(points)}")
    contour = Contour(_z(name, mark, node), _text(node, "imageSOP_UID"), True, points)
    return Mark(reader, mark, "non-nodule", {}, (contour,))


def _contour(name: str, mark: str, roi: ET.Element) -> Contour:
    points = tuple(_point(name, mark, edge) for edge in _find(roi, "edgeMap"))
    if not points:
        raise CaseError(f"'{name}': an outline of nodule '{mark}' has no points")
    inclusion = _text(roi, "inclusion").upper()
    if inclusion not in ("TRUE", "FALSE"):
        raise CaseError(f"'{name}': an outline of nodule '{mark}' has inclusion '{inclusion}', not TRUE or FALSE")
    return Contour(_z(name, mark, roi), _text(roi, "imageSOP_UID"), inclusion == "TRUE", points)


def _z(name: str, mark: str, node: ET.Element) -> float:
    text = _text(node, "imageZposition")
    try:
        return float(text)
    except ValueError:
        raise CaseError(f"'{name}': mark '{mark}' has imageZposition '{text}', which is no number") from None


def _point(name: str, mark: str, node: ET.Element) -> tuple[int, int]:
    texts = _text(node, "xCoord"), _text(node, "yCoord")
    try:
        return int(texts[0]), int(texts[1])
    except ValueError:
        raise CaseError(f"'{name}': mark '{mark}' has a point {texts}, which is not two whole numbers") from None
