"""State files: a network's weights as other programs wrote them, read without running anything that they hold."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radbench.learn.vgg import PretrainedWeightsError


def read_state(file: Path) -> tuple[Mapping[str, Any], str]:
    """Return the state dict that a file holds, and the SHA-256 of the bytes that it was read from.

    Args:
        file: .safetensors, or what ``torch.save`` wrote; a dict under "state_dict" is the state dict.

    Raises:
        PretrainedWeightsError: there is no such file, or it holds no state dict.
    """
    if not file.is_file():
        raise PretrainedWeightsError(f"weights '{file}': there is no such file")
    try:
        content = file.read_bytes()
        if file.suffix == ".safetensors":
            from safetensors.torch import load

            state: Any = load(content)
        else:
            import torch

            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as e:
        raise PretrainedWeightsError(f"weights '{file}' cannot be read as a state dict: {e}") from e
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping):
        raise PretrainedWeightsError(f"weights '{file}' hold a {type(state).__name__}, not a state dict")
    return state, hashlib.sha256(content).hexdigest()
