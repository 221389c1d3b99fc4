"""The U-Net with an embedded guidance layer (Eidlin et al., Figure 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_SLOPE = 0.01
_DETAILS = 10.0
"""[assumed] The details of a radiograph in [0,1] are mostly below a tenth: as large as other features they count."""

_BLACK = 1e-3
"""[assumed] With ``skip`` nothing is darker, and nothing brighter than 1 less this, before what is made is added."""

_AT_ONCE = 2**22
"""So many values of the guidance layer's maps are made at once where no gradient is wanted: at an image's full size the
maps of a deep level are many times as large as a processor's caches, and all but one in 4**level are thrown away."""

_DRAWN = 0.5
"""[assumed] Share of He-normal weights in the first layer's beginning, beside the identity; and they are the same after
every turn and reflection. Kernels that are not show a relief as if lit from the side, and the map of highest entropy,
one of them, is what the result is drawn to."""


class GuidedUnet(nn.Module):
    """Encoder, bottleneck and a decoder whose upsampled features are mixed with those of the details layer.

    On each level of the decoder: ``beta`` times the guidance layer (LeakyReLU of the details, a convolution, max
    pooling to the level's size) plus 1 - ``beta`` times the upsampled features; then the encoder's features beside it
    and two convolutions. The first convolution's maps are what the feature loss looks at.

    The weights depend on the seed alone: He-normal for 3x3 convolutions, Xavier for the last, zero biases; the first
    layer's begin near the identity.

    Args:
        depth: how often the resolution is halved.
        first_filters: of the first convolution; they double with each level.
        beta: weight of the guidance; None for a U-Net without it.
        seed: of the weights.
        skip: whether what it makes is added to the image (before the sigmoid).
    """

    def __init__(self, depth: int, first_filters: int, beta: float | None, seed: int, skip: bool = False) -> None:
        super().__init__()
        filters = [first_filters * 2**level for level in range(depth + 1)]
        self.depth, self.beta, self.skip = depth, beta, skip
        self.first = nn.Conv2d(1, filters[0], 3, padding=1)
        self.second = nn.Conv2d(filters[0], filters[0], 3, padding=1)
        self.encoder = nn.ModuleList(_two(filters[k], filters[k + 1]) for k in range(depth))
        self.up = nn.ModuleList(nn.Conv2d(filters[k + 1], filters[k], 3, padding=1) for k in range(depth))
        self.decoder = nn.ModuleList(_two(2 * filters[k], filters[k]) for k in range(depth))
        guided = depth if beta is not None else 0
        self.guidance = nn.ModuleList(nn.Conv2d(1, filters[k], 3, padding=1) for k in range(guided))
        self.head = nn.Conv2d(filters[0], 1, 1)
        self._initialise(seed)

    def forward(self, images: Tensor, details: Tensor) -> Tensor:
        """Return the enhanced images, float32 ``[B,1,H,W]`` in (0,1). Arguments as those of :meth:`with_maps`."""
        return self.with_maps(images, details)[0]

    def with_maps(self, images: Tensor, details: Tensor) -> tuple[Tensor, Tensor]:
        """Return the enhanced images and the maps of the first layer, ``[B,first_filters,H,W]``.

        Args:
            images: float32 ``[B,1,H,W]`` in [0,1], of any size; continued at their edges to what the depth needs.
            details: float32 ``[B,1,H,W]`` in [-1,1].
        """
        height, width = images.shape[-2:]
        images, top, left = self._padded(images)
        details, _, _ = self._padded(details)
        inside = (..., slice(top, top + height), slice(left, left + width))
        maps = functional.relu(self.first(images))
        x = self.second(maps).relu_()
        seen = functional.leaky_relu(_DETAILS * details, _SLOPE)
        skips = []
        for level in self.encoder:
            skips.append(x)
            x = level(functional.max_pool2d(x, 2))
        for k in reversed(range(self.depth)):
            # Interpolated, then convolved: a transposed convolution leaves a chequered pattern.
            x = self.up[k](functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
            if self.beta is not None:
                x = x.lerp(self._guidance(k, seen), self.beta)
            x = self.decoder[k](torch.cat([skips[k], x.relu_()], dim=1))
        made = self.head(x).float()
        if self.skip:
            made = made + torch.logit(images.float(), _BLACK)
        return made.sigmoid()[inside], maps[inside]

    def _guidance(self, level: int, seen: Tensor) -> Tensor:
        convolution, share = self.guidance[level], 2**level
        assert isinstance(convolution, nn.Conv2d)
        if not level:
            return functional.conv2d(seen, convolution.weight, convolution.bias, padding=1)
        rows, width = seen.shape[-2:]
        if not torch.is_grad_enabled():
            rows = min(rows, max(1, _AT_ONCE // (convolution.out_channels * width * share)) * share)
        wider = functional.pad(seen, (1, 1, 1, 1))
        bands = (wider[:, :, top : top + rows + 2] for top in range(0, seen.shape[2], rows))
        pooled = [
            functional.max_pool2d(functional.conv2d(band, convolution.weight, convolution.bias), share)
            for band in bands
        ]
        return pooled[0] if len(pooled) == 1 else torch.cat(pooled, dim=2)

    def _padded(self, images: Tensor) -> tuple[Tensor, int, int]:
        below, right = (-size % 2**self.depth for size in images.shape[-2:])
        if not below and not right:
            return images, 0, 0
        top, left = below // 2, right // 2
        # Continued, not black: a black frame would be an edge to enhance.
        return functional.pad(images, (left, right - left, top, below - top), mode="replicate"), top, left

    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is self.head:
                    nn.init.xavier_uniform_(module.weight, generator=generator)
                else:
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            turned = [self.first.weight.rot90(k, (2, 3)) for k in range(4)]
            even = sum((x + x.flip(3) for x in turned), torch.zeros_like(self.first.weight)) / 8
            self.first.weight.copy_(_DRAWN * even)[:, :, 1, 1] += 1.0


def _two(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
    )
