"""The 2-D networks: the residual dense network with M's filters, and the PatchGAN that judges."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class DenseBlock(nn.Module):
    """A residual dense block (Zhang et al. 2018): each convolution sees all before it; a 1x1 one fuses them."""

    def __init__(self, filters: int, layers: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(filters + i * growth, growth, 3, padding=1) for i in range(layers))
        self.fusion = nn.Conv2d(filters + layers * growth, filters, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        seen = features
        for layer in self.layers:
            seen = torch.cat([seen, functional.relu(layer(seen))], dim=1)
        return features + self.fusion(seen)


class DenseTrunk(nn.Module):
    """A residual dense network up to its global fusion: ``[B,inputs,h,w]`` to ``[B,growth,h,w]``."""

    def __init__(self, inputs: int, blocks: int, layers: int, growth: int) -> None:
        super().__init__()
        self.shallow = nn.Conv2d(inputs, growth, 3, padding=1)
        self.second = nn.Conv2d(growth, growth, 3, padding=1)
        self.blocks = nn.ModuleList(DenseBlock(growth, layers, growth) for _ in range(blocks))
        self.fusion = nn.Sequential(nn.Conv2d(blocks * growth, growth, 1), nn.Conv2d(growth, growth, 3, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        """Return features."""
        first = self.shallow(images)
        came, found = self.second(first), []
        for block in self.blocks:
            came = block(came)
            found.append(came)
        return functional.relu(self.fusion(torch.cat(found, dim=1)) + first)


class FilterNet(nn.Module):
    """M (supplement, Table 2): stride-2 convolutions that make of a radiograph the filters of a 1x1 convolution.

    There are as many as halve the image to one pixel, each with twice the channels of the last, which has channels^2:
    of 256 pixels and 64 channels eight, from 32 to 4096.
    """

    def __init__(self, side: int, channels: int) -> None:
        super().__init__()
        count = max(1, (side - 1).bit_length())
        widths = [max(4, channels**2 // 2 ** (count - 1 - i)) for i in range(count - 1)] + [channels**2]
        came, steps = 1, []
        for width in widths:
            steps.append(nn.Conv2d(came, width, 3, stride=2, padding=1))
            came = width
        self.steps = nn.ModuleList(steps)
        self.channels = channels

    def forward(self, images: Tensor) -> Tensor:
        """Return filters ``[B,C,C]`` of radiographs ``[B,1,S,S]``."""
        came = images
        for step in self.steps[:-1]:
            came = functional.relu(step(came))
        found = self.steps[-1](came).mean((2, 3))
        return found.reshape(len(images), self.channels, self.channels)


class RefineNet(nn.Module):
    """2DRN: what is to be added to bone and tissue, at twice their size (Eq. 11; supplement).

    Args:
        side: of the radiograph that M is shown, in pixels.
        blocks, layers, growth: of the residual dense network.
        meta: whether M makes the 1x1 convolution after the global fusion; else one is learnt for all.
    """

    def __init__(self, side: int, blocks: int, layers: int, growth: int, meta: bool) -> None:
        super().__init__()
        self.config = (side, blocks, layers, growth, meta)
        self.trunk = DenseTrunk(2, blocks, layers, growth)
        self.filters = FilterNet(side, growth) if meta else None
        self.shuffle = nn.Conv2d(growth, growth, 1, bias=False) if not meta else None
        self.up = nn.Sequential(nn.Conv2d(growth, 4 * growth, 3, padding=1), nn.PixelShuffle(2))
        self.last = nn.Conv2d(growth, 2, 3, padding=1)
        # Before it has learnt anything it adds nothing [assumed].
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, materials: Tensor, radiographs: Tensor) -> Tensor:
        """Refine bone and tissue.

        Args:
            materials: ``[B,V,2,n,n]``, in the unit that both have alike.
            radiographs: ``[B,1,2n,2n]`` in [0,1], which M looks at.

        Returns:
            ``[B,V,2,2n,2n]``.
        """
        count, views = materials.shape[:2]
        each = materials.flatten(0, 1)
        features = self.trunk(each)
        if self.filters is not None:
            filters = self.filters(radiographs).repeat_interleave(views, dim=0)
            features = torch.einsum("boc,bchw->bohw", filters, features)
        else:
            assert self.shuffle is not None
            features = self.shuffle(features)
        added = self.last(self.up(features))
        whole = functional.interpolate(each, scale_factor=2.0, mode="bilinear", align_corners=False)
        # Nothing is thinner than nothing; a slope is left, lest what has gone below never comes back [assumed].
        return functional.leaky_relu(whole + added.float(), 0.01).unflatten(0, (count, views))


class ViewNet(nn.Module):
    """2D Refiner: a new view of a radiograph, of what backprojection shows there and the radiograph itself."""

    def __init__(self, blocks: int, layers: int, growth: int) -> None:
        super().__init__()
        self.config = ("view", blocks, layers, growth)
        self.trunk = DenseTrunk(2, blocks, layers, growth)
        self.last = nn.Conv2d(growth, 1, 3, padding=1)

    def forward(self, shown: Tensor) -> Tensor:
        """Return ``[B,1,n,n]`` of ``[B,2,n,n]``."""
        return self.last(self.trunk(shown)).float()


class PatchJudge(nn.Module):
    """The discriminator: a PatchGAN of 4x4 convolutions, three of them strided, with instance norm [code]."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.config = filters
        steps: list[nn.Module] = [nn.Conv2d(1, filters, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        came = filters
        for width, stride in ((2 * filters, 2), (4 * filters, 2), (8 * filters, 1)):
            steps += [
                nn.Conv2d(came, width, 4, stride=stride, padding=1),
                nn.InstanceNorm2d(width),
                nn.LeakyReLU(0.2),
            ]
            came = width
        self.steps = nn.Sequential(*steps, nn.Conv2d(came, 1, 4, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        """Return a verdict on each patch, ``[B,1,h,w]``: 1 for a real radiograph, 0 for a made one."""
        return self.steps(images)
