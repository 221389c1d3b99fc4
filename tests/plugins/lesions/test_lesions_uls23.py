"""ULS23's trimap: ellipse, core and box as counted by hand; what is closed and kept; that the paper's is as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.contracts import Case, CaseError, Sample, TaskContext
from radbench_lesions.grabcut import GrabCut, case_seed
from radbench_lesions.trimap import BACKGROUND, FOREGROUND, PROBABLE_BACKGROUND, PROBABLE_FOREGROUND, recist_trimap
from radbench_lesions.uls23 import ellipse_trimap, smoothed

CONTEXT = TaskContext("cpu", 0)


def marks(x=60, y=50, long=30, short=20, degrees=0.0):
    """Return the four end points of perpendicular axes through a point."""
    turn = np.radians(degrees)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    centre = np.array([x, y])
    ends = [
        centre - along * long / 2,
        centre + along * long / 2,
        centre - across * short / 2,
        centre + across * short / 2,
    ]
    return np.array(ends)


def counts(regions):
    return np.bincount(regions.ravel(), minlength=4).tolist()


def test_regions_of_a_small_cross_are_those_counted_by_hand():
    # Axes of 6 and 4 about (10, 10): rows of 1, 5, 7, 5, 1 pixels. A fifth of 4 is no pixel: the core is all of it.
    regions = ellipse_trimap([[7, 10], [13, 10], [10, 8], [10, 12]], (21, 21), padding=3.0).regions
    core = regions == FOREGROUND
    assert core.sum(axis=1)[7:14].tolist() == [0, 1, 5, 7, 5, 1, 0]
    # Its neighbours: 1, 5, 7, 9, 7, 5, 1 in all, less 19.
    assert counts(regions) == [441 - 13 * 11, 19, 13 * 11 - 35, 16]
    rows, columns = np.nonzero(regions != BACKGROUND)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 15, 4, 16)


def test_the_core_and_the_box_move_by_a_fifth_of_the_short_axis():
    regions = ellipse_trimap(marks(long=30, short=20), (100, 120)).regions
    middle = regions[50]
    # The row of the long axis: 45 to 75, 4 pixels less on either side; the box 5 + 4 pixels beyond.
    assert np.flatnonzero(middle == FOREGROUND).tolist() == list(range(49, 72))
    assert np.flatnonzero(middle == PROBABLE_FOREGROUND).tolist() == [*range(44, 49), *range(72, 77)]
    assert np.flatnonzero(middle == PROBABLE_BACKGROUND).tolist() == [*range(36, 44), *range(77, 85)]
    column = regions[:, 60]
    assert np.flatnonzero(column == FOREGROUND).tolist() == list(range(44, 57))
    assert np.flatnonzero(column != BACKGROUND).tolist() == list(range(31, 70))


def test_a_turned_lesion_has_a_turned_ellipse():
    upright = ellipse_trimap(marks(50, 50), (101, 101)).regions
    lying = ellipse_trimap(marks(50, 50, degrees=90.0), (101, 101)).regions
    assert (lying == upright.T).all()
    slanted = ellipse_trimap(marks(50, 50, degrees=30.0), (101, 101)).regions
    assert (slanted == FOREGROUND).sum() == pytest.approx((upright == FOREGROUND).sum(), rel=0.05)
    area = np.isin(ellipse_trimap(marks(50, 50), (101, 101), 0).regions, (FOREGROUND, PROBABLE_FOREGROUND)).sum()
    assert area == pytest.approx(np.pi * 15 * 10, rel=0.03)


@pytest.mark.parametrize(("long", "short"), [(0, 0), (1, 0), (40, 0), (3, 2), (5, 5)])
def test_marks_of_almost_no_extent_leave_a_core(long, short):
    regions = ellipse_trimap(marks(long=long, short=short), (100, 120)).regions
    assert regions[50, 60] == FOREGROUND
    assert (regions == BACKGROUND).any()


@pytest.mark.parametrize("whole", [True, False])
def test_a_lesion_at_the_border_is_cut_off_there(whole):
    trimap = ellipse_trimap(marks(2, 3), (60, 60), whole=whole)
    assert trimap.regions[0, 0] == FOREGROUND
    assert trimap.window[0] == trimap.window[2] == 0
    assert (trimap.window == (0, 60, 0, 60)) is whole


def test_a_window_round_the_box_is_three_times_as_wide():
    trimap = ellipse_trimap(marks(150, 150), (300, 300), whole=False)
    rows, columns = np.nonzero(trimap.regions != BACKGROUND)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    top, bottom, left, right = trimap.window
    assert (bottom - top, right - left) == (3 * height, 3 * width)


def test_marks_outside_the_image_are_refused():
    with pytest.raises(CaseError, match="outside the 60x60 image"):
        ellipse_trimap(marks(200, 30), (60, 60))


@given(
    st.floats(0, 79),
    st.floats(0, 59),
    st.floats(0, 60),
    st.floats(0, 1),
    st.floats(0, 180),
    st.floats(0, 0.49),
    st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_the_regions_lie_within_one_another(x, y, long, ratio, degrees, share, dilation):
    one = marks(x, y, long, long * ratio, degrees)
    centre = (one.min(axis=0) + one.max(axis=0)) / 2
    if not (0 <= centre[0] <= 79 and 0 <= centre[1] <= 59):
        return
    regions = ellipse_trimap(one, (60, 80), dilation, share).regions
    less = ellipse_trimap(one, (60, 80), dilation + 1, share).regions
    core = regions == FOREGROUND
    assert core.any()
    assert (core == (less == FOREGROUND)).all()
    assert (
        np.isin(less, (FOREGROUND, PROBABLE_FOREGROUND)) | ~np.isin(regions, (FOREGROUND, PROBABLE_FOREGROUND))
    ).all()


def test_a_mask_is_closed_and_keeps_its_largest_piece():
    mask = np.zeros((20, 20), bool)
    mask[4:12, 4:12] = True
    mask[7, 7] = False  # a hole of a pixel is closed
    mask[15:17, 15:17] = True  # a smaller piece goes
    mask[12, 12] = True  # touches by a corner only
    found = smoothed(mask)
    expected = np.zeros_like(mask)
    expected[4:12, 4:12] = True
    assert found[7, 7]
    assert not found[15:17, 15:17].any()
    assert (found & expected).sum() == 64
    border = np.zeros((6, 6), bool)
    border[0:3] = True
    assert (smoothed(border) == border).all()
    assert not smoothed(np.zeros((3, 3), bool)).any()


def blob(seed=0, gap=False):
    rows, columns = np.mgrid[:100, :120]
    mask = ((columns - 60) / 15) ** 2 + ((rows - 50) / 10) ** 2 <= 1
    image = 0.35 + 0.3 * mask + 0.04 * np.random.default_rng(seed).normal(size=mask.shape)
    if gap:
        image[20:24, 20:24] = 0.65
    case = Case(
        "blob",
        "patient",
        torch.from_numpy(np.clip(image, 0, 1).astype(np.float32))[None],
        targets={"recist": torch.from_numpy(marks().astype(np.float32)), "lesion_mask": torch.from_numpy(mask)[None]},
    )
    return Sample(case, case.image)


@pytest.mark.parametrize("surround", ["slice", "box"])
def test_a_bright_lesion_on_noise_is_found(surround):
    task = GrabCut(GrabCut.Config(trimap="uls23", surround=surround))
    assert task.score(blob(), CONTEXT)["dice"] > 0.95
    segmentation = task.segment(blob(gap=True), CONTEXT)
    assert not segmentation.mask[20:24, 20:24].any()
    assert torch.equal(
        torch.from_numpy(segmentation.mask), torch.from_numpy(task.segment(blob(gap=True), CONTEXT).mask)
    )


def test_it_takes_the_iterations_of_its_own_trimap(monkeypatch):
    import cv2

    asked = []
    real = cv2.grabCut
    monkeypatch.setattr(cv2, "grabCut", lambda *words: asked.append(words[5]) or real(*words))
    for fields in ({}, {"trimap": "uls23"}, {"trimap": "uls23", "iterations": 3}, {"iterations": 7}):
        GrabCut(GrabCut.Config(**fields)).segment(blob(), CONTEXT)
    assert asked == [5, 25, 3, 7]


def test_the_inner_squares_share_sets_its_area():
    points = np.array([[150, 250], [350, 250], [250, 180], [250, 320]])
    for share in (0.25, 0.5, 0.8):
        c = counts(recist_trimap(points, (500, 500), probable_share=share).regions)
        assert (c[FOREGROUND] + c[PROBABLE_FOREGROUND]) / sum(c[1:]) == pytest.approx(share, abs=0.015)


def test_the_papers_trimap_is_the_default_and_its_masks_are_opencvs_own():
    """What the default gives on phantoms is what five plain iterations from the paper's squares give."""
    import cv2

    from radbench_phantom.lesions import PhantomLesions

    data = PhantomLesions(PhantomLesions.Config(patients=4))
    for entry in data.manifest():
        case = data.load(entry.case_id)
        found = GrabCut(GrabCut.Config()).segment(Sample(case, 1 - case.image), CONTEXT)
        points = case.targets["recist"].numpy().astype(np.float64)
        x, y = (points.min(axis=0) + points.max(axis=0)) / 2
        rows, columns = np.mgrid[:512, :512]
        reach = np.maximum(np.abs(rows - y), np.abs(columns - x)) - 1e-6
        side = 2 * max(np.linalg.norm(points[1] - points[0]), 4.0)
        regions = found.trimap.regions
        assert ((regions != BACKGROUND) == (reach <= side / 2)).all()
        inner = np.isin(regions, (FOREGROUND, PROBABLE_FOREGROUND))
        assert (inner == ((reach <= side / np.sqrt(8)) | (regions == FOREGROUND))).all()
        top, bottom, left, right = found.trimap.window
        grey = np.rint((1 - case.image[0].numpy()[top:bottom, left:right]).astype(np.float64) * 255)
        labels = regions[top:bottom, left:right].copy()
        cv2.setRNGSeed(case_seed(0, case.case_id))
        channels = np.stack([grey.astype(np.uint8)] * 3, axis=-1)
        cv2.grabCut(channels, labels, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
        assert (found.channels == channels).all()
        assert (found.mask[top:bottom, left:right] == np.isin(labels, (1, 3))).all()
