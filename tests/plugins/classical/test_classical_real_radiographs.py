"""The classical enhancers on real radiographs: what each is for shows in the figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.functional import avg_pool2d

from radbench.imaging import read_image
from radbench_classical.adaptive import clahe
from radbench_classical.decomposition import wls


@pytest.fixture(scope="module")
def radiograph() -> torch.Tensor:
    """One real radiograph at 256 x 256, [1,1,H,W]."""
    path = Path(__file__).resolve().parents[4] / "shared" / "data" / "nih-cxr" / "00000001_000.png"
    if not path.is_file():
        pytest.skip("needs ../shared/data/nih-cxr: not present")
    return avg_pool2d(read_image(path).image[None], 2)


def local_contrast(image: torch.Tensor) -> float:
    """Mean standard deviation within 16 x 16 tiles."""
    tiles = image.unfold(2, 16, 16).unfold(3, 16, 16)
    return float(tiles.std(dim=(4, 5)).mean())


def test_clahe_and_wls_raise_local_contrast(radiograph: torch.Tensor) -> None:
    before = local_contrast(radiograph)
    assert local_contrast(clahe(radiograph)) > 1.3 * before
    assert local_contrast(wls(radiograph).image) > 1.3 * before


def test_wls_clips_few_pixels_and_keeps_the_picture(radiograph: torch.Tensor) -> None:
    out = wls(radiograph).image
    extreme = float(((out == 0) | (out == 1)).float().mean())
    assert extreme - float(((radiograph == 0) | (radiograph == 1)).float().mean()) < 0.05
    assert float(torch.corrcoef(torch.stack([out.ravel(), radiograph.ravel()]))[0, 1]) > 0.95


def test_wls_base_is_smoother_than_the_image_but_as_bright(radiograph: torch.Tensor) -> None:
    base = wls(radiograph).layers["base"]
    assert local_contrast(base) < 0.9 * local_contrast(radiograph)
    assert float(base.mean()) == pytest.approx(float(radiograph.mean()), abs=1e-5)
