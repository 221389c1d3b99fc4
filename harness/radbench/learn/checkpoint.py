"""Checkpoints: all that a killed training needs to go on as if nothing had happened, sealed in one file."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import UsageError
from radbench.learn.random_states import RandomStates
from radbench.learn.turns import Player

_SEAL = hashlib.sha256().digest_size

Kept = dict[str, dict[str, Tensor]]
"""Weights on the processor, by network and name."""


class CheckpointError(UsageError):
    """A checkpoint belongs to another training."""


@dataclass
class Standing:
    """Where a training stands, besides weights, optimisers and random states.

    Attributes:
        epoch: epochs ended.
        best: lowest validation score so far.
        best_epoch: its epoch, counted from 1; 0 before the first.
        micro_batch: lessons at once.
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
    networks: Mapping[str, nn.Module],
    players: Sequence[Player],
    kept: Kept,
) -> None:
    """Replace a checkpoint in one step; a kill leaves the old one or the new one.

    Raises:
        OSError: it cannot be written.
    """
    from safetensors.torch import save

    tensors, states = RandomStates.now().apart()
    tensors = {f"random.{name}": state for name, state in tensors.items()} | _flat("kept", kept)
    facts: dict[str, Any] = {"identity": identity, "standing": vars(standing), "random": states}
    if not standing.finished:
        # What has ended needs the weights that stay only, a quarter of all.
        tensors |= _flat("network", {name: network.state_dict() for name, network in networks.items()})
        facts["players"] = []
        for turn, player in enumerate(players):
            moments, values = _optimiser_parts(player.optimiser)
            tensors |= {f"turn.{turn}.{name}": moment for name, moment in moments.items()}
            facts["players"].append({"optimiser": values, "scaler": player.scaler.state_dict()})
    # Clones: safetensors refuses tensors that share their memory, and those with the channels last.
    plain = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    payload = save(plain, {"radbench": json.dumps(facts)})
    replace_file(path, hashlib.sha256(payload).digest() + payload)


def load_checkpoint(
    path: Path, identity: str, networks: Mapping[str, nn.Module], players: Sequence[Player]
) -> tuple[Standing, Kept] | None:
    """Put a training back to where its checkpoint was written.

    Returns:
        where it stands and the weights kept so far, or None where there is no checkpoint. A damaged one is one warning
        and counts as none.

    Raises:
        CheckpointError: it belongs to another training (networks, lessons, options or seed differ).
    """
    from safetensors.torch import load

    payload = _unsealed(path)
    if payload is None:
        return None
    header = 8 + int.from_bytes(payload[:8], "little")
    facts = json.loads(json.loads(payload[8:header])["__metadata__"]["radbench"])
    if facts["identity"] != identity:
        raise CheckpointError(
            f"checkpoint '{path}' belongs to another training (networks, lessons, options or seed differ): remove it, "
            "or give this training another name or folder"
        )
    tensors = load(payload)
    standing = Standing(**facts["standing"])
    if not standing.finished:
        for i, network in enumerate(networks.values()):
            network.load_state_dict(_below(f"network.{i}.", tensors))
        for turn, (player, values) in enumerate(zip(players, facts["players"], strict=True)):
            _load_optimiser(player.optimiser, _below(f"turn.{turn}.", tensors), values["optimiser"])
            player.scaler.load_state_dict(values["scaler"])
    RandomStates.together(_below("random.", tensors), facts["random"]).restore()
    kept = {name: _below(f"kept.{i}.", tensors) for i, name in enumerate(networks)}
    return standing, kept if any(kept.values()) else {}


def _unsealed(path: Path) -> bytes | None:
    try:
        sealed = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as e:
        warnings.warn(f"checkpoint '{path}' cannot be read ({e}): training begins anew", stacklevel=4)
        return None
    seal, payload = sealed[:_SEAL], sealed[_SEAL:]
    if hashlib.sha256(payload).digest() != seal:
        warnings.warn(f"checkpoint '{path}' is damaged: training begins anew", stacklevel=4)
        return None
    return payload


def _flat(what: str, states: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    # By number: one network's name may begin like another's.
    return {f"{what}.{i}.{k}": value for i, state in enumerate(states.values()) for k, value in state.items()}


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimiser_parts(optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    state = optimiser.state_dict()
    for place, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{place}.{name}"] = value
            else:
                numbers.setdefault(str(place), {})[name] = value
    return tensors, {"numbers": numbers, "param_groups": state["param_groups"]}


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {int(place): dict(numbers) for place, numbers in values["numbers"].items()}
    for name, value in tensors.items():
        place, _, what = name.partition(".")
        parameter = parameters[int(place)]
        if value.shape == parameter.shape:
            # Laid out in memory like the weight: another layout may round otherwise.
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        state.setdefault(int(place), {})[what] = value
    groups = [
        {k: tuple(v) if isinstance(v, list) and k != "params" else v for k, v in g.items()}
        for g in values["param_groups"]
    ]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
