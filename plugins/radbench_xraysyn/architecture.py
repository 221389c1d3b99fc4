"""The 3-D network as Table 3 of the paper lists it: channels and convolutions, told by the network itself."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from radbench_xraysyn.config import XraySynConfig
from radbench_xraysyn.networks import Shape, VolumeUNet


def table_3() -> dict[tuple[str, str], str]:
    """Return what the paper's profile builds, by row (``CONV0``, …) and column (``Nc``, ``Description``, ``BN``).

    The networks hold no numbers: they are built without memory.
    """
    paper = XraySynConfig(**XraySynConfig.profiles["paper"])
    with torch.device("meta"):
        network = VolumeUNet(Shape(paper.first_filters, paper.most_filters, paper.levels))
    found = {}
    for number, (convolution, normalised) in enumerate(_convolutions(network)):
        name = f"CONV{number}"
        found[name, "Nc"] = str(convolution.out_channels)
        (kernel,), (stride,), (padding,) = (
            {*sizes} for sizes in (convolution.kernel_size, convolution.stride, convolution.padding)
        )
        # The paper's C is the number of channels that come in.
        found[name, "Description"] = f"K{kernel}-C{convolution.in_channels}-S{stride}-P{padding}"
        found[name, "BN"] = "yes" if normalised else "no"
    return found


def _convolutions(network: VolumeUNet) -> Iterator[tuple[nn.Conv3d, bool]]:
    """Yield the convolutions in the order in which they are passed, and whether each is normalised by batch."""
    for step in (*network.down, *network.up.steps, network.up.last):
        parts = [*step] if isinstance(step, nn.Sequential) else [step]
        (convolution,) = (part for part in parts if isinstance(part, nn.Conv3d))
        yield convolution, any(isinstance(part, nn.BatchNorm3d) for part in parts)
