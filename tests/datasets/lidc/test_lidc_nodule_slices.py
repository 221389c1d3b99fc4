"""The data set lidc-nodules: one slice for each nodule, the masks of consensus and readers, RECIST axes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radbench.contracts import CaseError
from radbench.contracts.case import validate_case
from radbench.contracts.dataset import check_manifest
from radbench.contracts.errors import DatasetError
from radbench.imaging import axis_lengths
from radbench_lidc.dataset import LidcIdri
from radbench_lidc.nodule_dataset import LidcNodules
from radbench_lidc.plugin import radbench_datasets

from .collection import (  # noqa: F401
    DEPTH,
    HU,
    NODULE,
    PIXEL,
    copy_fixture,
    folder_of,
    one_fixture,
    outline,
    write_series,
)

Z, ROW, COLUMN = NODULE


def nodules(root, **options):
    return LidcNodules(LidcNodules.Config(root=root, **options))


def only(root, **options):
    data = nodules(root, **options)
    (entry,) = data.manifest()
    case = validate_case(data.load(entry.case_id))
    assert case.groups == entry.groups
    return case


def square(half):
    """Return what an outline of this half side has inside: a pixel less on every side."""
    mask = np.zeros(HU.shape[1:], bool)
    mask[ROW - half + 1 : ROW + half, COLUMN - half + 1 : COLUMN + half] = True
    return mask


def read_by(*rois, series="1.1.1"):
    """Write a reading in which each reader outlined one nodule; "" for a reader who did not."""
    sessions = "".join(
        "<readingSession>"
        + (f"<unblindedReadNodule><noduleID>n</noduleID>{roi}</unblindedReadNodule>" if roi else "")
        + "</readingSession>"
        for roi in rois
    )
    return (
        f"<LidcReadMessage><ResponseHeader><SeriesInstanceUid>{series}</SeriesInstanceUid></ResponseHeader>{sessions}"
        "</LidcReadMessage>"
    )


@pytest.fixture
def disagreeing(copy):
    """Four readers: two drew slices Z - 1 to Z + 1, the third Z alone and larger, the fourth nothing."""
    three = "".join(outline(z) for z in (Z - 1, Z, Z + 1))
    (folder_of(copy) / "069.xml").write_text(read_by(three, three, outline(Z, half=5), ""))
    return copy


def test_a_nodule_is_a_case_in_the_slice_of_its_largest_consensus(disagreeing):
    case = only(disagreeing, level=0.3)
    assert case.case_id == "LIDC-IDRI-0001-n1"
    assert (case.targets["lesion_mask"][0].numpy() == square(5)).all()
    assert (case.targets["hu"][0].numpy() == HU[Z]).all()
    assert np.allclose(case.image[0].numpy(), np.clip((HU[Z] + 1350) / 1500, 0, 1), atol=1e-6)
    assert case.spacing_mm == (PIXEL, PIXEL)
    assert case.provenance["slice"] == f"{Z + 1} of {DEPTH} from inferior"
    assert case.provenance["readers"] == 3


@pytest.mark.parametrize(("level", "half"), [(0.0, 5), (1 / 3, 5), (0.5, 3), (1.0, 3)])
def test_the_level_says_how_many_must_agree(disagreeing, level, half):
    assert (only(disagreeing, level=level).targets["lesion_mask"][0].numpy() == square(half)).all()


def test_of_equal_slices_the_lowest_is_taken(disagreeing):
    assert only(disagreeing, level=0.6).provenance["slice"].startswith(f"{Z} of")


def test_each_reader_is_a_variant_on_the_same_slice(disagreeing):
    assert (only(disagreeing, reader=1, level=0.3).targets["lesion_mask"][0].numpy() == square(3)).all()
    case = only(disagreeing, reader=3, level=0.3)
    assert (case.targets["lesion_mask"][0].numpy() == square(5)).all()
    assert case.provenance["truth"] == "reader 3"
    with pytest.raises(DatasetError, match="no nodule of the 1 scans"):
        nodules(disagreeing, reader=4).manifest()


def test_nodules_of_too_few_readers_do_not_count(disagreeing):
    only(disagreeing, min_readers=3)
    with pytest.raises(DatasetError, match="min_readers"):
        nodules(disagreeing, min_readers=4).manifest()


def test_the_axes_are_those_of_the_mask_in_millimetres(disagreeing):
    case = only(disagreeing, reader=3, level=0.3)
    # A square of 9 x 9 pixels: its diagonals.
    diagonal = 8 * PIXEL * 2**0.5
    assert axis_lengths(case.targets["recist"], case.spacing_mm) == pytest.approx((diagonal, diagonal))
    centre = case.targets["recist"].numpy().mean(axis=0)
    assert centre == pytest.approx([COLUMN, ROW])


def test_the_axes_are_those_of_the_largest_piece(copy):
    apart = outline(Z) + outline(Z).replace(f"<yCoord>{ROW + 3}<", f"<yCoord>{ROW + 16}<").replace(
        f"<yCoord>{ROW - 3}<", f"<yCoord>{ROW + 11}<"
    )
    (folder_of(copy) / "069.xml").write_text(read_by(apart, apart))
    case = only(copy)
    assert case.provenance["recist"] == "axes of the largest of 2 pieces"
    assert case.targets["lesion_mask"].sum() == 25 + 20
    assert case.targets["recist"][:, 1].max() <= ROW + 2


@pytest.mark.parametrize(
    ("orientation", "turns"),
    [([-1, 0, 0, 0, -1, 0], "xy"), ([-1, 0, 0, 0, 1, 0], "x"), ([1, 0, 0, 0, -1, 0], "y")],
    ids=["prone", "feet first", "feet first and prone"],
)
def test_a_patient_who_lies_otherwise_comes_out_as_a_supine_one(one, tmp_path, orientation, turns):
    turned = np.flip(HU, [{"y": 1, "x": 2}[axis] for axis in turns])
    write_series(tmp_path, hu=turned, orientation=orientation)
    rois = "".join(outline(z) for z in (Z - 1, Z, Z + 1))
    for axis, at in {"x": COLUMN, "y": ROW}.items():
        for place in (at - 3, at + 3):
            to = HU.shape[1] - 1 - place if axis in turns else place
            rois = rois.replace(f"<{axis}Coord>{place}<", f"<{axis}Coord>#{to}<")
    (tmp_path / "069.xml").write_text(read_by(*[rois.replace("#", "")] * 2))
    other, supine = only(tmp_path), only(one)
    assert torch.equal(other.image, supine.image)
    assert torch.equal(other.targets["lesion_mask"], supine.targets["lesion_mask"])
    assert torch.equal(other.targets["recist"], supine.targets["recist"])
    assert other.provenance["slice"] == supine.provenance["slice"]


def test_a_patient_is_in_the_split_that_lidc_puts_it_into(one):
    for seed in range(6):
        (own,) = nodules(one, split_seed=seed).manifest()
        (other,) = LidcIdri(LidcIdri.Config(root=one, split_seed=seed)).manifest()
        assert (own.split, own.patient_id) == (other.split, other.patient_id)
    assert LidcNodules.collection == LidcIdri.collection


def test_a_missing_slice_and_a_damaged_reading_are_faults_of_their_scan(copy):
    missing = next(copy.rglob("1-005.dcm"))
    missing.unlink()
    data = nodules(copy)
    check_manifest("lidc-nodules", data.manifest())
    with pytest.raises(CaseError, match=r"case 'LIDC-IDRI-0001': .*missing"):
        data.load("LIDC-IDRI-0001-n1")
    reading = next(copy.rglob("*.xml"))
    reading.write_text(reading.read_text()[:-30])
    data = nodules(copy)
    (entry,) = data.manifest()
    with pytest.raises(CaseError, match=r"'069\.xml' cannot be read"):
        data.load(entry.case_id)


def test_an_unread_patient_is_a_fault_or_left_out(copy):
    next(copy.rglob("*.xml")).unlink()
    data = nodules(copy)
    with pytest.raises(CaseError, match="unread=leave-out"):
        data.load(data.manifest()[0].case_id)
    with pytest.raises(DatasetError, match="no nodule"):
        nodules(copy, unread="leave-out").manifest()


def test_a_digest_follows_reading_slices_and_options(disagreeing):
    def digest(**options):
        (entry,) = nodules(disagreeing, **options).manifest()
        return entry.digest

    before = digest()
    assert len({before, digest(level=0.3), digest(reader=1), digest(window=(-1000.0, 0.0))}) == 4
    assert digest(min_readers=1) == before
    path = folder_of(disagreeing) / "069.xml"
    path.write_text(path.read_text().replace("<LidcReadMessage>", "<LidcReadMessage><!-- -->"))
    assert digest() != before


def test_what_is_remembered_changes_nothing(disagreeing):
    first = nodules(disagreeing).manifest()
    assert nodules(disagreeing).manifest() == first
    roi = outline(Z + 1)
    (folder_of(disagreeing) / "069.xml").write_text(read_by(roi, roi))
    assert only(disagreeing).provenance["slice"].startswith(f"{Z + 2} of")


def test_the_plugin_offers_both_data_sets():
    assert [spec.name for spec in radbench_datasets()] == ["lidc", "lidc-nodules"]
    for spec in radbench_datasets():
        assert set(spec.targets) >= ({"recist"} if spec.name == "lidc-nodules" else {"lung_mask"})


@pytest.mark.slow
def test_the_real_nodule_has_its_four_readers(real_collection):
    majority = only(real_collection).targets["lesion_mask"]
    for reader in (1, 2, 3, 4):
        case = only(real_collection, reader=reader)
        own = case.targets["lesion_mask"]
        dice = 2 * float((own & majority).sum()) / float(own.sum() + majority.sum())
        assert 0.9 < dice < 1.0
        long, short = axis_lengths(case.targets["recist"], case.spacing_mm)
        assert 29 < long < 33
        assert 23 < short < 27
