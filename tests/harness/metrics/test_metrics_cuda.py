"""On a CUDA device: the scores of the CPU, and no bit changed by the batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import torch

from radbench import metrics
from radbench.metrics import specs
from radbench.metrics.clipping import clipped
from radbench.metrics.halo import halo
from radbench.metrics.noise_gain import noise_gain

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

COSTS = {"noise_gain": noise_gain, "halo": halo, "clipped": clipped}


def _images(count: int, height: int = 187, width: int = 203) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(height) / 9.0, torch.arange(width) / 6.0, indexing="ij")
    noise = torch.randn(count, 1, height, width, generator=generator)
    return (0.5 + 0.3 * torch.sin(x) * torch.cos(y) + 0.05 * noise).clamp(0, 1)


def _score(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    metric = COSTS.get(name) or getattr(metrics, name)
    wanted = [p for p in inspect.signature(metric).parameters.values() if p.default is p.empty]
    return metric if len(wanted) == 1 else lambda images: metric(images, images.flip(-1).contiguous())


SCORES = {spec.name: _score(spec.name) for spec in (*specs.OF_IMAGES, *specs.OF_COSTS)}
every_metric = pytest.mark.parametrize("name", SCORES)


@every_metric
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cuda_gives_the_scores_of_the_cpu(name: str, dtype: torch.dtype) -> None:
    images = _images(3).to(dtype)
    scores = SCORES[name](images.cuda())
    assert scores.device.type == "cuda"
    torch.testing.assert_close(scores.cpu(), SCORES[name](images), rtol=1e-9, atol=1e-9)


@every_metric
def test_a_batch_on_cuda_does_not_change_a_bit(name: str) -> None:
    images = _images(5).cuda()
    alone = torch.cat([SCORES[name](images[i : i + 1]) for i in range(5)])
    assert torch.equal(SCORES[name](images), alone)


@pytest.mark.parametrize("name", ["dice", "precision", "recall"])
def test_masks_on_cuda_score_as_on_the_cpu(name: str) -> None:
    p, t = _images(2) > 0.5, _images(2).flip(-1) > 0.6
    assert torch.equal(getattr(metrics, name)(p.cuda(), t.cuda()).cpu(), getattr(metrics, name)(p, t))


def test_images_on_two_devices_are_refused() -> None:
    images = _images(1)
    with pytest.raises(ValueError, match="must be on the same device"):
        metrics.mse(images, images.cuda())
