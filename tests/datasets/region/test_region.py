"""The data set region: what is cut, round what, and what goes along."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError

from radbench.contracts import Case, CaseEntry, CaseError, DatasetSpec, LookedUp, check_manifest, validate_case
from radbench.contracts.config import part_of
from radbench_phantom.lesions import PhantomLesions
from radbench_region.dataset import Region, spec_of_region
from radbench_region.plugin import radbench_datasets

ROWS, COLUMNS = 20, 30


def block(top, left, bottom, right):
    """Return a mask that is set in rows top to bottom - 1 and columns left to right - 1."""
    mask = torch.zeros(1, ROWS, COLUMNS, dtype=torch.bool)
    mask[0, top:bottom, left:right] = True
    return mask


def case(case_id="a", mask=None, boxes=(), spacing=(2.0, 0.5)):
    """Return a case whose pixel (y, x) is y + x / 100, so that it tells where it came from."""
    place = torch.arange(ROWS)[:, None] + torch.arange(COLUMNS)[None] / 100
    return Case(
        case_id,
        "p",
        (place / ROWS)[None].clamp(0, 1),
        spacing,
        groups={"size": "small"},
        provenance={"file": "f.png"},
        targets=LookedUp(
            {
                "hu": place[None].clone(),
                "lesion_mask": block(8, 10, 12, 16) if mask is None else mask,
                "clean_image": torch.zeros(1, ROWS, COLUMNS),
                "recist": torch.tensor([[10.0, 8.0], [15.0, 11.0], [12.0, 11.0], [13.0, 8.0]]),
                "findings": {"mass": 1.0, "nodule": float("nan")},
                "boxes": {"mass": torch.tensor([*boxes, [10.0, 8.0, 15.0, 11.0]]), "edema": torch.zeros(0, 4)},
                "volume_spacing_mm": torch.ones(3),
                "view_pose": object(),
            },
            {"volume_hu": lambda: pytest.fail("worked a volume out")},
        ),
    )


class Toy:
    """A data set of cases at hand."""

    modality = "ct"
    collection = "toys"
    targets = frozenset(
        {"hu", "lesion_mask", "clean_image", "recist", "findings", "boxes", "volume_spacing_mm", "view_pose"}
        | {"volume_hu"}
    )

    def __init__(self, *cases, twins=()):
        self.cases, self.twins = {c.case_id: c for c in cases}, dict(twins)

    def manifest(self):
        return [
            CaseEntry(i, "p", "test", f"digest of {i}", {"size": "small"}, twin=self.twins.get(i, ""))
            for i in self.cases
        ]

    def load(self, case_id):
        if case_id not in self.cases:
            raise CaseError(f"no case '{case_id}'")
        return self.cases[case_id]


def region(of=None, **fields):
    of = of or Toy(case())
    return Region(Region.Config(of="toy", **fields), SimpleNamespace(of=of))


def corners(cut):
    """Return first and last row and column of a region, read from its pixels."""
    hu = cut.targets["hu"][0]
    first, last = float(hu[0, 0]), float(hu[-1, -1])
    return int(first), round(first % 1 * 100), int(last), round(last % 1 * 100)


def test_the_whole_image_is_the_default():
    whole, cut = case(), region().load("a")
    assert torch.equal(cut.image, whole.image)
    assert corners(cut) == (0, 0, ROWS - 1, COLUMNS - 1)


def test_a_box_is_given_in_shares_and_takes_every_pixel_that_it_meets():
    assert corners(region(box=(0.25, 0.5, 0.5, 0.5)).load("a")) == (5, 15, 14, 29)
    assert corners(region(box=(0.27, 0.51, 0.5, 0.1)).load("a")) == (5, 15, 15, 18)
    assert region(box=(0.5, 0.5, 1e-4, 1e-4)).load("a").image.shape == (1, 1, 1)


def test_a_mask_is_met_exactly_without_margin():
    cut = validate_case(region(around="lesion_mask", margin=0.0, least=1).load("a"))
    assert corners(cut) == (8, 10, 11, 15)
    assert bool(cut.targets["lesion_mask"].all())


def test_margins_are_shares_of_the_sides_or_millimetres():
    assert corners(region(around="lesion_mask", margin=0.5, least=1).load("a")) == (6, 7, 13, 18)
    assert corners(region(around="lesion_mask", margin_mm=2.0, least=1).load("a")) == (7, 6, 12, 19)


def test_a_square_grows_the_shorter_side_and_a_least_side_both():
    assert corners(region(around="lesion_mask", margin=0.0, least=1, shape="square").load("a")) == (7, 10, 12, 15)
    assert corners(region(around="lesion_mask", margin=0.0, least=10).load("a")) == (5, 8, 14, 17)


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        (block(0, 0, 2, 2), (0, 0, 9, 9)),
        (block(18, 28, 20, 30), (10, 20, 19, 29)),
        (block(0, 4, 20, 5), (0, 0, 19, 19)),
    ],
)
def test_at_the_border_a_region_keeps_its_size_by_moving_in(mask, found):
    assert (
        corners(region(Toy(case(mask=mask)), around="lesion_mask", least=10, shape="square", margin=0).load("a"))
        == found
    )


def test_no_region_is_larger_than_the_image():
    assert corners(region(around="lesion_mask", least=25).load("a")) == (0, 1, ROWS - 1, 25)


@pytest.mark.parametrize("bottom", range(9, 14))
@pytest.mark.parametrize("margin", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("shape", ["any", "square"])
def test_what_it_lies_round_is_always_inside(bottom, margin, shape):
    whole = case(mask=block(8, 10, bottom, 17))
    cut = region(Toy(whole), around="lesion_mask", margin=margin, least=1, shape=shape).load("a")
    assert cut.targets["lesion_mask"].sum() == whole.targets["lesion_mask"].sum()
    if shape == "square":
        assert cut.image.shape[1] == cut.image.shape[2]


def test_boxes_of_a_finding_are_held_together():
    cut = region(Toy(case(boxes=([2.0, 3.0, 4.0, 5.0],))), around="boxes:mass", margin=0.0, least=1).load("a")
    assert corners(cut) == (3, 2, 11, 15)
    assert cut.targets["boxes"]["mass"].tolist() == [[0, 0, 2, 2], [8, 5, 13, 8]]
    part = region(Toy(case(boxes=([2.6, 3.4, 4.0, 5.0],))), around="boxes:mass", margin=0.0, least=1).load("a")
    assert corners(part)[:2] == (3, 3)


def test_points_and_boxes_move_and_what_lies_outside_is_left_out():
    boxes = ([0.0, 0.0, 4.0, 4.0], [3.0, 6.0, 30.0, 9.0])
    cut = validate_case(region(Toy(case(boxes=boxes)), around="lesion_mask", margin=0.0, least=1).load("a"))
    assert cut.targets["recist"].tolist() == [[0, 0], [5, 3], [2, 3], [3, 0]]
    assert cut.targets["boxes"]["mass"].tolist() == [[0, 0, 5, 1], [0, 0, 5, 3]]
    assert cut.targets["boxes"]["edema"].shape == (0, 4)
    assert cut.targets["findings"]["mass"] == 1.0


def test_identity_spacing_and_groups_stay_and_the_cut_is_told():
    data = region(around="lesion_mask", margin=0.0, least=1)
    whole, cut = case(), data.load("a")
    assert (cut.case_id, cut.patient_id, cut.spacing_mm, cut.groups) == ("a", "p", whole.spacing_mm, whole.groups)
    box = {"top": 8, "left": 10, "height": 4, "width": 6, "around": "lesion_mask"}
    assert cut.provenance == {"file": "f.png", "region": box}
    assert (data.modality, data.collection) == ("ct", "toys")


def test_what_speaks_of_the_whole_goes_and_nothing_is_worked_out():
    data = region()
    assert set(data.load("a").targets) == data.targets
    assert data.targets == Toy.targets - {"volume_hu", "volume_spacing_mm", "view_pose"}


def test_the_other_data_sets_tensors_stay_as_they_are():
    toy = Toy(case())
    data = region(toy)
    cut = data.load("a")
    cut.image.zero_()
    for name in ("hu", "lesion_mask", "recist"):
        cut.targets[name].zero_()
    cut.targets["boxes"]["mass"].zero_()
    again = data.load("a")
    assert torch.equal(again.image, case().image)
    assert all(torch.equal(again.targets[n], case().targets[n]) for n in ("hu", "lesion_mask", "recist"))
    assert torch.equal(again.targets["boxes"]["mass"], case().targets["boxes"]["mass"])


def test_twins_are_cut_alike_round_what_is_in_the_one_that_others_share():
    toy = Toy(case("a"), case("b", block(1, 1, 5, 5)), case("c"), twins={"a": "b", "c": "b"})
    data = region(toy, around="lesion_mask", margin=0.0, least=1)
    assert {corners(data.load(i)) for i in "abc"} == {(1, 1, 4, 4)}
    assert [(e.case_id, e.twin) for e in data.manifest()] == [("a", "b"), ("b", ""), ("c", "b")]


def test_a_twin_of_another_size_is_refused():
    small = case("a")
    small = Case("a", "p", small.image[:, :6, :6], targets={"lesion_mask": block(0, 0, 1, 1)[:, :6, :6]})
    with pytest.raises(CaseError, match=r"case 'a': the box of its twin 'b' reaches beyond its own 6 x 6 pixels"):
        region(Toy(small, case("b"), twins={"a": "b"}), around="lesion_mask", least=1).load("a")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"around": "lesion_mask"}, "case 'a' has no lesion_mask to cut round"),
        ({"around": "heart_mask"}, "case 'a' has no heart_mask to cut round"),
        ({"around": "boxes:edema"}, "case 'a' has no box of 'edema' to cut round"),
        ({"around": "boxes:hernia"}, "case 'a' has no box of 'hernia' to cut round"),
    ],
)
def test_a_case_without_what_is_cut_round_is_named(fields, words):
    empty = torch.zeros(1, ROWS, COLUMNS, dtype=torch.bool)
    with pytest.raises(CaseError, match=words):
        region(Toy(case(mask=empty)), **fields).load("a")


def test_a_case_whose_twin_lacks_it_is_named_with_it():
    toy = Toy(case("a"), case("b", torch.zeros(1, ROWS, COLUMNS, dtype=torch.bool)), twins={"a": "b"})
    with pytest.raises(CaseError, match="case 'a': its twin 'b' has no lesion_mask"):
        region(toy, around="lesion_mask").load("a")


def test_boxes_outside_the_image_are_nothing_to_cut_round():
    whole = case()
    outside = Case("a", "p", whole.image, targets={"boxes": {"mass": torch.tensor([[40.0, 2.0, 50.0, 4.0]])}})
    with pytest.raises(CaseError, match="case 'a' has its boxes of 'mass' outside the image"):
        region(Toy(outside), around="boxes:mass").load("a")


def test_millimetres_need_a_spacing():
    with pytest.raises(CaseError, match="states no pixel spacing"):
        region(Toy(case(spacing=None)), around="lesion_mask", margin_mm=1.0).load("a")


def test_the_digest_follows_the_case_its_twin_and_the_options():
    def digests(toy=None, **fields):
        return [e.digest for e in region(toy or Toy(case("a"), case("b")), **fields).manifest()]

    plain = digests()
    assert digests() == plain
    assert len(set(plain)) == 2
    for change in ({"box": (0.0, 0.0, 0.5, 0.5)}, {"around": "lesion_mask"}, {"margin": 0.2}, {"margin_mm": 3.0}):
        assert not set(digests(**change)) & set(plain)
    for change in ({"shape": "square"}, {"least": 8}):
        assert not set(digests(**change)) & set(plain)
    twinned = digests(Toy(case("a"), case("b"), twins={"a": "b"}))
    assert twinned[0] != plain[0]
    assert twinned[1] == plain[1]


@pytest.mark.parametrize(
    "fields",
    [
        {"around": "hip"},
        {"around": "boxes:"},
        {"around": "spine", "spine": "all"},
        {"around": "spine", "box": (0.0, 0.0, 0.5, 0.5)},
        {"around": "lesion_mask", "spine": "wide"},
        {"box": (0.5, 0.5, 0.6, 0.5)},
        {"box": (0.0, 0.0, 0.0, 1.0)},
        {"box": (-0.1, 0.0, 0.5, 0.5)},
        {"around": "lesion_mask", "box": (0.0, 0.0, 0.5, 0.5)},
        {"margin": -0.1},
        {"least": 0},
        {"shape": "round"},
    ],
)
def test_bad_values_are_refused(fields):
    with pytest.raises(ValidationError):
        Region.Config(of="toy", **fields)


def chest(case_id="a", middle=0.1):
    """Return a radiograph of dark lungs beside a bright spine, whose middle lies at a share of half the width."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 160), torch.linspace(-1, 1, 200), indexing="ij")
    image = 0.6 - 0.5 * ((x - middle).abs() > 0.92).float()
    for side in (-0.47, 0.47):
        image -= 0.35 * torch.exp(-((((x - middle - side) / 0.32) ** 2 + ((y + 0.05) / 0.75) ** 2) ** 3))
    image = (image + 0.2 * torch.exp(-(((x - middle) / 0.08) ** 4))).clamp(0, 1)[None]
    return Case(case_id, "p", image, targets={"lung_mask": image > 0.5})


@pytest.mark.parametrize(("which", "height", "width"), [("narrow", 80, 41), ("wide", 80, 80)])
def test_a_spine_is_cut_round_in_the_middle_of_the_rows(which, height, width):
    cut = region(Toy(chest()), around="spine", spine=which).load("a")
    box = cut.provenance["region"]
    assert (box["top"], box["height"], box["width"], box["around"]) == (40, height, width, "spine")
    assert abs(box["left"] + width / 2 - 0.55 * 200) < 4
    whole, columns = chest(), slice(box["left"], box["left"] + width)
    assert torch.equal(cut.image, whole.image[:, 40:120, columns])
    assert torch.equal(cut.targets["lung_mask"], whole.targets["lung_mask"][:, 40:120, columns])


def test_a_radiograph_in_which_no_spine_is_found_is_named_never_cut_in_the_middle():
    inverted = Case("a", "p", 1 - chest().image)
    with pytest.raises(CaseError, match="case 'a': no spine found"):
        region(Toy(inverted), around="spine").load("a")


def test_twins_are_cut_round_the_spine_of_the_one_that_others_share():
    toy = Toy(chest("a", -0.1), chest("b", 0.1), twins={"a": "b"})
    left = [region(toy, around="spine").load(i).provenance["region"]["left"] for i in "ab"]
    assert left[0] == left[1]


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, {}),
        ({"box": (0.0, 0.0, 0.5, 0.5)}, {"box": [0.0, 0.0, 0.5, 0.5]}),
        ({"around": "lesion_mask", "margin_mm": 3.0}, {"around": "lesion_mask", "margin_mm": 3.0}),
    ],
)
def test_digests_of_other_regions_are_those_of_before_there_were_spines(fields, options):
    before = {
        "around": "image",
        "box": [0.0, 0.0, 1.0, 1.0],
        "margin": 0.1,
        "margin_mm": None,
        "shape": "any",
        "least": 16,
    }
    made_of = ["digest of a", "", {**before, **options}]
    wanted = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    assert [e.digest for e in region(**fields).manifest()] == [wanted]


def test_wide_and_narrow_have_digests_of_their_own():
    found = [region(around="spine", spine=which).manifest()[0].digest for which in ("wide", "narrow")]
    assert len(set(found)) == 2


def test_the_plan_is_told_what_the_other_data_set_must_carry():
    def needed(**fields):
        return part_of(Region.Config.model_fields["of"]).needed(Region.Config(of="toy", **fields))

    assert needed() == ()
    assert needed(around="spine") == ()
    assert needed(around="heart_mask") == ("heart_mask",)
    assert needed(around="boxes:mass") == ("boxes",)


def test_the_spec_is_that_of_the_data_set_that_is_cut():
    (spec,) = radbench_datasets()
    of = DatasetSpec(
        "toy", "m:C", "", modality="cxr", targets=("boxes", "volume_hu"), slow=True, licence="CC0", citation="me"
    )
    found = spec_of_region(spec, Region.Config(of="toy"), {"of": of})
    assert (found.modality, found.targets, found.slow, found.licence, found.citation) == (
        "cxr",
        ("boxes",),
        True,
        "CC0",
        "me",
    )


def test_lesions_of_the_phantom_are_cut_and_keep_their_axes():
    whole = PhantomLesions(PhantomLesions.Config(patients=2, size=256))
    data = region(whole, around="lesion_mask", margin_mm=10.0, shape="square")
    check_manifest("region", data.manifest())
    entry = data.manifest()[0]
    cut, full = validate_case(data.load(entry.case_id)), whole.load(entry.case_id)
    where = cut.provenance["region"]
    offset = torch.tensor([where["left"], where["top"]])
    assert torch.equal(cut.targets["recist"] + offset, full.targets["recist"])
    assert cut.targets["lesion_mask"].sum() == full.targets["lesion_mask"].sum()
    assert cut.image.shape[1] == cut.image.shape[2] < 256
    assert entry.groups == cut.groups == full.groups
