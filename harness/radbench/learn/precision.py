"""Precision: the short type of mixed precision, and the settings under which a card repeats its results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from radbench.contracts.errors import ConfigurationError


def half_type(wanted: str, precision: str, device: torch.device) -> torch.dtype | None:
    """Return the short type to compute in, None for single precision.

    Args:
        wanted: "auto", "bfloat16" or "float16".
        precision: "float32" or "mixed".
        device: where.

    Raises:
        ConfigurationError: the precision is neither, or float16 is wanted on the processor.
    """
    if precision not in ("float32", "mixed"):
        raise ConfigurationError(f"precision '{precision}' must be float32 or mixed")
    if precision == "float32":
        return None
    if device.type != "cuda":
        if wanted == "float16":
            raise ConfigurationError("float16 cannot be trained in on the processor: half must be auto or bfloat16")
        return torch.bfloat16
    if wanted == "auto":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.bfloat16 if wanted == "bfloat16" else torch.float16


def autocast(device: torch.device, half: torch.dtype | None) -> contextlib.AbstractContextManager[object]:
    """Return the context in which a network computes in the short type; one without effect for None."""
    return torch.autocast(device.type, half) if half is not None else contextlib.nullcontext()


@contextlib.contextmanager
def reproducible(precision: str) -> Iterator[None]:
    """Have cuDNN take algorithms that repeat their results, and single precision be single: TF32 only when mixed."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32
    # Timing algorithms may choose another one on another day.
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = True, False, precision == "mixed"
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = before
