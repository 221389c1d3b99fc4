"""The training loop: it learns, repeats itself, weighs samples alike, runs short of memory and says what goes wrong."""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch

from radbench.contracts import ConfigurationError, DatasetError, FitContext
from radbench.learn import (
    L1,
    Augmentation,
    CheckpointError,
    FitOptions,
    GeometryOptions,
    TensorSamples,
    TrainingError,
    UNet,
    UNetConfig,
    WeightedBCE,
    estimate,
    fit,
)

TINY = UNetConfig(depth=1, first_filters=4)
OPTIONS = FitOptions(epochs=2, batch_size=4, learning_rate=1e-3, checkpoint_seconds=0)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def context(tmp_path):
    return FitContext("cpu", 0, tmp_path / "work", lambda done, total, text: None)


def discs(n=6, size=16, seed=0):
    """Bright discs on noise, with their mask."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    centres = torch.rand(n, 2, generator=generator) * size / 2 + size / 4
    masks = ((x - centres[:, 0, None, None]) ** 2 + (y - centres[:, 1, None, None]) ** 2 < (size / 5) ** 2)[:, None]
    images = 0.5 * masks + 0.3 * torch.rand(n, 1, size, size, generator=generator)
    return TensorSamples(images, {"disc": masks.float()}, {"area": masks})


def state_of(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


class ShortOfMemory(UNet):
    """Stands for a card that holds so many samples at once."""

    room = 4
    refused = 0

    def logits(self, images):
        if len(images) > self.room:
            self.refused += 1
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().logits(images)


def test_a_small_problem_is_learnt(context):
    samples, network = discs(size=16), UNet(UNetConfig(depth=2, first_filters=8, head="sigmoid"))
    options = FitOptions(epochs=50, batch_size=6, learning_rate=1e-2)
    fit(network, samples, WeightedBCE("area", dice=1.0), options, context)
    found = network(samples.source) > 0.5
    overlap = 2 * (found & samples.masks["area"]).sum() / (found.sum() + samples.masks["area"].sum())
    assert overlap > 0.97


def test_the_same_call_gives_the_same_bits(context, tmp_path):
    states = []
    for folder in ("a", "b"):
        network = UNet(TINY)
        augment = Augmentation(GeometryOptions(flip=0.5, rotation_deg=10))
        fit(network, discs(), L1("disc"), OPTIONS, replace(context, workdir=tmp_path / folder), augment=augment)
        states.append(state_of(network))
    assert equal(*states)


def test_it_is_the_loop_one_would_write_by_hand(context):
    samples, network, other = discs(8), UNet(TINY), UNet(TINY)
    fit(network, samples, L1("disc"), replace(OPTIONS, epochs=1, batch_size=8, channels_last=False), context)
    optimiser = torch.optim.Adam(other.parameters(), lr=1e-3)
    (other(samples.source) - samples.targets["disc"]).abs().mean().backward()
    optimiser.step()
    torch.testing.assert_close(state_of(network), state_of(other), atol=1e-5, rtol=1e-4)


def test_the_training_loss_is_the_mean_over_samples_also_of_an_uneven_last_batch(context):
    samples, network = discs(7), UNet(TINY)
    with torch.no_grad():
        wanted = (network(samples.source) - samples.targets["disc"]).abs().mean().item()
    still = replace(OPTIONS, epochs=1, learning_rate=1e-30)
    result = fit(network, samples, L1("disc"), still, context, validation=samples)
    assert result.curve[0]["train_loss"] == pytest.approx(wanted, rel=1e-6)
    assert result.curve[0]["validation_loss"] == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("room", [4, 2, 1])
def test_out_of_memory_halves_what_is_computed_at_once_and_keeps_the_effective_batch(context, tmp_path, room):
    whole, parts = UNet(TINY), ShortOfMemory(TINY)
    parts.room = room
    options = replace(OPTIONS, batch_size=6)
    one = fit(whole, discs(), L1("disc"), options, context, validation=discs(5, seed=1))
    two = fit(
        parts, discs(), L1("disc"), options, replace(context, workdir=tmp_path / "b"), validation=discs(5, seed=1)
    )
    assert two.micro_batch <= room < one.micro_batch == 6
    for a, b in zip(one.curve, two.curve, strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-5)
        assert a["validation_loss"] == pytest.approx(b["validation_loss"], rel=1e-5)
    torch.testing.assert_close(state_of(whole), state_of(parts), atol=2e-5, rtol=1e-3)


def test_gradients_added_up_are_those_of_the_whole_batch(context):
    from radbench.learn.fitting import Training

    training = Training(UNet(TINY), discs(), L1("disc"), replace(OPTIONS, batch_size=6), context)
    gradients = []
    for micro in (6, 4, 1):
        training.gradients(list(range(6)), micro)
        gradients.append([p.grad.clone() for p in training.network.parameters()])
    for other in gradients[1:]:
        torch.testing.assert_close(gradients[0], other, atol=1e-7, rtol=1e-4)


def test_memory_runs_out_once_and_the_smaller_part_is_kept(context):
    network = ShortOfMemory(TINY)
    network.room = 2
    result = fit(network, discs(8), L1("disc"), OPTIONS, context)
    assert (network.refused, result.micro_batch) == (1, 2)
    assert [row["micro_batch"] for row in result.curve] == [2, 2]


def test_one_sample_that_does_not_fit_is_an_error_in_words(context):
    network = ShortOfMemory(TINY)
    network.room = 0
    with pytest.raises(TrainingError, match=r"one sample alone does not fit .* smaller images"):
        fit(network, discs(), L1("disc"), OPTIONS, context)


def test_another_error_is_not_taken_for_a_lack_of_memory(context):
    def broken(prediction, batch):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        fit(UNet(TINY), discs(), broken, OPTIONS, context)


def test_a_loss_that_is_not_finite_is_an_error_that_says_where(context):
    samples = discs()
    samples.source[3] = torch.nan
    with pytest.raises(TrainingError, match=r"lungs: the loss is nan in epoch 1, .* learning rate"):
        fit(UNet(TINY), samples, L1("disc"), OPTIONS, context, name="lungs")


def test_a_loss_without_a_value_per_sample_is_refused(context):
    with pytest.raises(TrainingError, match=r"one value per sample, \[4\], got \[\]"):
        fit(UNet(TINY), discs(), lambda p, b: (p - b.source).abs().mean(), OPTIONS, context)


def test_nothing_to_learn_from_is_refused(context):
    with pytest.raises(DatasetError, match="no samples"):
        fit(UNet(TINY), discs(0), L1("disc"), OPTIONS, context)


def test_the_best_epochs_weights_are_given_back_and_patience_ends_the_training(context):
    seen = []

    def score(prediction, batch):
        """The second epoch's weights are the best."""
        seen.append(state_of(network))
        return torch.full((len(batch),), [3.0, 1.0, 2.0, 2.0, 2.0][len(seen) - 1])

    network = UNet(TINY)
    options = replace(OPTIONS, epochs=9, patience=2)
    result = fit(network, discs(), L1("disc"), options, context, validation=discs(2), score=score)
    assert (result.best_epoch, result.best, result.epochs) == (2, 1.0, 4)
    assert equal(state_of(network), seen[1])


def test_clipping_bounds_the_gradients_norm(context):
    from radbench.learn.fitting import Training

    training = Training(UNet(TINY), discs(), L1("disc"), replace(OPTIONS, clip_norm=1e-3), context)
    training.step([0, 1, 2, 3], 1e-3)
    norm = math.sqrt(sum(float(p.grad.square().sum()) for p in training.network.parameters()))
    assert norm == pytest.approx(1e-3, rel=1e-3)


def test_mixed_precision_on_the_processor_learns_in_bfloat16(context):
    network = UNet(TINY)
    kinds = set()
    network.head.register_forward_hook(lambda module, given, result: kinds.add(result.dtype))
    result = fit(network, discs(), L1("disc"), OPTIONS, replace(context, precision="mixed"))
    assert kinds == {torch.bfloat16}
    assert math.isfinite(result.curve[-1]["train_loss"])
    assert network.head.weight.dtype == torch.float32


def test_float16_on_the_processor_is_refused(context):
    with pytest.raises(ConfigurationError, match="float16"):
        fit(UNet(TINY), discs(), L1("disc"), replace(OPTIONS, half="float16"), replace(context, precision="mixed"))


def test_the_curve_is_written_as_it_is_returned(context):
    result = fit(UNet(TINY), discs(), L1("disc"), OPTIONS, context, validation=discs(3), name="lungs")
    with (context.workdir / "lungs.curve.csv").open() as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert rows == [dict(row) for row in result.curve]


def test_progress_counts_the_steps_and_tells_loss_and_time_left(context):
    told = []
    listening = replace(context, progress=lambda *facts: told.append(facts))
    fit(UNet(TINY), discs(), L1("disc"), OPTIONS, listening, validation=discs(2), name="lungs")
    assert told[-1][:2] == (4, 4)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][2].startswith("lungs: epoch 2/2, loss ")
    assert "validation" in told[-1][2]
    assert told[-1][2].endswith("0 s left")


def test_an_estimate_changes_nothing(context):
    network, samples = UNet(TINY), discs()
    before, random_before = state_of(network), torch.get_rng_state()
    found = estimate(network, samples, L1("disc"), OPTIONS, context, validation=samples)
    assert equal(state_of(network), before)
    assert torch.equal(torch.get_rng_state(), random_before)
    assert found.steps == 4
    assert found.seconds == pytest.approx(4 * found.seconds_per_step + 2 * found.seconds_per_validation)
    assert not context.workdir.exists()


def test_an_estimate_needs_no_more_than_a_batch(context):
    few = discs(4)
    found = estimate(UNet(TINY), few, L1("disc"), OPTIONS, context, validation=few, train_size=100, validation_size=40)
    assert found.steps == 2 * 25
    assert found.seconds == pytest.approx(50 * found.seconds_per_step + 2 * found.seconds_per_validation)


def test_an_estimate_counts_the_operations_of_a_convolution(context):
    network = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False)
    found = estimate(network, discs(4, 16), L1("disc"), OPTIONS, context, timed_steps=1)
    # Forward, and backward to the weights; the image needs no gradient.
    assert found.flops_per_image == 2 * (2 * 9 * 16 * 16)


def test_a_checkpoint_of_another_training_is_refused(context):
    fit(UNet(TINY), discs(), L1("disc"), OPTIONS, context)
    with pytest.raises(CheckpointError, match="belongs to another training"):
        fit(UNet(TINY), discs(), L1("disc"), replace(OPTIONS, learning_rate=2e-3), context)


def test_a_function_made_anew_is_the_same_training(context):
    @dataclass(frozen=True)
    class Turned:
        turn: Callable

        def __call__(self, batch, seed, epoch):
            return replace(batch, source=self.turn(batch.source))

    def once():
        augment = Turned(lambda images: images.flip(-1))
        return fit(UNet(TINY), discs(), L1("disc"), OPTIONS, context, validation=discs(2), augment=augment)

    assert once() == once()


def test_a_validation_that_is_not_finite_is_an_error(context):
    with pytest.raises(TrainingError, match="after epoch 1 the validation's loss is nan"):
        fit(
            UNet(TINY),
            discs(),
            L1("disc"),
            OPTIONS,
            context,
            validation=TensorSamples(torch.full((1, 1, 16, 16), torch.nan), {"disc": torch.zeros(1, 1, 16, 16)}),
        )


def test_a_training_that_had_ended_gives_its_result_again(context):
    first, again = UNet(TINY), UNet(TINY, seed=5)
    one = fit(first, discs(), L1("disc"), OPTIONS, context, validation=discs(2))
    two = fit(again, discs(), L1("disc"), OPTIONS, context, validation=discs(2))
    assert equal(state_of(first), state_of(again))
    assert one == two
