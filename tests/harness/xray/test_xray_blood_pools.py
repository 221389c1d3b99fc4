"""Blood pools are told from bone by their size, at any voxel size; real contrast-enhanced blood mostly goes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from radbench.imaging import read_volume
from radbench.xray.blood_pools import without_blood_pools
from radbench.xray.materials import bone_mask_from_hu

SPACINGS = [(1.0, 1.0, 1.0), (2.5, 0.7, 0.7), (2.0, 1.5, 1.5)]


def scene(spacing: tuple[float, float, float]) -> dict[str, Tensor]:
    """Masks [1,1,D,H,W] over 100 mm: a ball (heart) and a tube (aorta) of blood; a rib, a plate, a vertebra's shell."""
    axes = [torch.arange(round(100 / s)) * s for s in spacing]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    vertebra = torch.maximum((x - 75).abs(), torch.maximum((y - 75).abs(), (z - 50).abs()))
    masks = {
        "heart": (x - 35) ** 2 + (y - 35) ** 2 + (z - 50) ** 2 < 25**2,
        "aorta": (x - 78) ** 2 + (y - 40) ** 2 < 13**2,
        "rib": (y - 92) ** 2 + (z - 85) ** 2 < 5**2,
        "plate": (y - 4).abs() < 3,
        "vertebra": (vertebra < 15) & (vertebra > 12),
    }
    return {name: mask[None, None] for name, mask in masks.items()}


def share(mask: Tensor, part: Tensor) -> float:
    return float((mask & part).sum() / part.sum())


@pytest.mark.parametrize("spacing", SPACINGS)
def test_pools_go_and_bones_stay(spacing):
    parts = scene(spacing)
    kept = without_blood_pools(torch.stack(list(parts.values())).any(0), spacing)
    assert share(kept, parts["heart"]) < 0.05
    assert share(kept, parts["aorta"]) < 0.05
    for bone in ("rib", "plate", "vertebra"):
        assert share(kept, parts[bone]) > 0.97, bone


def test_noisy_blood_goes_too():
    parts = scene(SPACINGS[0])
    holes = torch.rand(parts["heart"].shape, generator=torch.Generator().manual_seed(0)) < 0.1
    assert share(without_blood_pools(parts["heart"] & ~holes, SPACINGS[0]), parts["heart"]) < 0.08


def test_nothing_is_added_and_type_and_shape_stay():
    mask = (torch.rand(2, 1, 9, 13, 11, generator=torch.Generator().manual_seed(0)) > 0.2).float()
    kept = without_blood_pools(mask, (1.3, 0.9, 0.9))
    assert kept.shape == mask.shape
    assert kept.dtype == mask.dtype
    assert bool((kept <= mask).all())


def test_a_mask_without_pools_stays_as_it_is():
    parts = scene(SPACINGS[1])
    assert torch.equal(without_blood_pools(parts["rib"], SPACINGS[1]), parts["rib"])


def test_volumes_of_a_batch_do_not_touch_each_other():
    parts = scene(SPACINGS[0])
    together = torch.cat([parts["heart"], parts["rib"]])
    kept = without_blood_pools(together, SPACINGS[0])
    for i in range(2):
        assert torch.equal(kept[i : i + 1], without_blood_pools(together[i : i + 1], SPACINGS[0]))


@pytest.mark.slow
def test_enhanced_blood_of_a_real_scan_mostly_goes(real_data):
    folder = real_data / "lidc-0001"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/lidc-0001: not present")
    ct = read_volume(folder / "ct.nii.gz")
    labels = read_volume(folder / "labels.nii.gz").hu
    rows = [line.split(",") for line in (folder / "structures.csv").read_text().splitlines()[1:]]
    marks = {name: int(number) for _, _, name, number in rows}
    blood = torch.isin(labels, torch.tensor([marks["heart"], marks["aorta"]], dtype=labels.dtype))
    ribs = [n for name, n in marks.items() if name.startswith(("rib_", "scapula", "clavicula", "vertebrae_T"))]
    bone = torch.isin(labels, torch.tensor(ribs, dtype=labels.dtype))
    mask = bone_mask_from_hu(ct.hu) > 0
    kept = without_blood_pools(mask[None, None], ct.spacing_mm)[0, 0]
    assert share(kept, mask & blood) < 0.1
    assert share(kept, mask & bone) > 0.97


def test_wrong_calls_are_refused_in_words():
    mask = torch.zeros(1, 1, 4, 4, 4)
    with pytest.raises(ValueError, match=r"must be \[B,1,D,H,W\]"):
        without_blood_pools(mask[0], (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="must be positive"):
        without_blood_pools(mask, (1.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="solid must lie"):
        without_blood_pools(mask, (1.0, 1.0, 1.0), solid=0)
