"""Poses: how a key tells the view points that a task asks for from each other, by their exact values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from numbers import Number
from typing import Any

from radbench.contracts.errors import PluginError


def exactly(pose: Any) -> str:
    """Return a text that two poses share where they are equal to the last bit.

    Numbers and texts stand as Python writes them, which is exact; tensors and arrays by type, shape and bytes;
    dataclasses, named tuples, lists, tuples, mappings and sets by what they hold.

    Raises:
        PluginError: it holds something else, of which nobody can tell whether it is the same.
    """
    kind = type(pose)
    if isinstance(pose, Enum):
        return f"{_name(kind)}.{pose.name}"
    if pose is None or pose is Ellipsis or isinstance(pose, Number | str | bytes):
        return repr(pose)
    if is_dataclass(pose) and not isinstance(pose, type):
        values = ((f.name, getattr(pose, f.name)) for f in fields(pose))
        return f"{_name(kind)}({', '.join(f'{name}={exactly(value)}' for name, value in values)})"
    if isinstance(pose, Mapping):
        items = sorted(f"{exactly(name)}: {exactly(value)}" for name, value in pose.items())
        return f"{_name(kind)}{{{', '.join(items)}}}"
    if isinstance(pose, list | tuple | Set):
        found = [exactly(one) for one in pose]
        return f"{_name(kind)}[{', '.join(sorted(found) if isinstance(pose, Set) else found)}]"
    return _array(pose)


def why_indistinct(poses: Iterable[Any]) -> str:
    """Return why no key can stand for some poses, or ""."""
    try:
        for pose in poses:
            exactly(pose)
    except PluginError as e:
        return str(e)
    return ""


def _array(pose: Any) -> str:
    kind = f"{type(pose).__module__}.{type(pose).__qualname__}"
    try:
        if type(pose).__module__.partition(".")[0] == "torch":
            import torch

            data = pose.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            form = f"{pose.dtype}{[*pose.shape]}"
        else:
            import numpy as np

            if not isinstance(pose, np.ndarray | np.generic) or pose.dtype.hasobject:
                raise TypeError
            data, form = pose.tobytes(), f"{pose.dtype.str}{[*pose.shape]}"
    except (AttributeError, TypeError, RuntimeError):
        raise PluginError(
            f"a pose holds a value of the type {kind}, which nobody can tell from another: "
            f"poses are made of numbers, texts, tensors, arrays, and dataclasses or collections of these"
        ) from None
    return f"{kind}({form}, {hashlib.sha256(data).hexdigest()})"


def _name(kind: type) -> str:
    # What was kept under radbench's own poses stays: they are written as Python writes them.
    return (
        kind.__qualname__ if kind.__module__ == "radbench.xray.geometry" else f"{kind.__module__}.{kind.__qualname__}"
    )
