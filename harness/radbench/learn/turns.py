"""Turns: who learns in a step, by which loss, with which optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import nn

from radbench.contracts.errors import ConfigurationError
from radbench.learn.options import learning_rate

if TYPE_CHECKING:
    from radbench.learn.losses import Loss
    from radbench.learn.options import FitOptions

Networks: TypeAlias = nn.Module | Mapping[str, nn.Module]
"""What is trained: one network, or several by name (a ``ModuleDict``, too)."""


@dataclass(frozen=True)
class Turn:
    """One of the turns that a step takes on its batch: one is supervised learning, two are a GAN.

    In a turn, networks that it does not move gather no gradients; all are in training mode, so that the statistics of
    a batch norm follow whatever passes through it.

    Attributes:
        loss: ``(networks, batch) -> [B]``.
        learns: the names of the networks that it moves; none is all of them.
        learning_rate, betas, weight_decay: its optimiser's, where they are not the options'. Schedule and warm-up hold
            for its rate, too.
        groups: gives the parameter groups of what it moves (the network where it is one, else those by name), as
            torch's optimisers take them; ``scale`` multiplies the group's learning rate, ``weight_decay`` replaces the
            turn's. What is in no group does not learn.
        name: for people and curves; without one, what it learns.
    """

    loss: Loss
    learns: str | tuple[str, ...] = ""
    learning_rate: float | None = None
    betas: tuple[float, float] | None = None
    weight_decay: float | None = None
    groups: Callable[[Any], list[dict[str, Any]]] | None = None
    name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the networks that it moves; none is all of them."""
        return ((self.learns,) if self.learns else ()) if isinstance(self.learns, str) else tuple(self.learns)

    def options(self, options: FitOptions) -> FitOptions:
        """Return a training's options with what the turn has of its own."""
        own = {name: getattr(self, name) for name in ("learning_rate", "betas", "weight_decay")}
        return replace(options, **{name: value for name, value in own.items() if value is not None})


def named(networks: Networks) -> dict[str, nn.Module]:
    """Return what is trained by name; a single network's is empty."""
    if isinstance(networks, nn.Module) and not isinstance(networks, nn.ModuleDict):
        return {"": networks}
    return dict(networks.items())


class Player:
    """Who takes a turn: what it moves, its optimiser, and its gradients' scaler where numbers are short.

    Args:
        turn: whose.
        label: what to call it.
        networks: all of them by name, on their device.
        options: of the training.
        scaled: whether gradients are scaled (float16).
        device: where.

    Raises:
        ConfigurationError: the turn names a network that there is not, or there is nothing that it can move.
    """

    def __init__(
        self,
        turn: Turn,
        label: str,
        networks: Mapping[str, nn.Module],
        options: FitOptions,
        scaled: bool,
        device: torch.device,
    ) -> None:
        self.turn, self.label, self.options = turn, label, turn.options(options)
        groups = _groups(turn, networks)
        self._scales = [float(group.pop("scale", 1.0)) for group in groups]
        self.optimiser = _optimiser(groups, self.options)
        self.scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        moved = {id(p) for p in self.parameters}
        self._others = [p for network in networks.values() for p in network.parameters() if id(p) not in moved]

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What it moves."""
        return [p for group in self.optimiser.param_groups for p in group["params"]]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep what others move from gathering gradients."""
        others = [p for p in self._others if p.requires_grad]
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad_(True)

    def step(self, step: int, steps_per_epoch: int) -> None:
        """Move by the gradients; steps are counted from 0 over all epochs."""
        rate = learning_rate(self.options, step, steps_per_epoch)
        for group, scale in zip(self.optimiser.param_groups, self._scales, strict=True):
            group["lr"] = rate * scale
        if self.options.clip_norm is not None:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.parameters, self.options.clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()


def labels(turns: Sequence[Turn]) -> list[str]:
    """Return what to call each turn: its name, what it learns, or its number, counted from 1; all different."""
    wanted = [turn.name or "+".join(turn.names) or str(i) for i, turn in enumerate(turns, 1)]
    return [label if wanted.count(label) == 1 else f"{label}-{i}" for i, label in enumerate(wanted, 1)]


def _groups(turn: Turn, networks: Mapping[str, nn.Module]) -> list[dict[str, Any]]:
    strange = [name for name in turn.names if name not in networks]
    if strange:
        known = ", ".join(networks) if any(networks) else "one without a name"
        raise ConfigurationError(f"a turn learns '{strange[0]}'; the networks are {known}")
    moved = {name: networks[name] for name in turn.names or networks}
    whose = [p for network in moved.values() for p in network.parameters() if p.requires_grad]
    if turn.groups is None:
        # A weight that two networks share is moved once.
        groups: list[dict[str, Any]] = [{"params": list(dict.fromkeys(whose))}]
    else:
        groups = [dict(group) for group in turn.groups(next(iter(moved.values())) if len(moved) == 1 else moved)]
    for group in groups:
        group["params"] = [group["params"]] if isinstance(group["params"], torch.Tensor) else list(group["params"])
        if "lr" in group:
            raise ConfigurationError("a group of parameters has 'lr', which the schedule sets: give it a 'scale'")
        if {id(p) for p in group["params"]} - {id(p) for p in whose}:
            raise ConfigurationError("a turn's groups hold parameters of none of the networks that it learns")
    if not any(group["params"] for group in groups):
        raise ConfigurationError(
            f"a turn that learns {' and '.join(filter(None, moved)) or 'the network'} moves nothing"
        )
    return groups


def _optimiser(groups: list[dict[str, Any]], options: FitOptions) -> torch.optim.Optimizer:
    rate, decay = options.learning_rate, options.weight_decay
    if options.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=options.momentum, weight_decay=decay)
    kind = torch.optim.AdamW if options.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, betas=options.betas, weight_decay=decay)
