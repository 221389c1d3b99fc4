"""The classifier: any of timm's networks on grey radiographs, and where its first weights come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from radbench.contracts.errors import ConfigurationError, did_you_mean
from radbench.learn.state_file import read_state
from radbench.learn.vgg import PretrainedWeightsError

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Classifier(nn.Module):
    """One of timm's networks with a logit for each finding.

    Args:
        backbone: timm's name of the network.
        findings: how many logits.
        channels: 1, or 3 for stacked images.
        pool: "avg", "max" or "avgmax" over the last feature map.
        seed: of its random weights, which depend on nothing else.

    Raises:
        ConfigurationError: timm has no such network, or it cannot be built so.
    """

    def __init__(self, backbone: str, findings: int, channels: int = 1, pool: str = "avg", seed: int = 0) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.backbone = _made(backbone, findings, channels, pool, seed)
        mean, std = (torch.tensor(one) for one in _normalisation(self.backbone))
        if channels == 1:
            # Kernels summed over the colours see a grey image as three equal ones; so what normalises them is a mean.
            mean, std = mean.mean()[None], std.mean()[None]
        self.register_buffer("mean", mean.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", std.view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 ``[B,K]`` for images float32 ``[B,C,S,S]`` in [0,1]."""
        logits: Tensor = self.backbone((images - self.mean) / self.std)
        return logits.float()

    def features(self, images: Tensor) -> Tensor:
        """Return the last feature map, ``[B,D,h,w]`` where the network is a convolutional one."""
        found: Tensor = self.backbone.forward_features((images - self.mean) / self.std)
        return found

    def head(self, features: Tensor) -> Tensor:
        """Return the logits that follow from the last feature map."""
        logits: Tensor = self.backbone.forward_head(features)
        return logits.float()


def _made(backbone: str, findings: int, channels: int, pool: str, seed: int) -> Any:
    import timm

    name = backbone.partition(".")[0]
    if not timm.is_model(name):
        near = did_you_mean(name, timm.list_models())
        raise ConfigurationError(f"backbone '{backbone}': timm {timm.__version__} knows no such network{near}")
    # timm's networks draw from torch's own generator.
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        chosen = {} if pool == "avg" else {"global_pool": pool}
        return timm.create_model(  # type: ignore[no-any-return]
            backbone,
            pretrained=False,
            in_chans=channels,
            num_classes=findings,
            **chosen,  # type: ignore[arg-type]
        )
    except Exception as e:
        raise ConfigurationError(
            f"backbone '{backbone}' cannot be built with {channels} channels, {findings} findings and pool={pool}: {e}"
        ) from e
    finally:
        torch.set_rng_state(state)


def _normalisation(backbone: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    made_for: Mapping[str, Any] = getattr(backbone, "pretrained_cfg", None) or {}
    return tuple(made_for.get("mean") or _IMAGENET[0]), tuple(made_for.get("std") or _IMAGENET[1])


def take_imagenet(network: Classifier, name: str, file: Path | None, digest: str | None) -> str:
    """Give a classifier ImageNet's weights but for its last layer; return what to record of them.

    timm sums the first layer's kernels over the colours where the network sees one channel.

    Args:
        network: whose backbone is to have them.
        name: timm's name of the backbone.
        file: a state dict of the backbone as timm names its weights, .safetensors or .pth; None asks timm, which
            downloads them once.
        digest: the SHA-256 that the file had when the run was planned; None takes any.

    Raises:
        PretrainedWeightsError: they cannot be had, or are not this backbone's.
    """
    if file is None:
        state, tagged = _from_timm(name, network)
        whose = record = f"timm {tagged}"
    else:
        state, found = read_state(file)
        if digest is not None and found != digest:
            raise PretrainedWeightsError(
                f"weights '{file}': the file was changed during the run; give the command again"
            )
        whose, record = f"'{file}'", f"{file.name} sha256 {found[:16]}"
    _take(network.backbone, state, whose, name)
    return record


def _take(backbone: Any, state: Mapping[str, Any], whose: str, name: str) -> None:
    from timm.models import adapt_input_conv

    told = backbone.pretrained_cfg
    last = told.get("classifier") or ()
    heads = tuple(f"{one}." for one in ([last] if isinstance(last, str) else last))
    first = told.get("first_conv") or ()
    entries = {f"{one}.weight" for one in ([first] if isinstance(first, str) else first)}
    taken = {}
    for key, like in backbone.state_dict().items():
        if key.startswith(heads):
            continue
        value = state.get(key)
        if not isinstance(value, Tensor):
            raise PretrainedWeightsError(f"{whose} has no '{key}': it is not timm's state dict of '{name}'")
        if key in entries and value.ndim == 4 and value.shape[1] != like.shape[1]:
            value = adapt_input_conv(like.shape[1], value)
        if value.shape != like.shape:
            raise PretrainedWeightsError(f"{whose}: '{key}' is {list(value.shape)}, {name}'s is {list(like.shape)}")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise PretrainedWeightsError(f"{whose}: '{key}' has NaN or infinite entries")
        taken[key] = value
    backbone.load_state_dict(taken, strict=False)


def _from_timm(name: str, network: Classifier) -> tuple[Mapping[str, Any], str]:
    import timm

    advice = "give their file (--set task.weights=PATH), or go on without (--set task.pretrained=false)"
    try:
        model = timm.create_model(name, pretrained=True)
    except Exception as e:
        raise PretrainedWeightsError(
            f"timm cannot reach the ImageNet weights of '{name}' ({type(e).__name__}: {e}); {advice}"
        ) from e
    told = network.backbone.pretrained_cfg
    return dict(model.state_dict()), ".".join(filter(None, [told.get("architecture") or name, told.get("tag")]))
