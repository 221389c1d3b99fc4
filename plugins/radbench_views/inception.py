"""Inception-v3 up to its last layer of 768 channels, and where its weights come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from radbench.learn.state_file import read_state
from radbench.learn.vgg import PretrainedWeightsError

TIMM_NAME = "inception_v3.tv_in1k"
SIDE = 299
CHANNELS = 768
_SEED = 0
_AFTER = ("Mixed_7", "AuxLogits", "fc")
"""Parts behind the last layer of 768 channels, which are not needed."""


class Inception(nn.Module):
    """Inception-v3 (Szegedy et al. 2016) as a describer of grey images.

    Args:
        pretrained: with ImageNet's weights, from timm (downloaded once, or cached); False takes random ones, the same
            each time.
        weights: a file to take them from instead: the state dict of timm's or torchvision's Inception-v3, as
            safetensors or .pth. It counts before ``pretrained``.

    Raises:
        PretrainedWeightsError: timm cannot reach its weights, or the file does not hold them; the message says how to
            supply them or how to go on without.
    """

    def __init__(self, *, pretrained: bool, weights: Path | None = None) -> None:
        super().__init__()
        import timm

        # timm draws from torch's own generator; what it draws is not kept.
        state = torch.get_rng_state()
        try:
            network: Any = timm.create_model(TIMM_NAME, pretrained=False)
        finally:
            torch.set_rng_state(state)
        _draw(network)
        if weights is not None:
            _take(network, read_state(weights)[0], f"'{weights}'")
        elif pretrained:
            _take(network, _from_timm(), f"timm's {TIMM_NAME}")
        for name in [name for name, _ in network.named_children() if name.startswith(_AFTER)]:
            setattr(network, name, nn.Identity())
        told: Mapping[str, Any] = network.pretrained_cfg
        self.network = network
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(told["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(told["std"]).view(1, 3, 1, 1), persistent=False)
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return features ``[N,768]`` of images ``[N,1,H,W]`` in [0,1].

        XraySyn, Evaluation metrics: grey repeated to RGB; the layer before the last auxiliary classifier, averaged over
        its positions. Images are resized to 299 x 299, bilinear and antialiased, whatever their shape.
        """
        seen = interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
        normalised = (seen.expand(-1, 3, -1, -1) - self.mean) / self.std
        # One by one: a convolution may round otherwise where another image stands beside it.
        maps = [self.network.forward_preaux(one[None]) for one in normalised]
        return torch.cat([m.mean((2, 3)) for m in maps])


def _draw(network: nn.Module) -> None:
    """Give the convolutions random weights that keep the scale of what passes: timm's own let it grow to 10^7."""
    generator = torch.Generator().manual_seed(_SEED)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)


def _take(network: Any, state: Mapping[str, Any], whose: str) -> None:
    taken = {}
    for key, like in network.state_dict().items():
        if key.startswith(_AFTER):
            continue
        value = state.get(key)
        if value is None and key.endswith("num_batches_tracked"):
            continue
        if not isinstance(value, Tensor):
            raise PretrainedWeightsError(f"{whose} has no '{key}': it is not the state dict of Inception-v3")
        if value.shape != like.shape:
            raise PretrainedWeightsError(
                f"{whose}: '{key}' is {list(value.shape)}, Inception-v3's is {list(like.shape)}"
            )
        taken[key] = value
    network.load_state_dict(taken, strict=False)


def _from_timm() -> Mapping[str, Any]:
    import timm

    advice = (
        "give their file (--set task.weights=PATH, the state dict of timm's or torchvision's Inception-v3), or go on "
        "without (--set task.pretrained=false), under another metric's name"
    )
    try:
        model = timm.create_model(TIMM_NAME, pretrained=True)
    except Exception as e:
        raise PretrainedWeightsError(
            f"timm cannot reach the ImageNet weights '{TIMM_NAME}' ({type(e).__name__}: {e}); {advice}"
        ) from e
    return dict(model.state_dict())
