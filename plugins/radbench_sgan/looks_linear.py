"""An initialisation by which a deep stack of convolutions passes its input on until it has learnt better."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def look_linear(convolutions: nn.Sequential, spread: float) -> None:
    """Let a stack of convolutions and rectifiers begin as a linear map of each pixel, nearly.

    The looks-linear initialisation of Balduzzi et al. 2017 (The Shattered Gradients Problem, ICML, section 4): half of
    a layer's filters are the other half's negatives, so that the two rectified halves together still hold all of what
    came in, and the next layer puts it together again, turned by a random orthogonal matrix. It is written into the
    middles of the kernels; what they held is kept at a share. The last convolution and the batch norms stay as they
    are. It draws from torch's random state.

    Args:
        convolutions: the stack, as ``radbench_sgan.networks.DnCnn.noise``; an odd filter out stays as it was.
        spread: the share of what the kernels held.
    """
    *layers, _ = (module for module in convolutions if isinstance(module, nn.Conv2d))
    for layer in layers:
        filters, channels = layer.weight.shape[:2]
        half = filters // 2
        if channels == filters:
            q = nn.init.orthogonal_(torch.empty(half, half))
            passed = torch.cat([torch.cat([q, -q], 1), torch.cat([-q, q], 1)])
        else:
            one = torch.randn(half, channels)
            passed = torch.cat([one, -one])
        layer.weight.mul_(spread)
        row, column = (side // 2 for side in layer.weight.shape[2:])
        layer.weight[: 2 * half, : passed.shape[1], row, column] += passed
