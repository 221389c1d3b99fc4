"""Bounds: no score leaves them, and no metric that comes with the package was forgotten."""

import math

import pytest
import torch

from radbench import metrics
from radbench.metrics.bounds import BOUNDS, UNBOUNDED, bounds_of
from radbench.metrics.specs import OF_IMAGES, OF_MASKS
from radbench.registry.registry import load_registry

WITHOUT = {"psnr", "brisque", "cnr"}
"""Metrics of cases that have no bounds at either end."""


def test_every_metric_of_a_case_has_bounds_or_is_known_to_have_none() -> None:
    registry = load_registry()
    specs = [registry.entry("task", name).spec for name in registry.names("task")]
    named = {m.name for spec in specs for m in spec.metrics if m.aggregation == "mean"}
    unbounded = {name for name in named if bounds_of(name) == UNBOUNDED}
    assert {name.partition("_")[0] for name in unbounded} <= WITHOUT
    assert {*BOUNDS} - named <= {m.name for m in (*OF_IMAGES, *OF_MASKS)}


def test_no_score_leaves_the_bounds() -> None:
    torch.manual_seed(0)
    a = torch.cat([torch.rand(4, 1, 176, 176), torch.zeros(1, 1, 176, 176), torch.ones(1, 1, 176, 176)])
    others = (a.flip(0), 1.0 - a, a)
    for spec in OF_IMAGES:
        measure, (least, greatest) = getattr(metrics, spec.name), bounds_of(spec.name)
        for b in others:
            found = measure(a) if spec.name in ("brisque", "lpc_si") else measure(a, b)
            known = found[~found.isnan()]
            assert ((known >= least - 1e-9) & (known <= greatest + 1e-9)).all(), spec.name
    masks = a[:, :, :40, :40] > 0.7
    for spec in OF_MASKS:
        least, greatest = bounds_of(spec.name)
        for b in (masks.flip(0), ~masks, masks):
            found = getattr(metrics, spec.name)(masks, b)
            assert ((found >= least) & (found <= greatest)).all(), spec.name


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("dice", (0.0, 1.0)),
        ("ssim_bone_input", (-1.0, 1.0)),
        ("ms_ssim", (-1.0, 1.0)),
        ("mae_std05", (0.0, math.inf)),
        ("psnr_lung", UNBOUNDED),
        ("dicey", UNBOUNDED),
        ("my_dice", UNBOUNDED),
        ("", UNBOUNDED),
    ],
)
def test_a_name_with_an_ending_has_the_bounds_of_the_name(name: str, bounds: tuple[float, float]) -> None:
    assert bounds_of(name) == bounds
