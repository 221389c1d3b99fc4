"""Training on a card: it repeats itself, in mixed precision too, and a real lack of memory is survived."""

from dataclasses import replace

import pytest
import torch

from radbench.contracts import FitContext
from radbench.learn import (
    L1,
    AppearanceOptions,
    Augmentation,
    FitOptions,
    GeometryOptions,
    TensorSamples,
    UNet,
    UNetConfig,
    estimate,
    fit,
)

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

SMALL = UNetConfig(depth=3, first_filters=8)
OPTIONS = FitOptions(epochs=3, batch_size=4, learning_rate=1e-3, checkpoint_seconds=0)
AUGMENT = Augmentation(
    GeometryOptions(flip=0.5, rotation_deg=10, elastic=0.02), AppearanceOptions(noise=(0.0, 0.1), gamma=0.3, blur=1.0)
)


def samples(n=8, size=64):
    images = torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(0))
    return TensorSamples(images, {"negative": 1 - images})


def trained(folder, precision="float32", options=OPTIONS, given=None):
    network = UNet(SMALL)
    context = FitContext("cuda:0", 0, folder, lambda done, total, text: None, (), precision)
    given = given or samples().to("cuda:0")
    result = fit(network, given, L1("negative"), options, context, validation=given, augment=AUGMENT)
    return result, {name: value.cpu() for name, value in network.state_dict().items()}


@pytest.mark.parametrize(("precision", "half"), [("float32", "auto"), ("mixed", "bfloat16"), ("mixed", "float16")])
def test_the_same_call_gives_the_same_bits(tmp_path, precision, half):
    (_, one), (_, two) = (trained(tmp_path / f, precision, replace(OPTIONS, half=half)) for f in "ab")
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(("precision", "half"), [("float32", "auto"), ("mixed", "float16")])
def test_an_interrupted_training_ends_to_the_same_bits(tmp_path, precision, half):
    class InterruptedError(Exception):
        pass

    class Interrupting(TensorSamples):
        asked = 0

        def batch(self, indices):
            object.__setattr__(self, "asked", self.asked + 1)
            if self.asked > 9:
                raise InterruptedError
            return super().batch(indices)

    options = replace(OPTIONS, half=half)
    _, whole = trained(tmp_path / "whole", precision, options)
    plain = samples().to("cuda:0")
    with pytest.raises(InterruptedError):
        trained(tmp_path / "part", precision, options, Interrupting(plain.source, plain.targets))
    result, resumed = trained(tmp_path / "part", precision, options)
    assert result.resumed_at > 1
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_real_lack_of_memory_halves_what_is_computed_at_once(tmp_path):
    free, _ = torch.cuda.mem_get_info()
    total = torch.cuda.get_device_properties(0).total_memory
    # Room for a few 256 x 256 samples in training, not for 32.
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(min(1.0, 0.4 * 2**30 / total))
    try:
        options = replace(OPTIONS, epochs=1, batch_size=32)
        result, _ = trained(tmp_path, options=options, given=samples(32, 256))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert free > 0
    assert result.micro_batch < 32


def test_an_estimate_waits_for_the_card(tmp_path):
    context = FitContext("cuda:0", 0, tmp_path, lambda done, total, text: None, (), "mixed")
    found = estimate(UNet(SMALL), samples(), L1("negative"), OPTIONS, context, augment=AUGMENT)
    assert found.images_per_second > 0
    assert found.flops_per_image > 1e6
