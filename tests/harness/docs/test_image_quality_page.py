"""The page on image quality: its audit is that of the published file, and the damages are what they say."""

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from scipy.stats import kendalltau

from radbench.registry.registry import load_registry
from radbench_fidelity.plugin import radbench_tasks as fidelity_tasks
from radbench_quality.plugin import radbench_tasks as quality_tasks

ROOT = Path(__file__).resolve().parents[3]
MAKER = "make_metric_audit"
PAGE = (ROOT / "docs" / "image-quality.md").read_text()
CONTROLS = ROOT / "benchmarks" / "controls.py"
NAN = float("nan")
DAMAGES = ("noise", "sharpen", "clip", "compress", "blur")


@pytest.fixture(scope="module")
def controls():
    spec = importlib.util.spec_from_file_location("controls_of_the_audit", CONTROLS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def image():
    y, x = torch.meshgrid(torch.arange(96), torch.arange(80), indexing="ij")
    disk = ((y - 48) ** 2 + (x - 40) ** 2 < 25**2).float()
    grain = torch.randn(96, 80, generator=torch.Generator().manual_seed(0))
    return (0.3 + 0.002 * x + 0.2 * disk + 0.02 * grain)[None, None].clamp(0, 1)


def test_the_table_is_that_of_the_audit(maker):
    assert maker.filled(PAGE, maker.read()) == PAGE, "run: python docs/make_metric_audit.py"


def test_every_metric_of_both_tasks_is_audited_and_explained(maker):
    names = {metric.name for task in (*quality_tasks(), *fidelity_tasks()) for metric in task.metrics}
    rows = maker.read()
    assert names <= {row["metric"] for row in rows}
    assert {row["damage"] for row in rows} == {*DAMAGES}
    for name in (metric.name for metric in quality_tasks()[0].metrics):
        assert re.search(rf"^\| `{name}`", PAGE, re.MULTILINE), name


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([(1, 0.5, 2), (-1, -2, -0.5)], "**better**"),
        ([(-1, -2, -0.5), (0.1, -1, 1)], "worse"),
        ([(0.1, -1, 1), (0, NAN, NAN)], "·"),
        ([(float("-inf"), NAN, NAN)], "worse"),
        ([(0.3, NAN, NAN)], "**better**"),
    ],
)
def test_a_verdict_follows_the_intervals(maker, changes, said):
    names = ("change", "change_low", "change_high")
    rows = [
        dict(zip(names, one, strict=True), direction="higher", better=float(one[0] > 0), cases="2") for one in changes
    ]
    assert maker.verdict(rows) == said
    assert maker.verdict([]) == "–"


def test_of_many_images_without_an_interval_nothing_is_said_but_of_an_infinite_change(maker):
    row = {"change_low": NAN, "change_high": NAN, "direction": "lower", "better": "0.000", "cases": "12"}
    assert maker.verdict([row | {"change": "0.01"}]) == "·"
    assert maker.verdict([row | {"change": "0.01", "cases": "5"}]) == "worse"
    assert maker.verdict([row | {"change": "inf"}]) == "worse"


def test_the_damages_are_enhancers_like_any_other():
    registry = load_registry([CONTROLS])
    names = {f"damage-{name}" for name in DAMAGES}
    assert names <= {*registry.names("enhancer")}
    assert [n for n in sorted(names) if registry.entry("enhancer", n).spec.draws] == ["damage-noise"]


@pytest.mark.parametrize("name", DAMAGES)
def test_no_strength_is_no_damage_and_more_is_more(controls, image, name):
    def damaged(strength):
        torch.manual_seed(0)
        return getattr(controls, name)(image, strength)

    before = image.clone()
    moved = [float((damaged(s) - image).abs().mean()) for s in (0.0, 0.3, 0.4, 0.45)]
    assert moved[0] == pytest.approx(0.0, abs=1e-7)
    assert moved == sorted(set(moved))
    assert torch.equal(image, before)
    assert damaged(0.4).dtype == torch.float32
    assert 0 <= float(damaged(0.4).min()) <= float(damaged(0.4).max()) <= 1


def test_their_strengths_are_what_they_are_called(controls, image):
    torch.manual_seed(1)
    flat = torch.full((1, 1, 200, 200), 0.5)
    assert float(controls.noise(flat, 8.0).std()) == pytest.approx(8 / 255, rel=0.02)
    clipped = controls.clip(image, 0.05)
    assert float((clipped == 0).float().mean()) == pytest.approx(0.05, abs=0.005)
    assert float((clipped == 1).float().mean()) == pytest.approx(0.05, abs=0.005)
    smooth = controls.blur(image, 2.0)
    torch.testing.assert_close(controls.sharpen(image, 0.5), (image + 0.5 * (image - smooth)).clamp(0, 1))
    spike = torch.zeros(1, 1, 41, 41)
    spike[..., 20, 20] = 1.0
    spread = controls.blur(spike, 2.0)[0, 0].double()
    at = torch.arange(41.0).double() - 20
    assert float((spread.sum(0) * at**2).sum()) == pytest.approx(4.0, rel=0.02)


def test_the_compression_keeps_the_order_of_all_grey_levels(controls, image):
    found = controls.compress(image.double(), 8.0)
    assert kendalltau(image.ravel(), found.ravel()).statistic == pytest.approx(1.0)
