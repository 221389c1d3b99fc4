"""The loss network: VGG-16's five blocks, on the scale that the loss's weight was chosen for."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from radbench.learn.vgg import PretrainedWeightsError

_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TIMM_NAME = "vgg16.tv_in1k"

_FOLDED = 2.0
"""Root mean square of the first layer's weights above which they hold a factor of 255 times the deviation (about 57):
Oxford's and torchvision's own lie at about 0.2."""

Scale = Literal["caffe255", "unit"]


@dataclass(frozen=True)
class LossNetwork:
    """The loss network and where its weights come from.

    Attributes:
        network: see :class:`Vgg16`; it does not learn.
        pretrained: what to record: the weights' name, the file's name and digest, or "false".
    """

    network: Vgg16
    pretrained: str


class Vgg16(nn.Module):
    """VGG-16 without its dense layers: grey images to the last activation of each block.

    Args:
        blocks: how many of the five.
        scale: "caffe255" shows it images from 0 to 255 less the channels' means, as Oxford's network was trained, so
            that activations are in the hundreds; "unit" divides by the channels' deviations as well, which gives ones.
    """

    def __init__(self, blocks: int = 5, scale: Scale = "caffe255") -> None:
        super().__init__()
        self.scale = scale
        places: list[int] = []
        layers: list[nn.Module] = []
        inputs, place = 3, 0
        for widths in _BLOCKS[:blocks]:
            block: list[nn.Module] = [nn.MaxPool2d(2, 2)] if layers else []
            place += len(block)
            for width in widths:
                # Not in place: the activation of one block is the next one's input.
                block += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                places.append(place)
                inputs, place = width, place + 2
            layers.append(nn.Sequential(*block))
        self.blocks = nn.ModuleList(layers)
        self.places = places
        self.mean: Tensor
        self.gain: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("gain", torch.ones(1, 3, 1, 1))

    def convolutions(self) -> list[nn.Conv2d]:
        """Return the convolutions, first to last."""
        return [module for module in self.modules() if isinstance(module, nn.Conv2d)]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return of ``[B,1,H,W]`` in [0,1] each block's last activation, ``[B,C,H/2^k,W/2^k]``."""
        x, found = (images.expand(-1, 3, -1, -1) - self.mean) * self.gain, []
        for i, block in enumerate(self.blocks):
            if i and min(x.shape[-2:]) < 2:
                break  # nothing is left to halve
            x = block(x)
            found.append(x)
        return found


def loss_network(
    *,
    blocks: int = 5,
    scale: Scale = "caffe255",
    pretrained: bool = True,
    weights: str | Path | None = None,
    digest: str | None = None,
    seed: int = 0,
) -> LossNetwork:
    """Return VGG-16's blocks, frozen.

    The first layer of a file may expect Oxford's units (or torchvision's, which are ImageNet's deviations), or have the
    255 folded in; which, its weights tell, and the images are scaled for it.

    Args:
        blocks: how many of the five.
        scale: see :class:`Vgg16`.
        pretrained: with ImageNet weights, from timm (downloaded once, or cached); False takes random features and
            says so in a warning.
        weights: a file to take them from instead: the state dict of timm's or torchvision's VGG-16, or of its
            ``features`` alone, as safetensors or as a .pth of tensors. It counts before ``pretrained``.
        digest: the SHA-256 that the file must have; None takes any.
        seed: of the random features; they depend on nothing else.

    Raises:
        PretrainedWeightsError: timm is missing, cannot reach its weights, or the file does not hold them; the
            message says how to supply them or how to go on without.
    """
    network = Vgg16(blocks, scale)
    if weights:
        file = Path(weights).expanduser()
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
            f"the VGG term compares random features (seed {seed}), not ImageNet's: pretrained=false", stacklevel=2
        )
        _draw(network, seed)
        pretrained_as = "false"
    network.gain.copy_(_gain(network, scale))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return LossNetwork(network.eval().requires_grad_(False), pretrained_as)


def _gain(network: Vgg16, scale: Scale) -> Tensor:
    """Return what images in [0,1], less their means, are multiplied by, ``[1,3,1,1]``."""
    deviations = torch.tensor(_STD).view(1, 3, 1, 1)
    folded = float(network.convolutions()[0].weight.detach().square().mean().sqrt()) > _FOLDED
    if folded:
        # Divided by the deviation, the images are for it what 0-255 is for Oxford's own first layer.
        gain = 1 / deviations
        return gain if scale == "caffe255" else gain / (255 * deviations)
    return torch.full_like(deviations, 255.0) if scale == "caffe255" else 1 / deviations


def _draw(network: Vgg16, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for module in network.convolutions():
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]


@torch.no_grad()
def _take(network: Vgg16, state: Mapping[str, Any], whose: str) -> None:
    state = state.get("state_dict", state)
    for place, module in zip(network.places, network.convolutions(), strict=True):
        for kind in ("weight", "bias"):
            own, short = module.get_parameter(kind), f"{place}.{kind}"
            # Wrappers (DataParallel, Lightning) put a prefix before the names.
            given = [key for key in state if key == short or key.endswith(f"features.{short}")]
            if not given:
                raise PretrainedWeightsError(
                    f"weights {whose} have no 'features.{short}': this is not the state dict of timm's or "
                    "torchvision's VGG-16"
                )
            value = state[given[0]]
            if not isinstance(value, Tensor) or value.shape != own.shape:
                got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise PretrainedWeightsError(
                    f"weights {whose}: '{given[0]}' is {got}, VGG-16's is {list(own.shape)}: give a file of VGG-16 "
                    "without batch norm"
                )
            if not bool(torch.isfinite(value).all()):
                raise PretrainedWeightsError(f"weights {whose}: '{given[0]}' has NaN or infinite entries")
            own.copy_(value)


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
        "give their file (vgg_weights=PATH, the state dict of timm's or torchvision's VGG-16), "
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
