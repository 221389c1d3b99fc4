"""Enhance: an enhancer that is alive is called under its contract, and what it returns is checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import CaseInfo
from radbench.contracts.enhancement import LAYERS, THICKNESSES, Enhancement
from radbench.contracts.errors import InvalidOutputError, PluginError, did_you_mean
from radbench.engine.work.seeding import seed_everything

if TYPE_CHECKING:
    from torch import Tensor

_ROUNDING = 1e-4
"""An output may leave [0,1] by this much, which float32 arithmetic can cause; it is clamped."""

_CASES: ContextVar[tuple[CaseInfo, ...]] = ContextVar("cases", default=())
"""Whose images are being enhanced, for parts that go by it."""


class LiveEnhancer:
    """An enhancer ready to be called, whether a function or a class stands behind it.

    Args:
        label: how errors name it.
        call: ``enhance`` of the object, or the function.
        keywords: the function's configuration and live parts.
        views: ``views`` of the object, where it renders.
        built: the object, None for a function.
    """

    def __init__(
        self,
        label: str,
        call: Callable[..., Any],
        keywords: Mapping[str, Any],
        views: Callable[..., Any] | None = None,
        built: Any = None,
    ) -> None:
        self.label, self._call, self._keywords, self._views, self.object = label, call, dict(keywords), views, built
        self._wants_cases = "cases" in inspect.signature(call).parameters

    def parameters(self) -> int | None:
        """Return how many weights it has, None where it has none."""
        state = self.object.state_dict() if hasattr(self.object, "state_dict") else {}
        return sum(t.numel() for t in state.values()) or None

    def __call__(self, images: Tensor, cases: Sequence[CaseInfo] | None = None) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1].

        Args:
            images: never changed: the enhancer is given a copy.
            cases: whose they are; a part that is called by its owner knows.

        Raises:
            InvalidOutputError: the result has another shape or type, leaves [0,1] or is not finite.
        """
        import torch

        keywords = dict(self._keywords)
        with _about(cases) as known, torch.no_grad():
            if self._wants_cases:
                if len(known) != len(images):
                    raise PluginError(
                        f"enhancer '{self.label}' goes by the cases' identities, which are not known here"
                    )
                keywords["cases"] = list(known)
            result = self._call(images.clone(), **keywords)
        enhancement = result if isinstance(result, Enhancement) else Enhancement(result)
        return self._checked(enhancement, images.shape)

    def views(self, images: Tensor, poses: Sequence[Any], cases: Sequence[CaseInfo] | None = None) -> Enhancement:
        """Render float32 ``[B,1,H,W]`` at poses; every tensor ``[B,V,1,H,W]``. Errors as those of a call."""
        import torch

        if self._views is None:
            raise PluginError(f"enhancer '{self.label}' renders no views")
        with _about(cases), torch.no_grad():
            result = self._views(images.clone(), list(poses))
        if not isinstance(result, Enhancement):
            raise InvalidOutputError(f"enhancer '{self.label}': views() must return an Enhancement")
        b, c, h, w = images.shape
        return self._checked(result, (b, len(poses), c, h, w))

    def _checked(self, result: Enhancement, shape: Sequence[int]) -> Enhancement:
        image = self._tensor(result.image, "image", shape)
        layers = {}
        for name, layer in result.layers.items():
            if name not in LAYERS:
                raise InvalidOutputError(
                    f"enhancer '{self.label}' gave unknown layer '{name}'{did_you_mean(str(name), LAYERS)}"
                )
            layers[name] = self._tensor(layer, f"layer '{name}'", shape, bounded=name not in THICKNESSES)
        return Enhancement(image, layers)

    def _tensor(self, tensor: Any, what: str, shape: Sequence[int], bounded: bool = True) -> Tensor:
        import torch

        def fault(text: str) -> InvalidOutputError:
            return InvalidOutputError(f"enhancer '{self.label}': {what} {text}")

        if not isinstance(tensor, torch.Tensor):
            raise fault(f"must be a tensor, got {type(tensor).__name__}")
        tensor = tensor.detach()
        if list(tensor.shape) != list(shape):
            raise fault(f"must have the shape {list(shape)}, got {list(tensor.shape)}")
        if tensor.dtype != torch.float32:
            raise fault(f"must be float32, got {tensor.dtype}")
        if not bool(torch.isfinite(tensor).all()):
            raise fault(f"has {int((~torch.isfinite(tensor)).sum())} NaN or infinite pixels")
        low, high = float(tensor.min()), float(tensor.max())
        if low < -_ROUNDING or (bounded and high > 1 + _ROUNDING):
            bounds = "lie in [0,1]" if bounded else "be lengths from 0 on"
            raise fault(f"must {bounds}, got [{low:.4g}, {high:.4g}]")
        return tensor.clamp(0.0, 1.0) if bounded else tensor.clamp_min(0.0)


@contextmanager
def _about(cases: Sequence[CaseInfo] | None) -> Iterator[tuple[CaseInfo, ...]]:
    if cases is None:
        yield _CASES.get()
        return
    token = _CASES.set(tuple(cases))
    try:
        yield tuple(cases)
    finally:
        _CASES.reset(token)


def enhance(
    enhancer: LiveEnhancer,
    images: Tensor,
    cases: Sequence[CaseInfo],
    seed: int,
    salt: str,
    poses: Sequence[Any] | None = None,
) -> Enhancement:
    """Enhance images, or render them at poses, from freshly set random states.

    Args:
        salt: the first case's; a case and its twin share it, so that whatever draws, draws alike for both.
    """
    seed_everything(seed, salt)
    return enhancer(images, cases) if poses is None else enhancer.views(images, poses, cases)
