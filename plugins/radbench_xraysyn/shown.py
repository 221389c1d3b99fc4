"""From thicknesses to what an enhancer gives: views in the radiograph's greys, and Algorithm 1 on the radiograph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from radbench.contracts.enhancement import Enhancement
from radbench.learn.batch import resized
from radbench.xray import Pose, attenuated_intensity, scale_to_unit, suppress_bone
from radbench.xray.chest_cube import radiograph_of

FRONTAL = Pose(0.0, 0.0)
"""The view that a radiograph is taken to be (paper, implementation details)."""

Rendered = Callable[[Tensor, Sequence[Pose]], tuple[Tensor, Tensor | None]]
"""``(radiograph [1,1,H,W], poses) -> (views [V,1,h,w], bone and tissue [V,2,h,w] in g/cm^2; or None)``.

Views are bright where much is in the way, in one scale for all poses; which greys that is, :func:`fit_greys` says, or
each view's own range.
"""

_FLAT = 1e-12
"""A variance below which there is nothing to fit to."""


def on_grid(image: Tensor, side: int) -> Tensor:
    """Return a radiograph ``[B,1,H,W]`` as ``[B,1,side,side]``, scaled to [0,1]; another format is stretched."""
    return scale_to_unit(resized(image, (side, side)))


def pooled(image: Tensor) -> Tensor:
    """Return a radiograph at half its side, by averages (paper, implementation details), scaled to [0,1] again."""
    return scale_to_unit(functional.avg_pool2d(image, 2))


@dataclass(frozen=True)
class Suppression:
    """Bones taken from radiographs, or brought out.

    Attributes:
        mode: "suppress" or "bone".
        strength: how far bone's attenuation is moved to tissue's.
        fitted: whether :func:`fit_greys` brings radiograph and estimate into one range; else the extremes of each do.
    """

    mode: str
    strength: float
    fitted: bool = False

    def __call__(self, image: Tensor, bone: Tensor, tissue: Tensor) -> tuple[Tensor, Tensor]:
        """Return the enhanced image, and the radiograph wholly without bones; ``[1,1,H,W]`` in [0,1].

        A radiograph of one grey, or an estimate that attenuates all rays alike, comes back as it is: there is nothing
        to take out. So does one with which the estimate does not rise.
        """
        # As suppress_bone sees them: in single precision thick rays may attenuate alike though their masses differ.
        intensity = attenuated_intensity(bone, tissue)
        if not bool(image.amax() > image.amin()) or not bool((bone > 0).any()):
            return image, image
        if not bool(intensity.amax() > intensity.amin()):
            return image, image
        without = self._less(image, bone, tissue, 1.0)
        part = self._less(image, bone, tissue, self.strength)
        made = part if self.mode == "suppress" else 2 * image - part
        return made.clamp(0.0, 1.0), without.clamp(0.0, 1.0)

    def _less(self, image: Tensor, bone: Tensor, tissue: Tensor, amount: float) -> Tensor:
        if not self.fitted:
            low, high = image.amin(), image.amax()
            return suppress_bone((image - low) / (high - low), bone, tissue, amount=amount) * (high - low) + low
        intensity = attenuated_intensity(bone, tissue)
        gain, black = fit_greys(-intensity, image)
        if not bool(gain > 0):
            return image
        # Algorithm 1 multiplies intensities. What it makes of the estimate tells by what; it is done to the radiograph,
        # whose intensity is what it lacks of the grey of rays that nothing passes.
        most = intensity.amax()
        brighter = (most - suppress_bone(most - intensity, bone, tissue, amount=amount)) / intensity
        return image - (black - image).clamp_min(0.0) * (brighter - 1)


def fit_greys(rendered: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Return gain and offset, ``[B,1,1,1]``, with which what was rendered comes closest to images in least squares.

    Args:
        rendered: float ``[B,1,h,w]``.
        image: likewise. Where either is of one grey, the gain is 0.
    """
    x, y = rendered.double(), image.double()
    over = (1, 2, 3)
    mean_x, mean_y = x.mean(over, keepdim=True), y.mean(over, keepdim=True)
    spread = (x - mean_x).square().mean(over, keepdim=True)
    together = ((x - mean_x) * (y - mean_y)).mean(over, keepdim=True)
    gain = torch.where(spread > _FLAT, together / spread.clamp_min(_FLAT), torch.zeros_like(spread))
    return gain.to(image.dtype), (mean_y - gain * mean_x).to(image.dtype)


def enhanced(images: Tensor, rendered: Rendered, suppression: Suppression) -> Enhancement:
    """Return radiographs with their bones suppressed or brought out, and the layers, ``[B,1,H,W]``."""
    found = []
    # One by one: a convolution may round otherwise where another image stands beside it.
    for image in images:
        thicknesses = rendered(image[None], [FRONTAL])[1]
        assert thicknesses is not None
        bone, tissue = _at(thicknesses.clamp_min(0.0), image).split(1, dim=1)
        made, without = suppression(image[None], bone, tissue)
        layers = {
            "bone_image": radiograph_of(bone, torch.zeros_like(bone)),
            "soft_tissue_image": without,
            "bone_thickness": bone,
            "tissue_thickness": tissue,
        }
        found.append(Enhancement(made, layers))
    return _beside(found, torch.cat)


def reconstructed(images: Tensor, rendered: Rendered, fitted: bool) -> Enhancement:
    """Return radiographs as they are rendered from where they were taken: of what tells no bone from tissue."""
    each = [viewed_one(image, rendered, [FRONTAL], fitted).image for image in images]
    return Enhancement(torch.cat(each))


def viewed(images: Tensor, rendered: Rendered, poses: Sequence[Pose], fitted: bool) -> Enhancement:
    """Return radiographs from other poses, every tensor ``[B,V,1,H,W]``.

    Views are in the greys of the radiograph: each from its least to its greatest, or, fitted, all with the gain and
    offset that the frontal one needs (:func:`fit_greys`). Where bone is told from tissue, the layers
    are theirs at the pose; ``soft_tissue_image`` shows bone as if it were tissue.
    """
    return _beside([viewed_one(image, rendered, poses, fitted) for image in images], torch.stack)


def viewed_one(image: Tensor, rendered: Rendered, poses: Sequence[Pose], fitted: bool) -> Enhancement:
    """Return the views of one radiograph ``[1,H,W]``, every tensor ``[V,1,H,W]``."""
    made, thicknesses = rendered(image[None], poses)
    if fitted:
        frontal = [view[None] for view, pose in zip(made, poses, strict=True) if pose == FRONTAL]
        gain, offset = fit_greys(
            _at(frontal[0] if frontal else rendered(image[None], [FRONTAL])[0], image), image[None]
        )
        views = _at(made, image) * gain + offset
    else:
        low, high = image.amin(), image.amax()
        views = _at(scale_to_unit(made), image).clamp(0.0, 1.0) * (high - low) + low
    views = views.clamp(0.0, 1.0)
    if thicknesses is None:
        return Enhancement(views)
    bone, tissue = _at(thicknesses.clamp_min(0.0), image).split(1, dim=1)
    layers = {
        "bone_image": radiograph_of(bone, torch.zeros_like(bone)),
        "soft_tissue_image": radiograph_of(torch.zeros_like(bone), bone + tissue),
        "bone_thickness": bone,
        "tissue_thickness": tissue,
    }
    return Enhancement(views, layers)


def _at(maps: Tensor, image: Tensor) -> Tensor:
    """Return maps ``[V,C,h,w]`` at the size of an image."""
    size = (image.shape[-2], image.shape[-1])
    return resized(maps, size)


def _beside(found: Sequence[Enhancement], joined: Callable[[list[Tensor]], Tensor]) -> Enhancement:
    layers = {name: joined([one.layers[name] for one in found]) for name in found[0].layers}
    return Enhancement(joined([one.image for one in found]), layers)
