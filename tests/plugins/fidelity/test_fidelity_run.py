"""A run of the task fidelity on a folder with lung masks: rows of the image, and of the layers that enhancers offer."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import radbench
from radbench.imaging import write_image

PLUGIN = """
from radbench import Enhancement, EnhancerSpec, hookimpl


@hookimpl
def radbench_enhancers():
    factory = "split_plugin:split"
    return [EnhancerSpec(name="split", factory=factory, summary="lungs apart", layers=("lung_image",))]


def split(images):
    return Enhancement(images * 0.5, {"lung_image": 1 - images})
"""


@pytest.fixture
def collection(tmp_path):
    rng = np.random.default_rng(0)
    mask = torch.zeros(1, 128, 128)
    mask[:, 30:100, 20:110] = 1.0
    for name in ("a", "b", "c"):
        write_image(tmp_path / "images" / f"{name}.png", torch.from_numpy(rng.random((1, 128, 128), dtype=np.float32)))
        write_image(tmp_path / "masks" / f"{name}.png", mask)
    (tmp_path / "split_plugin.py").write_text(PLUGIN)
    return tmp_path


def test_a_layer_has_a_row_of_its_own_and_nobody_else_lacks_it(collection, monkeypatch):
    monkeypatch.chdir(collection)
    frame = radbench.run(
        "clahe,split",
        "fidelity",
        "folder[root=images,masks=masks,mask_threshold=0]",
        plugins=["split_plugin.py"],
        debug=True,
    )
    assert set(frame["status"]) == {"ok"}
    rows = frame.set_index(["enhancer", "metric", "facet"])["value"]
    layers = frame[frame["facet"] != ""]
    assert set(layers["metric"]) == {"detail_correlation"}
    assert set(layers["facet"]) == {"lung_image"}
    assert sorted(layers["enhancer"][layers["value"].notna()]) == ["split"]
    assert rows["split", "detail_correlation", "lung_image"] == pytest.approx(-1.0, abs=1e-5)
    assert rows["split", "detail_correlation", ""] == pytest.approx(1.0, abs=1e-5)
    assert rows["split", "detail_kept", ""] == pytest.approx(0.5, abs=1e-3)
    assert rows["split", "tone_residual_p99", ""] == 0.0
    assert [rows["original", m, ""] for m in ("detail_correlation", "detail_kept", "tone_residual_p99")] == [1, 1, 0]
    whole = frame[frame["facet"] == ""]
    assert (whole["n_cases"] == 3).all()
    assert not any(math.isnan(value) for value in whole["value"])
