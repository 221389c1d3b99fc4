"""The task view-synthesis: the truth scores perfectly, who copies has reconstructed nothing, a run has all facets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import radbench
from radbench.contracts import Case, CaseError, Enhancement, Sample, TaskContext
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.metrics import psnr, ssim
from radbench.registry.registry import load_registry
from radbench.xray import Pose
from radbench_views.plugin import radbench_tasks
from radbench_views.poses import ANGLES
from radbench_views.synthesis import ViewSynthesis

CONTEXT = TaskContext("cpu", 0)
FEW = (-9.0, 4.5)


def noise(seed, shape=(3, 1, 24, 20), scale=1.0):
    return scale * torch.from_numpy(np.random.default_rng(seed).random(shape, dtype=np.float32))


TRUTH = {"radiograph": noise(0), "bone": noise(1, scale=2.5), "tissue": noise(2, scale=11.0)}


def score(image=None, layers=None, pose=None, truth=TRUTH, angles=FEW):
    def view_images(poses):
        assert list(poses) == [Pose(), *map(Pose, angles)]
        return truth

    targets = {"view_images": view_images, "view_pose": pose or Pose()}
    case = Case("c", "p", truth["radiograph"][0], targets=targets)
    views = Enhancement(truth["radiograph"] if image is None else image, layers or {})
    task = ViewSynthesis(ViewSynthesis.Config(angles=angles))
    return task.score(Sample(case, case.image, views=views), CONTEXT)


def layers(bone=TRUTH["bone"], tissue=TRUTH["tissue"]):
    return {"bone_thickness": bone, "tissue_thickness": tissue}


def test_the_truth_scores_perfectly_but_for_the_copied_input():
    scores = score(layers=layers())
    assert scores["psnr"] == {"-9 deg": math.inf, "4.5 deg": math.inf}
    assert scores["ssim"] == pytest.approx({"-9 deg": 1.0, "4.5 deg": 1.0})
    assert [scores["psnr_bone"], scores["psnr_tissue"]] == [math.inf, math.inf]
    assert [scores["ssim_bone"], scores["ssim_tissue"]] == pytest.approx([1.0, 1.0])
    assert math.isnan(scores["psnr_input"])
    assert math.isnan(scores["ssim_input"])
    assert scores["psnr_bone_input"] == math.inf
    assert scores["ssim_tissue_input"] == pytest.approx(1.0)


def test_each_view_is_held_to_its_own_truth_on_the_unit_range():
    found = noise(5)
    scores = score(found)
    expected = psnr(found, TRUTH["radiograph"]).tolist(), ssim(found, TRUTH["radiograph"]).tolist()
    assert [scores["psnr_input"], *scores["psnr"].values()] == expected[0]
    assert [scores["ssim_input"], *scores["ssim"].values()] == expected[1]


def test_thickness_is_measured_in_the_truth_s_greatest_of_all_views():
    greatest = float(TRUTH["bone"].max())
    off = TRUTH["bone"] + 0.1 * greatest
    scores = score(layers=layers(off, TRUTH["tissue"]))
    # Beyond the truth's greatest it counts, too.
    assert scores["psnr_bone"] == pytest.approx(20.0, abs=1e-3)
    assert scores["psnr_bone_input"] == pytest.approx(20.0, abs=1e-3)
    clipped = (off / greatest).clamp_max(1.0), TRUTH["bone"] / greatest
    expected = ssim(*clipped).tolist()
    assert scores["ssim_bone_input"] == pytest.approx(expected[0], abs=1e-5)
    assert scores["ssim_bone"] == pytest.approx(sum(expected[1:]) / 2, abs=1e-5)


def test_without_layers_there_is_no_answer():
    scores = score()
    assert all(math.isnan(scores[name]) for name in ("psnr_bone", "ssim_tissue", "psnr_tissue_input"))


def test_where_there_is_no_bone_there_is_no_answer_for_it():
    scores = score(layers=layers(), truth={**TRUTH, "bone": torch.zeros(3, 1, 24, 20)})
    assert math.isnan(scores["psnr_bone_input"])
    assert scores["psnr_tissue_input"] == math.inf


def test_views_are_counted_from_a_frontal_one():
    with pytest.raises(CaseError, match="case 'c' is seen from Pose"):
        score(pose=Pose(3.0))
    with pytest.raises(CaseError, match="what was rendered is"):
        score(noise(0, (3, 1, 12, 20)))


def test_twenty_views_are_asked_for_as_the_released_code_renders_them():
    assert len(ANGLES) == 20
    assert ANGLES[:2] == (-9.0, -8.1)
    assert (ANGLES[9], ANGLES[10], ANGLES[-1]) == (-0.9, 0.9, 9.0)
    assert ViewSynthesis.views(ViewSynthesis.Config()) == [Pose(), *(Pose(a) for a in ANGLES)]


@pytest.mark.parametrize("angles", [(), (0.0,), (3.0, 3.0), (50.0,), (math.nan,)])
def test_angles_that_cannot_be_asked_for_are_refused(angles):
    with pytest.raises(ValidationError, match="angles must"):
        ViewSynthesis.Config(angles=angles)


def test_every_observation_is_a_metric_s():
    (spec,) = (spec for spec in radbench_tasks() if spec.name == "view-synthesis")
    assert set(score()) == set(spec.observations)
    assert {m.data_range for m in spec.metrics} == {1.0}
    assert [m.name for m in spec.metrics if m.primary] == ["psnr"]


PLUGIN = """
import torch
from radbench import Enhancement, EnhancerSpec, hookimpl
from radbench.contracts.config import Config as Base


@hookimpl
def radbench_enhancers():
    factory = "turning_plugin:Turning"
    layers = ("bone_thickness", "tissue_thickness")
    return [
        EnhancerSpec(name="turning", factory=factory, summary="a guess", layers=layers, renders=True),
        EnhancerSpec(name="still", factory="turning_plugin:still", summary="renders nothing"),
    ]


def still(images):
    return images


class Turning:
    class Config(Base):
        pass

    def __init__(self, config):
        pass

    def enhance(self, images):
        return images

    def views(self, images, poses):
        # Half as bright by nine degrees, and never quite the input.
        views = torch.stack([images * (0.99 - abs(p.azimuth_deg) / 18) for p in poses], dim=1)
        return Enhancement(views, {"bone_thickness": views, "tissue_thickness": 10 * views})
"""

DATA = "ct2xray[of=phantom-ct[patients=20,size=[16,16,16]],grid=16,size=32]"


def test_a_run_gives_every_angle_and_the_whole(tmp_path, monkeypatch):
    (tmp_path / "turning_plugin.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    frame = radbench.run(
        "original,turning,still",
        "view-synthesis[angles=[-9,3,9]]",
        DATA,
        plugins=["turning_plugin.py"],
        debug=True,
        limit=2,
    )
    rows = frame.set_index(["enhancer", "metric", "facet"])["value"]
    facets = ["-9 deg", "3 deg", "9 deg"]
    for enhancer in ("original", "turning"):
        each = [rows[enhancer, "psnr", facet] for facet in facets]
        assert rows[enhancer, "psnr", ""] == pytest.approx(np.mean(each))
        assert each[1] > max(each[0], each[2])
    assert math.isnan(rows["original", "psnr_input", ""])
    assert math.isnan(rows["original", "psnr_bone", ""])
    assert math.isfinite(rows["turning", "psnr_input", ""])
    assert all(math.isfinite(rows["turning", m, ""]) for m in ("psnr_bone", "ssim_tissue"))
    refused = frame[frame["enhancer"] == "still"]
    assert set(refused["status"]) == {"not-applicable"}
    assert "renders no views" in str(refused["error"].iloc[0])


def test_a_data_set_that_knows_no_other_views_is_refused_in_the_plan():
    request = Request(("original",), ("view-synthesis",), dataset="phantom-cxr[patients=20]")
    (pair,) = make_plan(load_registry([]), request).pairs
    assert pair.reason == "data set 'phantom-cxr[patients=20]' has no view_images"
