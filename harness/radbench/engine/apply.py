"""Apply: build an enhancer from its spec and call it under its contract."""

from __future__ import annotations

import inspect
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import CaseInfo
from radbench.contracts.enhancement import LAYERS, Enhancement
from radbench.contracts.errors import InvalidOutputError, PluginError
from radbench.registry.registry import Resolved

if TYPE_CHECKING:
    from torch import Tensor

_ROUNDING = 1e-4
"""An output may leave [0,1] by this much, which float32 arithmetic can cause; it is clamped."""


class LoadedEnhancer:
    """An enhancer ready to be called, whether a function or a class stands behind it."""

    def __init__(self, resolved: Resolved) -> None:
        self.resolved = resolved
        self.name = resolved.label
        if is_class(resolved.factory):
            self.object: Any = resolved.factory(resolved.config)
            self._call = self.object.enhance
            self._keywords: dict[str, Any] = {}
        else:
            self.object = None
            self._call = resolved.factory
            self._keywords = {k: getattr(resolved.config, k) for k in type(resolved.config).model_fields}
        self._wants_cases = "cases" in inspect.signature(self._call).parameters

    def fingerprint(self) -> str | None:
        """Return the digest of files outside the configuration, where the enhancer reads any."""
        return self.object.fingerprint() if hasattr(self.object, "fingerprint") else None

    def parameters(self) -> int | None:
        """Return how many weights it has, None where it has none."""
        state = self.object.state_dict() if hasattr(self.object, "state_dict") else {}
        return sum(t.numel() for t in state.values()) or None

    def load_weights(self, state: Mapping[str, Tensor]) -> None:
        """Give it the weights of an earlier fit."""
        if self.object is None or not hasattr(self.object, "load_state_dict"):
            raise PluginError(f"enhancer '{self.name}' is declared trainable but offers no load_state_dict")
        self.object.load_state_dict(state)

    def __call__(self, images: Tensor, cases: Sequence[CaseInfo]) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1].

        Raises:
            InvalidOutputError: the result has another shape or type, leaves [0,1] or is not finite.
        """
        import torch

        keywords = dict(self._keywords)
        if self._wants_cases:
            keywords["cases"] = cases
        # A copy, so that an enhancer that writes into its input spoils nothing.
        with torch.inference_mode(mode=not self.resolved.spec.trainable):
            result = self._call(images.clone(), **keywords)
        enhancement = result if isinstance(result, Enhancement) else Enhancement(result)
        image = self._checked(enhancement.image, "image", images)
        layers = {}
        for name, layer in enhancement.layers.items():
            if name not in LAYERS:
                raise InvalidOutputError(f"enhancer '{self.name}' gave unknown layer '{name}'; known: {sorted(LAYERS)}")
            layers[name] = self._checked(layer, f"layer '{name}'", images)
        return Enhancement(image, layers)

    def _checked(self, tensor: Any, what: str, images: Tensor) -> Tensor:
        import torch

        def fault(text: str) -> InvalidOutputError:
            return InvalidOutputError(f"enhancer '{self.name}': {what} {text}")

        if not isinstance(tensor, torch.Tensor):
            raise fault(f"must be a tensor, got {type(tensor).__name__}")
        tensor = tensor.detach()
        if tensor.shape != images.shape:
            raise fault(f"must have the input's shape {list(images.shape)}, got {list(tensor.shape)}")
        if tensor.dtype != torch.float32:
            raise fault(f"must be float32, got {tensor.dtype}")
        if not bool(torch.isfinite(tensor).all()):
            raise fault(f"has {int((~torch.isfinite(tensor)).sum())} NaN or infinite pixels")
        low, high = float(tensor.min()), float(tensor.max())
        if low < -_ROUNDING or high > 1 + _ROUNDING:
            raise fault(f"must lie in [0,1], got [{low:.4g}, {high:.4g}]")
        return tensor.clamp(0.0, 1.0)


def is_class(factory: Any) -> bool:
    """Tell a class, built from its configuration, from a function, whose keywords are its configuration."""
    return inspect.isclass(factory)


def seed_everything(seed: int, salt: str) -> None:
    """Set every random state from the run's seed and a salt (a case's key), so that order never matters."""
    import hashlib

    import cv2
    import numpy as np
    import torch

    value = int.from_bytes(hashlib.sha256(f"{seed}:{salt}".encode()).digest()[:4], "big")
    random.seed(value)
    np.random.seed(value)
    # Not torch.manual_seed: it queues a call with a stack trace for every kind of card that was not used yet, which
    # takes milliseconds and is kept for good.
    torch.default_generator.manual_seed(value)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(value)
    cv2.setRNGSeed(value & 0x7FFFFFFF)
