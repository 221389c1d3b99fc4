"""The task view-realism: what is described of views, who has rendered nothing, and what the distances are called."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import radbench
from radbench.contracts import Case, Enhancement, Features, Sample, TaskContext
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.learn.vgg import PretrainedWeightsError
from radbench.metrics import psnr, ssim
from radbench.registry.registry import load_registry
from radbench_views.inception import CHANNELS, Inception
from radbench_views.plugin import radbench_tasks
from radbench_views.radiomics import radiomic_features
from radbench_views.realism import ViewRealism, spec_of_view_realism

CONTEXT = TaskContext("cpu", 0)
FEW = (-9.0, 9.0)


def noise(seed, shape=(1, 24, 20)):
    return torch.from_numpy(np.random.default_rng(seed).random(shape, dtype=np.float32))


@pytest.fixture(scope="module")
def network():
    return Inception(pretrained=False)


def score(views, image, network=None):
    task = ViewRealism(ViewRealism.Config(angles=FEW, pretrained=False))
    if network is not None:
        task.__dict__["_inception"] = network
    sample = Sample(Case("c", "p", image), image, views=Enhancement(torch.stack(views)))
    return task.score(sample, CONTEXT)


def test_new_views_are_described_beside_the_radiograph(network):
    image, views = noise(0), [noise(1), noise(2), noise(3)]
    scores = score(views, image, network)
    assert scores["psnr"] == float(psnr(views[0][None], image[None])[0])
    assert scores["ssim"] == float(ssim(views[0][None], image[None])[0])
    found = scores["radiomic_frechet"]
    assert isinstance(found, Features)
    for vector, one in zip((*found.value, found.reference[0]), (*views[1:], image), strict=True):
        np.testing.assert_array_equal(vector.numpy(), radiomic_features(one[0].numpy()).astype(np.float32))
    seen = scores["frechet_random_inception"]
    assert (tuple(seen.value.shape), tuple(seen.reference.shape)) == ((2, CHANNELS), (1, CHANNELS))
    torch.testing.assert_close(seen.reference, network(image[None]))


def test_who_shows_the_radiograph_from_everywhere_has_rendered_nothing():
    image = noise(0)
    assert all(math.isnan(v) for v in score([image] * 3, image).values())


def test_who_hands_the_input_back_has_reconstructed_nothing(network):
    image = noise(0)
    scores = score([image, noise(1), noise(2)], image, network)
    assert math.isnan(scores["psnr"])
    assert math.isnan(scores["ssim"])
    assert isinstance(scores["radiomic_frechet"], Features)


def test_one_image_s_features_do_not_depend_on_the_others(network):
    images = torch.stack([noise(k) for k in range(3)])
    torch.testing.assert_close(network(images)[1:2], network(images[1:2]), rtol=0, atol=0)


def test_features_are_the_mean_of_the_layer_before_the_last_auxiliary_classifier(network):
    import timm

    whole = timm.create_model("inception_v3", pretrained=False, num_classes=0).eval()
    kept = network.network.state_dict()
    assert whole.load_state_dict(kept, strict=False).unexpected_keys == []
    image = noise(0, (1, 299, 299))[None]
    colours = (image.expand(-1, 3, -1, -1) - 0.5) / 0.5
    with torch.no_grad():
        expected = whole.forward_preaux(colours).mean((2, 3))
        # What comes next in the network takes them: nothing is left out, nothing is behind.
        assert whole.Mixed_7a(whole.forward_preaux(colours)).shape[1] == 1280
    torch.testing.assert_close(network(image), expected)


def test_random_weights_are_the_same_each_time_and_leave_the_draws_alone(network):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    again = Inception(pretrained=False)
    assert torch.rand(1) == expected
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), network.parameters(), strict=True))
    # They neither fade nor grow through fifteen layers.
    assert 0.01 < float(network(noise(0)[None]).std()) < 100


def test_weights_come_from_a_file_and_what_lacks_is_named(network, tmp_path):
    state = {k: v + 1 if k.startswith("Conv2d_1a") else v for k, v in network.network.state_dict().items()}
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "inception.safetensors")
    found = Inception(pretrained=True, weights=tmp_path / "inception.safetensors")
    assert torch.equal(found.network.Conv2d_1a_3x3.conv.weight, network.network.Conv2d_1a_3x3.conv.weight + 1)
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(PretrainedWeightsError, match="has no 'Conv2d_1a_3x3"):
        Inception(pretrained=True, weights=tmp_path / "other.safetensors")
    with pytest.raises(PretrainedWeightsError, match="there is no such file"):
        Inception(pretrained=True, weights=tmp_path / "nowhere.pth")


def test_where_timm_cannot_reach_its_weights_the_sentence_says_how_to_go_on(monkeypatch):
    import timm

    made = timm.create_model

    def offline(name, pretrained=False, **others):
        if pretrained:
            raise OSError("no route")
        return made(name, pretrained=False, **others)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(PretrainedWeightsError, match=r"task\.weights=PATH.*task\.pretrained=false"):
        Inception(pretrained=True)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"pretrained": True}, "fid"),
        ({"pretrained": False, "weights": "inception.pth"}, "fid"),
        ({"pretrained": False}, "frechet_random_inception"),
    ],
)
def test_the_distance_is_called_by_what_its_weights_are(config, name):
    (spec,) = (spec for spec in radbench_tasks() if spec.name == "view-realism")
    found = spec_of_view_realism(spec, ViewRealism.Config(**config), {})
    assert [m.name for m in found.metrics] == ["radiomic_frechet", name, "psnr", "ssim"]


def test_differences_are_to_the_paper_s_first_stage():
    request = Request(
        ("original", "xraysyn[stage=1]", "xraysyn"), ("view-realism",), dataset="phantom-cxr[patients=20]"
    )
    pairs = make_plan(load_registry([]), request).pairs
    assert {p.baseline for p in pairs} == {"xraysyn[stage=1]"}
    assert [p.enhancer.label for p in pairs] == ["original", "xraysyn[stage=1]", "xraysyn"]


PLUGIN = """
import torch
from radbench import Enhancement, EnhancerSpec, hookimpl
from radbench.contracts.config import Config as Base


@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="moving", factory="moving_plugin:Moving", summary="a guess", renders=True)]


class Moving:
    class Config(Base):
        pass

    def __init__(self, config):
        pass

    def enhance(self, images):
        return images

    def views(self, images, poses):
        return Enhancement(torch.stack([images * (0.99 - abs(p.azimuth_deg) / 18) for p in poses], dim=1))
"""


def test_a_run_has_a_distance_of_who_renders(tmp_path, monkeypatch):
    (tmp_path / "moving_plugin.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    frame = radbench.run(
        "original,moving",
        "view-realism[angles=[9]]",
        "phantom-cxr[patients=20,grid=[32,32,32],size=64]",
        plugins=["moving_plugin.py"],
        debug=True,
        limit=3,
    )
    rows = frame.set_index(["enhancer", "metric"])["value"]
    for metric in ("radiomic_frechet", "frechet_random_inception", "psnr", "ssim"):
        assert math.isnan(rows["original", metric])
        assert math.isfinite(rows["moving", metric])
    # 0.99 times the radiograph: its mean square is 1e-4 of the radiograph's.
    assert 40 < rows["moving", "psnr"] < 60
    assert rows["moving", "radiomic_frechet"] > 1
    assert set(frame["task_pretrained"]) == {"false"}
