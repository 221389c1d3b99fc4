"""The enhancer bm3d and its configuration: the parameters of Dabov et al. 2007, Table I."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import field_validator, model_validator

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param

if TYPE_CHECKING:
    from torch import Tensor

    from radbench_bm3d.collaborative import Step

_NORMAL = "paper Dabov et al. 2007, Table I"

Transform = Literal["bior1.5", "dct"]


class BM3DConfig(BaseConfig):
    """The noise level and the parameters of both steps; the defaults are the paper's normal profile.

    Fields that end in ``_ht`` are of step 1, hard thresholding; those that end in ``_wie`` of step 2, Wiener filtering.
    """

    sigma: float = param(
        0.0,
        "standard deviation of the noise in grey levels of 8 bits (white is 255); 0 estimates it from each image",
        source="assumed: estimated by the median absolute deviation (Donoho & Johnstone 1994)",
        ge=0.0,
        le=255.0,
    )
    noise_band: int = param(
        1,
        "wavelet band that the noise is estimated in: 1 is the finest; 2 for CT, whose kernel empties the finest",
        source="assumed: Donoho & Johnstone 1994 take the finest",
        ge=1,
        le=3,
    )
    transform_ht: Transform = param("bior1.5", "2-D transform of a block in step 1", source=_NORMAL)
    n1_ht: int = param(8, "side of a block, in pixels", source=_NORMAL, ge=2, le=32)
    n2_ht: int = param(16, "most blocks of a group, a power of two", source=_NORMAL, ge=1, le=128)
    step_ht: int = param(3, "pixels between reference blocks, at most n1_ht", source=_NORMAL, ge=1, le=32)
    search_ht: int = param(39, "side of the search window, in block positions, odd", source=_NORMAL, ge=1, le=127)
    tau_ht: float = param(
        2500.0, "largest mean squared difference of blocks that match, in grey levels squared", source=_NORMAL, ge=0.0
    )
    lambda_2d: float = param(
        0.0,
        "threshold, in sigma, of the coefficients that blocks are compared by; 0 compares pixels",
        source=_NORMAL,
        ge=0.0,
    )
    lambda_3d: float = param(2.7, "threshold of a group's coefficients, in sigma", source=_NORMAL, ge=0.0)
    beta_ht: float = param(2.0, "of the Kaiser window that blocks are put back with", source=_NORMAL, ge=0.0, le=20.0)
    transform_wie: Transform = param("dct", "2-D transform of a block in step 2", source=_NORMAL)
    n1_wie: int = param(8, "side of a block, in pixels", source=_NORMAL, ge=2, le=32)
    n2_wie: int = param(32, "most blocks of a group, a power of two", source=_NORMAL, ge=1, le=128)
    step_wie: int = param(3, "pixels between reference blocks, at most n1_wie", source=_NORMAL, ge=1, le=32)
    search_wie: int = param(39, "side of the search window, in block positions, odd", source=_NORMAL, ge=1, le=127)
    tau_wie: float = param(
        400.0, "largest mean squared difference of blocks that match, in grey levels squared", source=_NORMAL, ge=0.0
    )
    beta_wie: float = param(2.0, "of the Kaiser window that blocks are put back with", source=_NORMAL, ge=0.0, le=20.0)
    noisy_above: float = param(
        30.0,
        "noise, in grey levels, above which the parameters for strong noise hold",
        source="assumed: above it, noise alone (2 sigma^2) makes the same block at two places differ by more than "
        "tau_ht; the paper has 40",
        ge=0.0,
    )
    noisy: Literal["revised", "paper"] = param(
        "revised",
        "for strong noise: revised takes tau_noisy for tau_ht and keeps the rest; paper takes Table I's for sigma > 40 "
        "(DCT of 12 x 12, then 11 x 11, steps 4 and 6, lambda_2d 2, lambda_3d 2.8, tau 5000 and 3500)",
        source="assumed: revised is 0.35 dB better at sigma 50, on average over six photographs",
    )
    tau_noisy: float = param(
        25000.0,
        "tau_ht for strong noise, where noisy=revised",
        source="code of the authors, later profile for sigma > 40",
        ge=0.0,
    )

    @field_validator("n2_ht", "n2_wie")
    @classmethod
    def _power_of_two(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError(f"must be a power of two, got {value}: the Haar transform along a group halves it")
        return value

    @field_validator("search_ht", "search_wie")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"must be odd, got {value}: the reference block is in the middle")
        return value

    @model_validator(mode="after")
    def _blocks_cover(self) -> Self:
        for which, transform, side, step in (
            ("ht", self.transform_ht, self.n1_ht, self.step_ht),
            ("wie", self.transform_wie, self.n1_wie, self.step_wie),
        ):
            if transform == "bior1.5" and side & (side - 1):
                raise ValueError(f"n1_{which} must be a power of two with transform_{which}=bior1.5, got {side}")
            if step > side:
                raise ValueError(
                    f"step_{which} is {step}, above n1_{which}={side}: pixels between blocks would be lost"
                )
        return self

    def steps(self, sigma: float) -> tuple[Step, Step]:
        """Return the parameters of both steps at a noise level, in grey levels of 8 bits."""
        from radbench_bm3d.collaborative import Step

        strong = sigma > self.noisy_above
        if strong and self.noisy == "paper":
            first = Step("dct", 12, 16, 4, 39, 2.0, 5000.0, lambda_2d=2.0, lambda_3d=2.8)
            return first, Step("dct", 11, 32, 6, 39, 2.0, 3500.0)
        return (
            Step(
                self.transform_ht,
                self.n1_ht,
                self.n2_ht,
                self.step_ht,
                self.search_ht,
                self.beta_ht,
                self.tau_noisy if strong else self.tau_ht,
                lambda_2d=self.lambda_2d,
                lambda_3d=self.lambda_3d,
            ),
            Step(
                self.transform_wie,
                self.n1_wie,
                self.n2_wie,
                self.step_wie,
                self.search_wie,
                self.beta_wie,
                self.tau_wie,
            ),
        )


class BM3D:
    """Removes white Gaussian noise by block matching and collaborative filtering, in two steps."""

    Config = BM3DConfig

    def __init__(self, config: BM3DConfig) -> None:
        self.config = config

    def enhance(self, images: Tensor) -> Tensor:
        """Return the denoised images; those whose noise is estimated at 0 come back as they are.

        Args:
            images: float32 ``[B,1,H,W]`` in [0,1].

        Returns:
            float32 ``[B,1,H,W]`` in [0,1]. Each image is treated by itself, so no batch changes a bit of another.
        """
        import torch

        return torch.stack([self._denoise(image[0])[None] for image in images]) if len(images) else images.clone()

    def _denoise(self, image: Tensor) -> Tensor:
        from radbench_bm3d.collaborative import hard_threshold, mirrored, wiener
        from radbench_bm3d.noise import noise_level

        grey = image.float() * 255.0
        sigma = self.config.sigma or noise_level(grey, self.config.noise_band)
        if sigma == 0.0 or image.numel() == 0:
            return image.clamp(0.0, 1.0)
        first, second = self.config.steps(sigma)
        noisy = mirrored(grey, max(first.block, second.block))
        final = wiener(noisy, hard_threshold(noisy, first, sigma), second, sigma)
        return (final[: grey.shape[0], : grey.shape[1]] / 255.0).clamp(0.0, 1.0)
