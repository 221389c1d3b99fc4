"""single-gan: one GAN from the noisy, degraded image straight to the enhanced one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor, nn

from radbench.contracts.enhancement import Enhancement
from radbench_sgan.config import SingleGanConfig
from radbench_sgan.gan import Gan, Size, new_generator, vgg_digest, vgg_of
from radbench_sgan.networks import restored
from radbench_sgan.patches import lesson_of
from radbench_sgan.shown import made_worse

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons
    from radbench.contracts.results import Sample


class SingleGan(nn.Module):
    """The single GAN that Tang et al. 2018 compare with: what both of SGAN's learn, learnt by one.

    Layer: ``enhanced``, which is the image itself.
    """

    Config = SingleGanConfig

    def __init__(self, config: SingleGanConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = new_generator(config, config.blocks, 0)
        self._facts: dict[str, str] = {}

    def fingerprint(self) -> str | None:
        """Return the digest of the file of VGG-16's weights as it first was, where one is given."""
        return self._vgg_digest

    @cached_property
    def _vgg_digest(self) -> str | None:
        return vgg_digest(self.config)

    def lesson(self, sample: Sample) -> dict[str, Tensor]:
        """Return the whole photograph, uint8."""
        return lesson_of(sample)

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train the GAN on patches that are made worse, and noisy.

        Raises:
            PretrainedWeightsError: VGG-16's weights are wanted and cannot be had.
            TrainingError: the training diverged or collapsed.
        """
        config = self.config
        vgg = vgg_of(config, self._vgg_digest, context.device)
        size = Size(config.blocks, config.patch, config.batch_size, config.epochs, config.steps_per_epoch)
        gan = Gan("single GAN", config, size, made_worse(*config.worse, sigma=config.noise), vgg)
        nets = gan.networks(context)
        context.expect(gan.seconds(nets, lessons.train, lessons.validation, context))
        result = gan.learn(nets, lessons.train, lessons.validation, context)
        self.generator = nets["G"]
        self._facts = {"pretrained": vgg.pretrained if vgg else "false"}
        self._facts["validation"] = gan.restoring(result, lessons.validation, context)

    def facts(self) -> dict[str, str]:
        """Return, after :meth:`fit`, what the VGG term compared with and how well G restores."""
        return self._facts

    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1]."""
        enhanced = restored(self.generator, images)
        return Enhancement(enhanced, {"enhanced": enhanced})
