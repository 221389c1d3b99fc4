"""Checkpoints: all that a killed training needs to go on as if nothing had happened, in one safetensors file."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import UsageError


class CheckpointError(UsageError):
    """A checkpoint belongs to another training."""


@dataclass
class Standing:
    """Where a training stands, besides weights, optimiser and random states.

    Attributes:
        epoch: epochs ended.
        best: lowest validation score so far.
        best_epoch: its epoch, counted from 1.
        micro_batch: samples at once.
        seconds: spent so far.
        curve: a row per epoch.
        finished: whether there is nothing left to train.
    """

    epoch: int
    best: float
    best_epoch: int
    micro_batch: int
    seconds: float
    curve: list[dict[str, float]]
    finished: bool = False


def save_checkpoint(
    path: Path,
    identity: str,
    standing: Standing,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    best: Mapping[str, Tensor],
) -> None:
    """Replace a checkpoint in one step; a kill leaves the old one or the new one.

    Raises:
        OSError: it cannot be written.
    """
    from safetensors.torch import save

    tensors = {f"best.{name}": value for name, value in best.items()} | _random_tensors()
    facts: dict[str, Any] = {
        "identity": identity,
        "standing": vars(standing),
        "scaler": scaler.state_dict(),
        "python": random.getstate(),
        "numpy": [*np.random.get_state()[2:]],  # type: ignore[index]
    }
    if not standing.finished:
        # What has ended needs its best weights only, a quarter of all.
        tensors |= {f"network.{name}": value for name, value in network.state_dict().items()}
        moments, facts["optimiser"] = _optimiser_parts(optimiser)
        tensors |= moments
    # Clones: safetensors refuses tensors that share their memory, and those with the channels last.
    plain = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    replace_file(path, save(plain, {"radbench": json.dumps(facts)}))


def load_checkpoint(
    path: Path,
    identity: str,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> tuple[Standing, dict[str, Tensor]] | None:
    """Put a training back to where its checkpoint was written.

    Returns:
        the progress and the best weights so far, or None where there is no checkpoint. A damaged one is one warning
        and counts as none.

    Raises:
        CheckpointError: it belongs to another training (network, data, options or seed differ).
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["radbench"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as e:
        warnings.warn(f"checkpoint '{path}' cannot be read ({e}): training begins anew", stacklevel=2)
        return None
    if facts["identity"] != identity:
        raise CheckpointError(
            f"checkpoint '{path}' belongs to another training (network, data, options or seed differ): remove it, "
            "or train in another folder"
        )
    standing = Standing(**facts["standing"])
    if not standing.finished:
        network.load_state_dict(_below("network.", tensors))
        _load_optimiser(optimiser, tensors, facts["optimiser"])
        scaler.load_state_dict(facts["scaler"])
    _restore_random(tensors, facts)
    return standing, _below("best.", tensors)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimiser_parts(optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    state = optimiser.state_dict()
    for place, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimiser.{place}.{name}"] = value
            else:
                numbers.setdefault(str(place), {})[name] = value
    return tensors, {"numbers": numbers, "param_groups": state["param_groups"]}


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {int(place): dict(values) for place, values in facts["numbers"].items()}
    for name, value in _below("optimiser.", tensors).items():
        place, _, what = name.partition(".")
        parameter = parameters[int(place)]
        if value.shape == parameter.shape:
            # Laid out in memory like the weight: another layout may round otherwise.
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        state.setdefault(int(place), {})[what] = value
    groups = [
        {k: tuple(v) if isinstance(v, list) and k != "params" else v for k, v in g.items()}
        for g in facts["param_groups"]
    ]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _random_tensors() -> dict[str, Tensor]:
    found = {"random.torch": torch.get_rng_state(), "random.numpy": torch.from_numpy(_numpy_words().copy())}
    if torch.cuda.is_initialized():
        found |= {f"random.cuda.{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())}
    return found


def _numpy_words() -> Any:
    words = np.random.get_state()[1]  # type: ignore[index]
    return np.asarray(words, dtype=np.uint32).view(np.int32)


def _restore_random(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    torch.default_generator.set_state(tensors["random.torch"])
    cuda = _below("random.cuda.", tensors)
    for i in range(min(len(cuda), torch.cuda.device_count() if cuda else 0)):
        torch.cuda.set_rng_state(cuda[str(i)], i)
    version, words, gauss = facts["python"]
    random.setstate((version, tuple(words), gauss))
    position, has_gauss, cached = facts["numpy"]
    np.random.set_state(
        ("MT19937", tensors["random.numpy"].numpy().view(np.uint32), int(position), int(has_gauss), float(cached))
    )
