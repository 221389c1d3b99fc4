"""Weights on disk: safetensors with their configuration, data fingerprint and seed beside them; never pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import UsageError

_FORMAT = 1


class WeightsError(UsageError):
    """Weights cannot be read, or belong to another network."""


@dataclass(frozen=True)
class WeightsFacts:
    """What weights are weights of.

    Attributes:
        config: of the network, plain values.
        data: fingerprint of what it was trained on.
        seed: of the training.
        extra: whatever else should be known (pretrained weights, the best score).
    """

    config: Mapping[str, Any]
    data: str
    seed: int
    extra: Mapping[str, Any] = field(default_factory=dict)


def save_weights(path: str | Path, state: Mapping[str, Tensor], facts: WeightsFacts) -> None:
    """Write weights and their facts in one step.

    Args:
        path: of a .safetensors file; missing folders are made.
        state: a network's state dict.
        facts: kept in the file's metadata.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    from safetensors.torch import save

    # Clones: safetensors refuses tensors that share memory, and those with the channels last.
    plain = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in state.items()}
    metadata = {"radbench_weights": str(_FORMAT), "facts": json.dumps(asdict(facts))}
    replace_file(Path(path), save(plain, metadata))


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], WeightsFacts]:
    """Return weights and their facts.

    Raises:
        WeightsError: there is no such file, it is damaged, or it was not written by :func:`save_weights`.
    """
    from safetensors import SafetensorError, safe_open

    file = Path(path)
    if not file.is_file():
        raise WeightsError(f"weights '{file}': there is no such file")
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as e:
        raise WeightsError(f"weights '{file}' cannot be read as safetensors: {e}") from e
    if metadata.get("radbench_weights") != str(_FORMAT):
        raise WeightsError(f"weights '{file}' were not written by radbench: its metadata lack 'radbench_weights'")
    return state, WeightsFacts(**json.loads(metadata["facts"]))


def load_weights(path: str | Path, network: nn.Module) -> WeightsFacts:
    """Put weights into a network of the same configuration.

    Raises:
        WeightsError: they cannot be read, or a weight is missing, unknown or of another shape; the message names it.
    """
    state, facts = read_weights(path)
    own = network.state_dict()
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shaped = [k for k in own.keys() & state.keys() if own[k].shape != state[k].shape]
    faults = (
        [f"lack {missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else f"lack {missing[0]}"]
        if missing
        else []
    )
    faults += [f"hold unknown {unknown[0]}"] if unknown else []
    faults += [f"hold {k} as {list(state[k].shape)}, not {list(own[k].shape)}" for k in sorted(shaped)[:1]]
    if faults:
        raise WeightsError(
            f"weights '{path}' do not fit the network: they {' and '.join(faults)}; they are of {dict(facts.config)}"
        )
    network.load_state_dict(state)
    return facts
