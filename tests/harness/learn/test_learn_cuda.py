"""Training on a card: it repeats itself, in mixed precision too, and a real lack of memory is survived."""

from dataclasses import replace

import pytest
import torch

from radbench.contracts.learning import FitContext
from radbench.learn import (
    L1,
    AppearanceOptions,
    Augmentation,
    FitOptions,
    GeometryOptions,
    ListLessons,
    Turn,
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
NEGATIVE = L1("negative")


def lessons(n=8, size=64):
    images = torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(0))
    return ListLessons([{"image": image, "negative": 1 - image} for image in images])


def degraded(batch, draws):
    return batch.with_(image=batch["image"] + 0.1 * draws.uniform("shift", 1, 1, 1))


def second(networks, batch):
    """How far the second network is from what the first one makes."""
    return (networks["b"](networks["a"](batch["image"])) - batch["image"]).abs().flatten(1).mean(1)


def first(networks, batch):
    return NEGATIVE(networks["a"], batch)


def context_in(folder, precision):
    return FitContext("cuda:0", 0, folder, folder, lambda done, total, text: None, precision=precision)


def trained(folder, precision="float32", options=OPTIONS, given=None, turns=(first, second)):
    networks = {"a": UNet(SMALL), "b": UNet(SMALL, seed=1)}
    given, context = given or lessons(), context_in(folder, precision)
    own = [Turn(loss, learns=name) for loss, name in zip(turns, "ab", strict=True)]
    result = fit(
        networks, own, given, options, context, validation=given, score=first, augment=AUGMENT, prepare=degraded
    )
    return result, {f"{n}.{k}": v.cpu() for n, network in networks.items() for k, v in network.state_dict().items()}


@pytest.mark.parametrize(("precision", "half"), [("float32", "auto"), ("mixed", "bfloat16"), ("mixed", "float16")])
def test_the_same_call_gives_the_same_bits(tmp_path, precision, half):
    (_, one), (_, two) = (trained(tmp_path / f, precision, replace(OPTIONS, half=half)) for f in "ab")
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(("precision", "half"), [("float32", "auto"), ("mixed", "float16")])
def test_an_interrupted_training_ends_to_the_same_bits(tmp_path, precision, half):
    class InterruptedError(Exception):
        pass

    class Interrupting(ListLessons):
        asked = 0

        def __getitem__(self, place):
            self.asked += 1
            if self.asked > 38:
                raise InterruptedError
            return super().__getitem__(place)

    options = replace(OPTIONS, half=half)
    _, whole = trained(tmp_path / "whole", precision, options)
    plain = lessons()
    with pytest.raises(InterruptedError):
        trained(tmp_path / "part", precision, options, Interrupting([plain[i] for i in range(8)]))
    result, resumed = trained(tmp_path / "part", precision, options)
    assert result.resumed_at > 1
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_draws_are_the_same_numbers_on_the_card():
    from radbench.learn import Draws

    here, there = (Draws(0, 1, (3, 5), device=device) for device in ("cpu", "cuda:0"))
    assert there.uniform("shift", 4).device.type == "cuda"
    assert torch.equal(here.uniform("shift", 4), there.uniform("shift", 4).cpu())
    assert torch.equal(here.chance("flip", 0.5), there.chance("flip", 0.5).cpu())


def test_a_real_lack_of_memory_halves_what_is_computed_at_once(tmp_path):
    free, _ = torch.cuda.mem_get_info()
    total = torch.cuda.get_device_properties(0).total_memory
    # Room for a few 256 x 256 lessons in training, not for 32.
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(min(1.0, 0.4 * 2**30 / total))
    try:
        options = replace(OPTIONS, epochs=1, batch_size=32)
        result, _ = trained(tmp_path, options=options, given=lessons(32, 256))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert free > 0
    assert result.micro_batch < 32


def test_an_estimate_waits_for_the_card(tmp_path):
    context = context_in(tmp_path, "mixed")
    found = estimate(UNet(SMALL), [Turn(NEGATIVE)], lessons(), OPTIONS, context, augment=AUGMENT)
    assert found.images_per_second > 0
    assert found.flops_per_image > 1e6
