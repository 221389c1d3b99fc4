"""The U-Net: an encoder, a bottleneck and a decoder with skips, as the configuration says; any image size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.contracts.errors import ConfigurationError

_NORMS = ("none", "batch", "instance", "group")
_ACTIVATIONS = ("relu", "leaky-relu", "elu", "gelu")
_HEADS = ("linear", "sigmoid", "tanh")
_UPSAMPLINGS = ("transposed", "bilinear", "nearest")


@dataclass(frozen=True)
class UNetConfig:
    """The shape of a U-Net. The defaults are Ronneberger et al. 2015's, with padded convolutions.

    Levels are counted from 0 (full resolution) to ``depth`` (the bottleneck).

    Attributes:
        depth: how often the encoder halves the resolution.
        first_filters: channels of level 0.
        multiplier: by how much channels grow from one level to the next.
        in_channels, out_channels: of the image and of the result.
        dilated_levels: levels whose 3x3 convolutions are dilated.
        dilation: their rate.
        dilate_decoder: whether that holds for the decoder's convolutions too, or for encoder and bottleneck alone.
        norm: after each 3x3 convolution; "batch" makes an image's result depend on its batch while training. "group"
            has up to eight groups of at least four channels.
        activation: after each 3x3 convolution.
        head: what the last 1x1 convolution is followed by.
        upsampling: a 2x2 transposed convolution, or interpolation and a 3x3 convolution.
    """

    depth: int = 4
    first_filters: int = 64
    multiplier: float = 2.0
    in_channels: int = 1
    out_channels: int = 1
    dilated_levels: tuple[int, ...] = ()
    dilation: int = 2
    dilate_decoder: bool = False
    norm: Literal["none", "batch", "instance", "group"] = "none"
    activation: Literal["relu", "leaky-relu", "elu", "gelu"] = "relu"
    head: Literal["linear", "sigmoid", "tanh"] = "linear"
    upsampling: Literal["transposed", "bilinear", "nearest"] = "transposed"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dilated_levels", tuple(self.dilated_levels))
        for name, least in (("depth", 0), ("first_filters", 1), ("in_channels", 1), ("out_channels", 1)):
            if getattr(self, name) < least:
                raise ConfigurationError(f"{name} of a U-Net must be at least {least}, got {getattr(self, name)}")
        if self.multiplier <= 0 or self.dilation < 1:
            raise ConfigurationError(
                f"multiplier must be above 0 and dilation at least 1, got {self.multiplier} and {self.dilation}"
            )
        wrong = [level for level in self.dilated_levels if not 0 <= level <= self.depth]
        if wrong:
            raise ConfigurationError(f"dilated_levels {wrong} are not among 0 to {self.depth} (the bottleneck)")
        for name, allowed in (
            ("norm", _NORMS),
            ("activation", _ACTIVATIONS),
            ("head", _HEADS),
            ("upsampling", _UPSAMPLINGS),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigurationError(f"{name} '{getattr(self, name)}' must be one of {', '.join(allowed)}")

    @property
    def filters(self) -> tuple[int, ...]:
        """Channels of each level, from full resolution to the bottleneck."""
        return tuple(max(1, round(self.first_filters * self.multiplier**level)) for level in range(self.depth + 1))

    @property
    def multiple(self) -> int:
        """What the network's own height and width must divide by; :class:`UNet` pads other sizes."""
        return 2**self.depth

    def encoder_dilation(self, level: int) -> int:
        """Dilation rate of a level of the encoder, or of the bottleneck."""
        return self.dilation if level in self.dilated_levels else 1

    def decoder_dilation(self, level: int) -> int:
        """Dilation rate of a level of the decoder."""
        return self.encoder_dilation(level) if self.dilate_decoder else 1


_PAPER = UNetConfig(first_filters=32, dilated_levels=(3, 4), dilation=2, dilate_decoder=True)

PAPER_UNETS: Mapping[str, UNetConfig] = MappingProxyType(
    {
        "lung-segmentation": UNetConfig(**{**asdict(_PAPER), "head": "sigmoid"}),
        "lung-extraction": UNetConfig(**{**asdict(_PAPER), "head": "tanh"}),
        "bone-extraction": UNetConfig(**{**asdict(_PAPER), "head": "tanh"}),
    }
)
"""The networks of lung-unet §2.2-2.3 and bone-unet §2.3.

As printed: U-Net after Ronneberger et al., 512x512, 32 filters in the first convolution, dilation rate 2, ReLU, no
batch norm (said of the segmentation alone), sigmoid or tanh at the output. Unstated and assumed: which levels are
dilated (the two deepest, on both sides), four poolings and doubled channels as in the original. No parameter counts
are printed."""


class UNet(nn.Module):
    """U-Net of :class:`UNetConfig`; images of any size are continued at their edges to what the depth needs.

    The weights depend on the seed alone, never on torch's own random state: He-normal for the 3x3 convolutions,
    Xavier for the others, zero biases.
    """

    def __init__(self, config: UNetConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        filters, depth = config.filters, config.depth
        self.encoder = nn.ModuleList(
            _level(config, config.in_channels if level == 0 else filters[level - 1], filters[level], rate)
            for level, rate in ((level, config.encoder_dilation(level)) for level in range(depth))
        )
        above = filters[depth - 1] if depth else config.in_channels
        self.bottleneck = _level(config, above, filters[depth], config.encoder_dilation(depth))
        self.up = nn.ModuleList(_upsampling(config, filters[level + 1], filters[level]) for level in range(depth))
        self.decoder = nn.ModuleList(
            _level(config, 2 * filters[level], filters[level], config.decoder_dilation(level)) for level in range(depth)
        )
        self.head = nn.Conv2d(filters[0], config.out_channels, 1)
        self._initialise(seed)

    def forward(self, images: Tensor) -> Tensor:
        """Return the head's output, float32 ``[B,out_channels,H,W]``; images are ``[B,in_channels,H,W]``."""
        return self.activate(self.logits(images))

    def activate(self, logits: Tensor) -> Tensor:
        """Apply the head's activation in single precision."""
        logits = logits.float()
        if self.config.head == "sigmoid":
            return logits.sigmoid()
        return logits.tanh() if self.config.head == "tanh" else logits

    def logits(self, images: Tensor) -> Tensor:
        """Return what the head gives before its activation, ``[B,out_channels,H,W]``."""
        height, width = images.shape[-2:]
        x, top, left = self._padded(images)
        skips = []
        for level in self.encoder:
            x = level(x)
            skips.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for up, level, skip in reversed(list(zip(self.up, self.decoder, skips, strict=True))):
            x = level(torch.cat([skip, up(x)], dim=1))
        return self.head(x)[..., top : top + height, left : left + width]

    def _padded(self, images: Tensor) -> tuple[Tensor, int, int]:
        below, right = (-size % self.config.multiple for size in images.shape[-2:])
        if not below and not right:
            return images, 0, 0
        top, left = below // 2, right // 2
        # Continued, not black: a black frame would read as air beside the patient.
        return functional.pad(images, (left, right - left, top, below - top), mode="replicate"), top, left

    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                continue
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            else:
                nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _level(config: UNetConfig, inputs: int, outputs: int, dilation: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        # A batch or instance norm takes the mean away again: a bias before it would learn nothing.
        bias = config.norm not in ("batch", "instance")
        layers.append(nn.Conv2d(channels, outputs, 3, padding=dilation, dilation=dilation, bias=bias))
        layers += [*_norm(config.norm, outputs), _activation(config.activation)]
    return nn.Sequential(*layers)


def _norm(kind: str, channels: int) -> list[nn.Module]:
    if kind == "batch":
        return [nn.BatchNorm2d(channels)]
    if kind == "instance":
        return [nn.InstanceNorm2d(channels, affine=True)]
    if kind == "group":
        # Four channels or more to a group: one alone would be an instance norm, which forgets how bright an area is.
        return [nn.GroupNorm(next((g for g in (8, 4, 2) if channels % (4 * g) == 0), 1), channels)]
    return []


def _activation(kind: str) -> nn.Module:
    if kind == "leaky-relu":
        return nn.LeakyReLU(0.1, inplace=True)
    if kind == "elu":
        return nn.ELU(inplace=True)
    return nn.GELU() if kind == "gelu" else nn.ReLU(inplace=True)


def _upsampling(config: UNetConfig, inputs: int, outputs: int) -> nn.Module:
    if config.upsampling == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    scale = nn.Upsample(scale_factor=2, mode=config.upsampling)
    return nn.Sequential(scale, nn.Conv2d(inputs, outputs, 3, padding=1))


def parameter_count(network: nn.Module) -> int:
    """Return how many weights a network learns."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def receptive_field(config: UNetConfig) -> int:
    """Return how many pixels of the input, along one axis, a pixel of the result can depend on.

    The widest path, down to the bottleneck and up again, is followed back from a pixel of the result: each 3x3
    convolution widens the interval by its dilation on both sides, each pooling doubles it. How the pixel lies on the
    pooling's grid matters: the widest counts.
    """
    return max(_width(config, pixel) for pixel in range(config.multiple))


def _width(config: UNetConfig, pixel: int) -> int:
    low = high = pixel
    for level in range(config.depth):
        reach = 2 * config.decoder_dilation(level) + (config.upsampling != "transposed")
        low, high = low - reach, high + reach
        if config.upsampling == "bilinear":
            low, high = (low - 1) // 2, (high + 1) // 2
        else:
            low, high = low // 2, high // 2
    for level in reversed(range(config.depth + 1)):
        if level < config.depth:
            low, high = 2 * low, 2 * high + 1
        reach = 2 * config.encoder_dilation(level)
        low, high = low - reach, high + reach
    return high - low + 1
