"""Outlines: the truth lies where it is, to half a pixel."""

import re

import numpy as np
import pytest
import torch

from radbench.contracts import Case
from radbench.report.outlines import around, mask_path, outlines


def area(path):
    """Return the area that polygons enclose, holes taken off (shoelace formula)."""
    total = 0.0
    for part in filter(None, path.split("M")):
        points = [tuple(map(float, one.split())) for one in re.findall(r"[\d.]+ [\d.]+", part)]
        x, y = np.array(points).T
        total += 0.5 * float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    return abs(total)


def test_a_disc_has_its_area_and_place():
    y, x = np.mgrid[:64, :96]
    mask = (x - 60) ** 2 + (y - 20) ** 2 <= 12**2
    path = mask_path(mask)
    assert area(path) == pytest.approx(mask.sum(), rel=0.03)
    points = np.array([tuple(map(float, one.split())) for one in re.findall(r"[\d.]+ [\d.]+", path)])
    # The centre of pixel 60 lies at 60.5.
    assert (points.min(0) + points.max(0)) / 2 == pytest.approx([60.5, 20.5], abs=0.3)
    assert len(path) < 400


def test_holes_and_edges_of_the_image_are_kept():
    ring = np.zeros((40, 40), bool)
    ring[:30, :30] = True
    ring[10:20, 10:20] = False
    path = mask_path(ring)
    assert path.count("M") == 2
    assert area(path) == pytest.approx(800, rel=0.03)


def test_an_empty_mask_has_no_outline():
    case = Case("c", "p", torch.zeros(1, 8, 8), targets={"lesion_mask": torch.zeros(1, 8, 8, dtype=torch.bool)})
    assert outlines(case) == []


def test_axes_and_boxes_are_drawn_and_the_closer_view_holds_all():
    case = Case(
        "c",
        "p",
        torch.zeros(1, 100, 200),
        targets={
            "recist": torch.tensor([[20.0, 30], [40, 30], [30, 25], [30, 35]]),
            "boxes": {"mass": torch.tensor([[50.0, 40, 60, 44]]), "nodule": torch.zeros(0, 4)},
        },
    )
    found = outlines(case)
    assert [(one.target, one.path) for one in found] == [
        ("RECIST axes", "M20 30L40 30M30 25L30 35"),
        ("mass", "M50 40H60V44H50Z"),
    ]
    left, top, width, height = map(float, around(found, 200, 100).split())
    assert left <= 20
    assert left + width >= 60
    assert top <= 25
    assert top + height >= 44
    assert width / height == pytest.approx(2.0)


def test_no_closer_view_of_what_fills_the_image():
    mask = torch.ones(1, 50, 50, dtype=torch.bool)
    found = outlines(Case("c", "p", torch.zeros(1, 50, 50), targets={"lung_mask": mask}))
    assert found[0].target == "lung"
    assert around(found, 50, 50) == ""


def test_a_task_that_is_not_about_anatomy_shows_findings_alone():
    lungs, nodule = (torch.zeros(1, 50, 50, dtype=torch.bool) for _ in range(2))
    lungs[:, 5:45, 5:45] = True
    nodule[:, 20:25, 20:25] = True
    case = Case("c", "p", torch.zeros(1, 50, 50), targets={"lung_mask": lungs, "nodule_mask": nodule})
    assert [one.target for one in outlines(case, ("findings",))] == ["nodule"]
    assert [one.target for one in outlines(case, ())] == ["nodule"]
    assert [one.target for one in outlines(case, ("lung_mask",))] == ["lung"]
    assert [one.target for one in outlines(case)] == ["lung", "nodule"]
