"""sgan: a GAN that denoises, and a second that enhances what the first gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from radbench.contracts.config import Config
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.specs import EnhancerSpec
from radbench.learn.feeding import ListLessons
from radbench_sgan.config import SganConfig
from radbench_sgan.gan import Gan, Size, new_generator, vgg_digest, vgg_of
from radbench_sgan.networks import restored
from radbench_sgan.patches import Together, lesson_of
from radbench_sgan.shown import Restored, Shown, made_worse, with_noise
from radbench_sgan.transfer import Judge, chosen_slices

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lesson, Lessons, LessonSet
    from radbench.contracts.results import Sample

_TUNING = "tuned_on"


class Sgan(nn.Module):
    """The stacked GANs of Tang et al. 2018 (section 2.1).

    With two stages, the first is a part: ``sgan[stages=1]``, trained once for both. The second learns from degraded
    images without noise, as printed, or from those that the first has denoised (``denoised_first``).

    Layers: ``denoised``, what the first GAN gives; ``enhanced``, with two stages, what the second makes of it.
    """

    Config = SganConfig

    def __init__(self, config: SganConfig, parts: Any) -> None:
        super().__init__()
        self.config = config
        self.gan1 = parts.gan1
        self.generator = new_generator(config, self._size.blocks, 0)
        self._facts: dict[str, str] = {}

    def fingerprint(self) -> str | None:
        """Return the digest of the file of VGG-16's weights as it first was, where one is given."""
        return self._vgg_digest

    @cached_property
    def _vgg_digest(self) -> str | None:
        return vgg_digest(self.config)

    @property
    def _size(self) -> Size:
        c = self.config
        if c.stages == 1:
            return Size(c.denoising_blocks, c.denoising_patch, c.denoising_batch, c.denoising_epochs, c.steps_per_epoch)
        return Size(c.enhancing_blocks, c.enhancing_patch, c.enhancing_batch, c.enhancing_epochs, c.steps_per_epoch)

    @property
    def _shown(self) -> Shown:
        config = self.config
        if config.stages == 1:
            return with_noise(config.noise)
        if not config.denoised_first:
            return made_worse(*config.worse)
        noisy = made_worse(*config.worse, sigma=config.noise)
        return Shown((*noisy.steps, Restored(lambda images: self.gan1(images).image)))

    def lesson(self, sample: Sample, field: str = "") -> dict[str, Tensor]:
        """Return the whole photograph or slice, uint8."""
        return lesson_of(sample)

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train one GAN on photographs; then, with rounds, on CT slices that it improves, too.

        Raises:
            PretrainedWeightsError: VGG-16's weights are wanted and cannot be had.
            TrainingError: the training diverged or collapsed.
        """
        config = self.config
        vgg = vgg_of(config, self._vgg_digest, context.device)
        gan = Gan("GAN 1" if config.stages == 1 else "GAN 2", config, self._size, self._shown, vgg)
        source = lessons["trained_on"] if config.rounds else lessons
        nets = gan.networks(context)
        seconds = gan.seconds(nets, source.train, source.validation, context)
        context.expect(seconds * (1 + config.rounds * config.tuning_epochs / self._size.epochs))
        result = gan.learn(nets, source.train, source.validation, context)
        self._facts = {"pretrained": vgg.pretrained if vgg else "false"}
        self._facts["validation"] = gan.restoring(result, source.validation, context)
        self.generator = nets["G"]
        if config.rounds:
            self._facts["rounds"] = self._tune(gan, nets, source, lessons[_TUNING].train, context)

    def _tune(self, gan: Gan, nets: dict[str, Any], source: Any, slices: LessonSet, context: FitContext) -> str:
        """Fine-tune in rounds; return how they went, for people."""
        config, told = self.config, []
        learnt: dict[str, Lesson] = {}
        judge = Judge(config.improved_by, config.least_gain, config.tuning_slices)
        for number in range(1, config.rounds + 1):
            name = f"{gan.name} round {number}"
            chosen = chosen_slices(judge, self._enhanced, slices, context, name)
            told.append(f"{len(chosen)} of {len(slices)} slices")
            if not len(chosen):
                break
            # A slice that is chosen again counts as it became last [assumed].
            learnt |= {case_id: chosen[place] for place, case_id in enumerate(chosen.case_ids)}
            images = Together(source.train, ListLessons([*learnt.values()], [*learnt]))
            gan.learn(nets, images, source.validation, context, name, config.tuning_epochs)
        return "; ".join(f"{i}: {text}" for i, text in enumerate(told, 1))

    def facts(self) -> dict[str, str]:
        """Return, after :meth:`fit`, what the VGG term compared with, how well G restores, and of each round how many
        slices it chose."""
        return self._facts

    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1]."""
        if self.config.stages == 1:
            denoised = restored(self.generator, images)
            return Enhancement(denoised, {"denoised": denoised})
        denoised = self.gan1(images).image
        enhanced = restored(self.generator, denoised)
        return Enhancement(enhanced, {"denoised": denoised, "enhanced": enhanced})

    @torch.no_grad()
    def _enhanced(self, images: Tensor) -> Tensor:
        self.eval()
        return self.enhance(images).image


def spec_of_sgan(spec: EnhancerSpec, config: Config, parts: Mapping[str, Any]) -> EnhancerSpec:
    """Return the spec: the first GAN alone enhances nothing."""
    assert isinstance(config, SganConfig)
    return replace(spec, layers=("denoised",) if config.stages == 1 else ("denoised", "enhanced"))
