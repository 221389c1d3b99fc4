"""The figures on XraySyn: what stands in which place, and under which numbers."""

import numpy as np
import pytest
import torch
from PIL import Image

from radbench.contracts import Case, Enhancement

MAKER = "make_views_figures"
SIDE = 16


class Renderer:
    """Shows the image moved by a degree a pixel, and its bright half as bone."""

    def views(self, images, poses, cases):
        moved = torch.stack([images[0].roll(round(pose.azimuth_deg), 2) for pose in poses])[None]
        return Enhancement(moved, {"bone_thickness": moved * (moved > 0.5)})

    def __call__(self, images, cases):
        return Enhancement(images * 0.5)


@pytest.fixture
def case():
    image = torch.rand(1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))

    def views(poses):
        seen = torch.stack([image.roll(round(pose.azimuth_deg), 2) for pose in poses])
        return {"radiograph": seen, "bone": seen * (seen > 0.5), "tissue": seen}

    return Case("c", "p", image, targets={"view_images": views, "soft_tissue_image": image * 0.5})


@pytest.fixture
def words(maker, monkeypatch):
    """What is written under pictures."""
    written = []
    painted = maker.paint

    def paint(axis, image, white=1.0, words=""):
        written.append(words)
        painted(axis, image, white, words)

    monkeypatch.setattr(maker, "paint", paint)
    monkeypatch.setattr(maker, "loaded", lambda *_: Renderer())
    return written


def test_simulated_views_are_held_to_the_ct_and_a_copy_of_the_input_to_nothing(maker, case, words, tmp_path):
    maker.simulated(case, "quick", "float32", tmp_path)
    assert np.asarray(Image.open(tmp_path / "xraysyn-simulated.jpg").convert("L")).std() > 10
    # The truth and bones under it; then each method's radiographs (which are the truth's own here) and bones.
    assert words[:10] == [""] * 10
    assert words[10:15] == ["inf / 1.000", "inf / 1.000", "", "inf / 1.000", "inf / 1.000"]
    assert len(words) == 5 * (2 + 2 * len(maker.SIMULATED))


def test_of_real_radiographs_the_input_view_alone_is_held_to_something(maker, case, words, tmp_path):
    maker.real(case, "quick", "float32", tmp_path)
    assert (tmp_path / "xraysyn-real.jpg").exists()
    assert [word for word in words if word] == ["inf / 1.000"] * len(maker.REAL)


def test_bones_taken_out_stand_beside_the_soft_tissue_where_it_is_known(maker, case, words, tmp_path, monkeypatch):
    widths = []
    monkeypatch.setattr(
        maker, "grid", lambda rows, columns, grid=maker.grid: widths.append(columns) or grid(rows, columns)
    )
    maker.bones([case], "quick", "float32", tmp_path)
    maker.bones([Case("c", "p", case.image)], "quick", "float32", tmp_path)
    assert widths == [2 + len(maker.SUPPRESSORS), 1 + len(maker.SUPPRESSORS)]


def test_psnr_and_ssim_are_written_as_the_paper_does(maker):
    image = torch.rand(1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    assert maker.held_to((image - 0.01), image).startswith("40.00 / ")
