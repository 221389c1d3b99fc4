"""What docs/xray.md shows is run, on a small volume; its table is the one in the package."""

from __future__ import annotations

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from radbench.imaging import read_image
from radbench.xray import attenuation_table

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "xray.md"


def test_the_example_writes_a_radiograph_and_its_soft_tissue_per_angle(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hu = np.full((40, 30, 30), -1000, np.int16)
    hu[8:32, 8:24] = 40
    hu[8:32, 9:11, 5::8] = 800
    nib.Nifti1Image(hu, np.diag([8.0, 8.0, 10.0, 1.0])).to_filename("ct.nii.gz")
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    exec(compile(code, DOCUMENT.name, "exec"), {})
    for azimuth in (-9, 0, 9):
        image = read_image(tmp_path / f"radiograph{azimuth:+d}.png").image
        left, right = image[0, :, :320], image[0, :, 320:]
        assert image.shape == (1, 320, 640)
        assert left.max() - left.min() > 0.5
        assert ((left - right) > -0.01).all()
        assert (left - right).max() > 0.005


@pytest.mark.parametrize("material", ["bone", "tissue"])
def test_the_table_shown_is_the_one_in_the_package(material):
    (line,) = re.findall(rf"^\| {material} \|(.*)\|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert tuple(float(v) for v in line.split("|")) == attenuation_table("ct2xray").coefficients[material]
