"""What all image metrics refuse, the light import of the package, the sums and the specs."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import radbench.metrics
from radbench.metrics import specs
from radbench.metrics.clipping import clipped
from radbench.metrics.halo import halo
from radbench.metrics.noise_gain import noise_gain
from radbench.metrics.reduction import fixed_order_sum

COSTS = {"noise_gain": noise_gain, "halo": halo, "clipped": clipped}


def _of_images(name: str) -> Callable[..., torch.Tensor]:
    """Return a metric of images; one with a reference takes each image for its own."""
    metric = COSTS.get(name) or getattr(radbench.metrics, name)
    wanted = [p for p in inspect.signature(metric).parameters.values() if p.default is p.empty]
    return metric if len(wanted) == 1 else lambda images, **options: metric(images, images, **options)


IMAGE_METRICS = {spec.name: _of_images(spec.name) for spec in (*specs.OF_IMAGES, *specs.OF_COSTS)}
every_metric = pytest.mark.parametrize("name", IMAGE_METRICS)


@every_metric
@pytest.mark.parametrize("shape", [(32, 32), (1, 32, 32), (1, 3, 32, 32), (1, 1, 32, 32, 2)])
def test_another_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: images must be \[B,1,H,W\]"):
        IMAGE_METRICS[name](torch.rand(shape))


@every_metric
def test_an_image_without_pixels_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no pixels"):
        IMAGE_METRICS[name](torch.zeros(1, 1, 0, 5))


@every_metric
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float16, torch.complex64])
def test_another_type_is_refused(name: str, dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match="must be float32 or float64"):
        IMAGE_METRICS[name](torch.zeros(1, 1, 32, 32, dtype=dtype))


@every_metric
def test_what_is_no_tensor_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be a torch tensor"):
        IMAGE_METRICS[name]([[0.5]])


@every_metric
@pytest.mark.parametrize(("value", "data_range"), [(-0.01, 1.0), (1.01, 1.0), (2.0, 1.0), (256.0, 255.0)])
def test_values_outside_the_data_range_are_refused(name: str, value: float, data_range: float) -> None:
    images = torch.full((1, 1, 32, 32), 0.5)
    images[0, 0, 3, 4] = value
    with pytest.raises(ValueError, match=r"must lie in \[0, "):
        IMAGE_METRICS[name](images, data_range=data_range)


@every_metric
def test_values_outside_the_range_are_refused_beside_nan(name: str) -> None:
    images = torch.full((2, 1, 32, 32), 0.5)
    images[0, 0, 0, 0], images[1, 0, 0, 0] = math.nan, 7.0
    with pytest.raises(ValueError, match=r"got \[0, 7\]"):
        IMAGE_METRICS[name](images)


@every_metric
@pytest.mark.parametrize("data_range", [0, -1.0, math.nan, math.inf, "1", None, True])
def test_an_impossible_data_range_is_refused(name: str, data_range: object) -> None:
    with pytest.raises(ValueError, match=f"{name}: data_range must be"):
        IMAGE_METRICS[name](torch.rand(1, 1, 32, 32), data_range=data_range)


@pytest.mark.parametrize("name", ["psnr", "ssim", "ms_ssim", "mae", "mse", "rmse"])
def test_a_reference_of_another_shape_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must have the same shape"):
        getattr(radbench.metrics, name)(torch.rand(2, 1, 32, 32), torch.rand(1, 1, 32, 32))


@every_metric
def test_float32_and_float64_give_the_same_score(name: str) -> None:
    images = torch.rand(2, 1, 170, 180, generator=torch.Generator().manual_seed(0))
    assert torch.equal(IMAGE_METRICS[name](images), IMAGE_METRICS[name](images.double()))


@every_metric
def test_a_strided_view_scores_like_its_copy(name: str) -> None:
    images = torch.rand(2, 1, 340, 170, generator=torch.Generator().manual_seed(0))[:, :, ::2].transpose(2, 3)
    assert torch.equal(IMAGE_METRICS[name](images), IMAGE_METRICS[name](images.contiguous()))


@settings(max_examples=50, deadline=None)
@given(n=st.integers(0, 3000), seed=st.integers(0, 1000))
def test_fixed_order_sum_is_the_sum(n: int, seed: int) -> None:
    values = torch.randn(2, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    for row, total in zip(values.tolist(), fixed_order_sum(values).tolist(), strict=True):
        assert total == pytest.approx(math.fsum(row), abs=1e-11)


def test_importing_the_package_and_its_specs_imports_no_torch() -> None:
    code = "import sys, radbench.metrics, radbench.metrics.specs as s; s.DICE; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_an_unknown_metric_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'niqe'"):
        _ = radbench.metrics.niqe


def test_every_metric_has_a_spec_of_its_name() -> None:
    assert set(specs.METRICS) == set(radbench.metrics.__all__)
    assert {spec.name for spec in specs.OF_COSTS} == set(COSTS)


def test_errors_are_better_low_and_similarities_high() -> None:
    lower = {name for name, spec in specs.METRICS.items() if spec.direction == "lower"}
    assert lower == {"brisque", "mae", "mse", "rmse", "hd95_px", "assd_px"}
    assert {spec.direction for spec in specs.OF_COSTS} == {"lower"}


def test_a_metric_on_another_range_has_another_name() -> None:
    assert specs.on_range(specs.RMSE, 255).name == "rmse_255"
    assert specs.on_range(specs.RMSE, 255).data_range == 255.0
    assert specs.on_range(specs.RMSE, 1.0) is specs.RMSE
    with pytest.raises(ValueError, match="no data range"):
        specs.on_range(specs.DICE, 255)
