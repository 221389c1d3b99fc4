"""VGG-16's weights for the body of the holistically nested network: from a file, or from timm."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from radbench.learn.vgg import PretrainedWeightsError

if TYPE_CHECKING:
    from radbench_lesions.hnn_network import HolisticallyNested

PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""VGG-16's convolutions in its ``features``, as torchvision and timm number them."""

_TIMM_NAME = "vgg16.tv_in1k"

_FOLDED = 2.0
"""Root mean square of the first layer's weights above which they hold 255 times the deviation, about 57."""

_GREYS = 255 * 0.226
"""Caffe's greys in a deviation of ImageNet's images, the mean over the channels: by so much do the activations of
Oxford's weights exceed those of torchvision's."""


def take_vgg(network: HolisticallyNested, file: Path | None, digest: str | None) -> str:
    """Give the body VGG-16's weights; return what to record of them.

    Oxford's weights expect Caffe's greys, and a file that has these folded into its first layer gives activations of
    hundreds where torchvision's gives ones. The learning rate suits the latter [assumed], so that the first layer and
    all biases of such a file are divided by what the two differ by; nothing else changes, for ReLU keeps a factor.

    Args:
        network: of VGG-16's width.
        file: the state dict of torchvision's or timm's VGG-16, or of its ``features``, as .safetensors or .pth; None
            asks timm, which downloads them once.
        digest: the SHA-256 that the file had when the run was planned; None takes any.

    Raises:
        PretrainedWeightsError: they cannot be had, or are not VGG-16's.
    """
    if file is None:
        state, whose, record = _from_timm(), f"timm's {_TIMM_NAME}", f"timm {_TIMM_NAME}"
    else:
        state, found = _read(file)
        if digest is not None and found != digest:
            raise PretrainedWeightsError(
                f"weights '{file}': the file was changed during the run; give the command again"
            )
        whose, record = f"'{file}'", f"{file.name} sha256 {found[:16]}"
    with torch.no_grad():
        for place, layer in zip(PLACES, network.body, strict=True):
            layer.weight.copy_(_tensor(state, f"{place}.weight", layer.weight, whose))
            bias = layer.get_parameter("bias")
            bias.copy_(_tensor(state, f"{place}.bias", bias, whose))
        first = network.body[0].weight
        if float(first.square().mean().sqrt()) > _FOLDED:
            first.div_(_GREYS)
            for layer in network.body:
                layer.get_parameter("bias").div_(_GREYS)
    return record


def _tensor(state: Mapping[str, Any], name: str, like: Tensor, whose: str) -> Tensor:
    wanted = f"features.{name}"
    # Wrappers (DataParallel, Lightning) put a prefix before the names.
    found = [key for key in state if key in (name, wanted) or key.endswith(f".{wanted}")]
    if not found:
        raise PretrainedWeightsError(
            f"{whose} has no '{wanted}': it is not the state dict of torchvision's or timm's VGG-16"
        )
    value = state[found[0]]
    if not isinstance(value, Tensor) or value.shape != like.shape:
        got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise PretrainedWeightsError(f"{whose}: '{found[0]}' is {got}, VGG-16's is {list(like.shape)}")
    if not bool(torch.isfinite(value).all()):
        raise PretrainedWeightsError(f"{whose}: '{found[0]}' has NaN or infinite entries")
    return value


def _read(file: Path) -> tuple[Mapping[str, Any], str]:
    """Return the weights, and the SHA-256 of the bytes that they were read from."""
    if not file.is_file():
        raise PretrainedWeightsError(f"weights '{file}': there is no such file")
    try:
        content = file.read_bytes()
        if file.suffix == ".safetensors":
            from safetensors.torch import load

            state: Any = load(content)
        else:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as e:
        raise PretrainedWeightsError(f"weights '{file}' cannot be read as a state dict: {e}") from e
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping):
        raise PretrainedWeightsError(f"weights '{file}' hold a {type(state).__name__}, not a state dict")
    return state, hashlib.sha256(content).hexdigest()


def _from_timm() -> Mapping[str, Any]:
    advice = "give their file (vgg_weights=PATH), or go on without (pretrained=false)"
    try:
        import timm
    except ImportError as e:
        raise PretrainedWeightsError(f"VGG-16's weights come through timm, which is not installed; {advice}") from e
    try:
        return dict(timm.create_model(_TIMM_NAME, pretrained=True).state_dict())
    except Exception as e:
        raise PretrainedWeightsError(f"timm cannot reach '{_TIMM_NAME}' ({type(e).__name__}: {e}); {advice}") from e
