"""VGG-16 up to block2_conv2: the loss network of the perceptual loss, and where its weights come from."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from radbench.contracts.errors import UsageError

_CONVOLUTIONS = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128)}
"""Place in VGG-16's ``features`` (as timm and torchvision number them): channels in and out."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TIMM_NAME = "vgg16.tv_in1k"


class PretrainedWeightsError(UsageError):
    """Pretrained weights cannot be had, or a file does not hold them."""


@dataclass(frozen=True)
class VGGFeatures:
    """The loss network and where its weights come from.

    Attributes:
        network: grey ``[B,1,H,W]`` to the activations of block2_conv2, ``[B,128,H//2,W//2]``; it does not learn.
        pretrained: what to record: the weights' name, the file's name and digest, or "false".
    """

    network: nn.Module
    pretrained: str


def vgg_features(
    *,
    pretrained: bool = True,
    weights: str | Path | None = None,
    digest: str | None = None,
    seed: int = 0,
    value_range: tuple[float, float] = (0.0, 1.0),
) -> VGGFeatures:
    """Return VGG-16 up to the activation of ``block2_conv2`` (bone-unet §2.3.1), frozen.

    Args:
        pretrained: with ImageNet weights, from timm (downloaded once, or cached); False takes random features and
            says so in a warning.
        weights: a file to take them from instead: the state dict of timm's or torchvision's VGG-16, or of its
            ``features`` alone, as safetensors or as a .pth of tensors. It counts before ``pretrained``.
        digest: the SHA-256 that the file must have; None takes any.
        seed: of the random features; they depend on nothing else.
        value_range: what values of the images map to 0 and 1 before ImageNet's mean and deviation are applied.

    Raises:
        PretrainedWeightsError: timm is missing, cannot reach its weights, or the file does not hold them; the
            message says how to supply them or how to go on without.
    """
    network = _BlockTwo(value_range, seed)
    if weights is not None:
        file = Path(weights)
        state, content = _read(file)
        if digest is not None and content != digest:
            raise PretrainedWeightsError(
                f"weights '{file}': the file was changed during the run; give the command again"
            )
        _take(network, state, f"'{file}'")
        pretrained_as = f"{file.name} sha256 {content[:16]}"
    elif pretrained:
        _take(network, _from_timm(), f"timm's {_TIMM_NAME}")
        pretrained_as = f"timm {_TIMM_NAME}"
    else:
        warnings.warn(
            f"the perceptual loss compares random VGG-16 features (seed {seed}), not ImageNet's: pretrained=false",
            stacklevel=2,
        )
        pretrained_as = "false"
    # Its convolutions are faster so, on processors by 1.4.
    network = network.to(memory_format=torch.channels_last)
    return VGGFeatures(network.eval().requires_grad_(False), pretrained_as)


class _BlockTwo(nn.Module):
    """Grey images, repeated to RGB and normalised as ImageNet's, to the activations of block2_conv2."""

    def __init__(self, value_range: tuple[float, float], seed: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for place, (inputs, outputs) in _CONVOLUTIONS.items():
            if place == 5:
                layers.append(nn.MaxPool2d(2, 2))
            # Not in place: the loss may need the prediction again.
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
        self.mean: Tensor
        self.std: Tensor
        self.features = nn.Sequential(*layers)
        self.low, self.high = value_range
        mean, std = torch.tensor(_MEAN).view(1, 3, 1, 1), torch.tensor(_STD).view(1, 3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        generator = torch.Generator().manual_seed(seed)
        for module in self.features:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                nn.init.constant_(module.get_parameter("bias"), 0)

    def forward(self, images: Tensor) -> Tensor:
        unit = (images - self.low) / (self.high - self.low)
        return self.features((unit.expand(-1, 3, -1, -1) - self.mean) / self.std)


def _take(network: _BlockTwo, state: Mapping[str, Any], whose: str) -> None:
    state = state.get("state_dict", state)
    own = network.state_dict()
    found = {}
    for name, tensor in own.items():
        short = name.removeprefix("features.")
        # Wrappers (DataParallel, Lightning) put a prefix before the names.
        given = [key for key in state if key in (short, name) or key.endswith(f".{name}")]
        if not given:
            raise PretrainedWeightsError(
                f"{whose} has no '{name}': it is not the state dict of timm's or torchvision's VGG-16"
            )
        value = state[given[0]]
        if not isinstance(value, Tensor) or value.shape != tensor.shape:
            got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise PretrainedWeightsError(f"{whose}: '{given[0]}' is {got}, VGG-16's '{name}' is {list(tensor.shape)}")
        found[name] = value
    network.load_state_dict(found)


def _read(file: Path) -> tuple[Mapping[str, Any], str]:
    """Return the weights, and the SHA-256 of the file that they were read from."""
    if not file.is_file():
        raise PretrainedWeightsError(f"weights '{file}': there is no such file")
    try:
        data = file.read_bytes()
        content = hashlib.sha256(data).hexdigest()
        if file.suffix == ".safetensors":
            from safetensors.torch import load

            return load(data), content
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as e:
        kind = "safetensors" if file.suffix == ".safetensors" else "a state dict"
        raise PretrainedWeightsError(f"weights '{file}' cannot be read as {kind}: {e}") from e
    if not isinstance(state, Mapping):
        raise PretrainedWeightsError(f"weights '{file}' hold a {type(state).__name__}, not a state dict")
    return state, content


def _from_timm() -> Mapping[str, Any]:
    advice = (
        "give their file (weights=PATH, the state dict of timm's or torchvision's VGG-16), "
        "or go on without: pretrained=false"
    )
    try:
        import timm
    except ImportError as e:
        raise PretrainedWeightsError(f"ImageNet weights come through timm, which is not installed; {advice}") from e
    try:
        model = timm.create_model(_TIMM_NAME, pretrained=True)
    except Exception as e:
        raise PretrainedWeightsError(
            f"timm cannot reach the ImageNet weights '{_TIMM_NAME}' ({type(e).__name__}: {e}); {advice}"
        ) from e
    return dict(model.state_dict())
