"""The data set ct2xray: what is seen of a volume, from the front and from elsewhere, with and without its bones."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from radbench.contracts import Case, CaseEntry, CaseError, DatasetSpec, LookedUp, check_manifest, validate_case
from radbench.xray import Pose
from radbench_ct2xray.dataset import Ct2Xray, spec_of_ct2xray
from radbench_ct2xray.plugin import radbench_datasets
from radbench_phantom.ct import PhantomCt

SIDE, MM = 32, 8.0
"""Voxels and their side. The body is 20 voxels wide: 160 mm, which are the cube's 128."""


def body(width=20, depth=16):
    """Return a block of water in air, ``[D,H,W]`` HU: as high as the volume, in its middle."""
    hu = torch.full((SIDE, SIDE, SIDE), -1000.0)
    beside, before = (SIDE - width) // 2, (SIDE - depth) // 2
    hu[:, before : SIDE - before, beside : SIDE - beside] = 0.0
    return hu


def with_ribs():
    """Return it with two dense bars in front, and where they are."""
    hu, bone = body(), torch.zeros(SIDE, SIDE, SIDE, dtype=torch.bool)
    bone[10:12, 9:11, 8:24] = True
    bone[20:22, 9:11, 8:24] = True
    hu[bone] = 1200.0
    return hu, bone


class Toy:
    """One patient's volume."""

    collection = "toys"

    def __init__(self, hu=None, bone=None):
        self.hu = body() if hu is None else hu
        self.bone = torch.zeros_like(self.hu, dtype=torch.bool) if bone is None else bone
        self.loads = 0

    def manifest(self):
        return [CaseEntry("a", "p", "test", "digest", {"size": "small"}), CaseEntry("b", "q", "test", "other")]

    def load(self, case_id):
        self.loads += 1
        ready = {"volume_spacing_mm": torch.full((3,), MM)}
        on_demand = {"volume_hu": lambda: self.hu, "bone_volume": lambda: self.bone}
        return Case(case_id, "p", torch.zeros(1, 4, 4), targets=LookedUp(ready, on_demand))


def seen(of=None, **fields):
    return Ct2Xray(Ct2Xray.Config(of="toy", grid=32, size=48, **fields), SimpleNamespace(of=of or Toy()))


def test_a_case_keeps_the_contract_and_is_frontal():
    data = seen(Toy(*with_ribs()))
    case = validate_case(data.load("a"))
    assert set(case.targets) == data.targets == {*radbench_datasets()[0].targets}
    assert case.image.shape == (1, 48, 48)
    assert (float(case.image.min()), float(case.image.max())) == (0.0, 1.0)
    assert case.targets["view_pose"] == Pose()
    assert (case.patient_id, case.groups) == ("p", {"size": "small"})
    check_manifest("ct2xray", data.manifest())


def test_the_frontal_view_is_the_image_itself():
    case = seen(Toy(*with_ribs())).load("a")
    views = case.targets["view_images"]([Pose(5.0), Pose(), Pose(-5.0)])
    assert {name: tuple(view.shape) for name, view in views.items()} == dict.fromkeys(
        ("radiograph", "bone", "tissue"), (3, 1, 48, 48)
    )
    assert torch.equal(views["radiograph"][1], case.image)
    assert not torch.equal(views["radiograph"][0], case.image)


def test_thickness_is_the_mass_along_the_ray_in_the_cube():
    tissue = seen().load("a").targets["view_images"]([Pose()])["tissue"][0, 0]
    # 16 voxels of 8 mm are 102.4 mm of the cube, at 1.03 g/cm^3; the rest of it is air, at 0.001.
    assert float(tissue[24, 24]) == pytest.approx(10.24 * 1.03 + 2.56 * 0.001, rel=1e-3)
    # No air is seen beside the block: the cube is as wide, and the detector shows 5/6 of it.
    assert float(tissue.min()) > 10.0


def test_bone_is_the_share_of_mass_and_the_rest_is_tissue():
    case = seen(Toy(*with_ribs())).load("a")
    views = case.targets["view_images"]([Pose()])
    bone = views["bone"][0, 0]
    # Two voxels of bone of 1200 HU, all of whose mass is bone: 12.8 mm of the cube at 0.0005886 * 1200 + 1.03.
    assert float(bone.max()) == pytest.approx(1.28 * (0.0005886 * 1200 + 1.03), rel=0.15)
    assert torch.equal(case.targets["bone_mask"][0], bone >= 0.05)
    assert 0.05 < float(case.targets["bone_mask"].float().mean()) < 0.3


def test_without_its_bones_a_patient_looks_like_one_that_has_none():
    ribs, none = seen(Toy(*with_ribs())).load("a"), seen(soft_tissue_hu=0.0).load("a")
    soft = seen(Toy(*with_ribs()), soft_tissue_hu=0.0).load("a").targets["soft_tissue_image"]
    torch.testing.assert_close(soft, none.image, atol=1e-6, rtol=0)
    assert float((ribs.image - none.image).abs().max()) > 0.01
    outside = ribs.targets["bone_image"][~ribs.targets["bone_mask"]]
    assert float(outside.max()) < 0.3 < float(ribs.targets["bone_image"].max())


def test_opposite_views_of_a_symmetric_patient_mirror_each_other():
    views = seen(Toy(*with_ribs())).load("a").targets["view_images"]([Pose(9.0), Pose(-9.0)])
    for view in views.values():
        torch.testing.assert_close(view[0], view[1].flip(-1), atol=1e-4, rtol=1e-4)


def test_pixels_are_measured_in_the_patient_at_the_isocentre():
    # 128 mm of the cube are 160 of the patient; the detector stands 1.2 times as far as the patient.
    assert seen().load("a").spacing_mm == pytest.approx((160 / 48 / 1.2,) * 2)


def test_targets_of_one_case_are_looked_up_in_one_volume():
    toy = Toy()
    case = seen(toy).load("a")
    case.targets["view_images"]([Pose()])
    assert toy.loads == 1


def test_a_digest_covers_volume_and_options():
    one = {e.case_id: e.digest for e in seen().manifest()}
    assert one["a"] != one["b"]
    assert {e.case_id: e.digest for e in seen().manifest()} == one
    other = Ct2Xray(Ct2Xray.Config(of="toy", grid=32, size=64), SimpleNamespace(of=Toy()))
    assert {e.case_id: e.digest for e in other.manifest()}["a"] != one["a"]


def test_collection_licence_and_citation_are_the_other_data_set_s():
    data = seen()
    assert data.collection == "toys"
    of = DatasetSpec("toy", "a:b", "toy", licence="CC0", citation="Toy 2020")
    spec = spec_of_ct2xray(radbench_datasets()[0], data.config, {"of": of})
    assert (spec.licence, spec.citation, spec.modality) == ("CC0", "Toy 2020", "cxr")


def test_the_phantom_s_lungs_let_more_pass_than_its_middle():
    data = Ct2Xray(Ct2Xray.Config(grid=32, size=48), SimpleNamespace(of=PhantomCt(PhantomCt.Config(size=(32, 32, 32)))))
    case = validate_case(data.load("p0000"))
    image, soft, mask = case.image[0], case.targets["soft_tissue_image"][0], case.targets["bone_mask"][0]
    middle, right = float(image[20, 22:26].mean()), float(image[16:24, 8:16].mean())
    assert middle > right + 0.1
    assert 0.2 < float(mask.float().mean()) < 0.95
    assert not math.isclose(float((image - soft).abs().max()), 0.0)


def test_what_cannot_be_used_is_told_with_its_case():
    with pytest.raises(CaseError, match="case 'a': the volume holds no body"):
        seen(Toy(torch.full((SIDE, SIDE, SIDE), -1000.0))).load("a")
    with pytest.raises(CaseError, match="case 'a': volume and bone must be alike"):
        seen(Toy(bone=torch.zeros(4, 4, 4, dtype=torch.bool))).load("a")
    with pytest.raises(CaseError, match="no case 'c'"):
        seen().load("c")
