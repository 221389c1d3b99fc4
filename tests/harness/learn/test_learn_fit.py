"""The training loop: it learns, repeats itself, weighs lessons alike, runs short of memory and says what goes wrong."""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest
import torch

from radbench.contracts import ConfigurationError, DatasetError
from radbench.learn import (
    L1,
    AppearanceOptions,
    Augmentation,
    CheckpointError,
    FitOptions,
    GeometryOptions,
    ListLessons,
    TrainingError,
    Turn,
    UNet,
    UNetConfig,
    WeightedBCE,
    change_appearance,
    draw_grid,
    estimate,
    fit,
    warp,
)
from radbench.learn.draws import epoch_order

from .small_lessons import batch_of, discs, equal, state_of

TINY = UNetConfig(depth=1, first_filters=4)
OPTIONS = FitOptions(epochs=2, batch_size=4, learning_rate=1e-3, checkpoint_seconds=0)
MOVES = GeometryOptions(flip=0.5, rotation_deg=10, shift=(0.1, 0.1))
LOOKS = AppearanceOptions(noise=(0.05, 0.1), gamma=0.3)
DISC = [Turn(L1("disc"))]


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
    lessons, network = discs(size=16), UNet(UNetConfig(depth=2, first_filters=8, head="sigmoid"))
    options = FitOptions(epochs=50, batch_size=6, learning_rate=1e-2)
    fit(network, [Turn(WeightedBCE("area", dice=1.0))], lessons, options, context)
    batch = batch_of(lessons)
    found = network(batch["image"]) > 0.5
    overlap = 2 * (found & batch["area"]).sum() / (found.sum() + batch["area"].sum())
    assert overlap > 0.97


def test_the_same_call_gives_the_same_bits(context, tmp_path):
    states = []
    for folder in ("a", "b"):
        network = UNet(TINY)
        fit(network, DISC, discs(), OPTIONS, replace(context, workdir=tmp_path / folder), augment=Augmentation(MOVES))
        states.append(state_of(network))
    assert equal(*states)


@pytest.mark.parametrize("precision", ["float32", "mixed"])
@pytest.mark.parametrize("kind", ["l1", "nodule-weighted", "cross-entropy"])
@pytest.mark.parametrize("augmented", [False, True])
def test_it_is_the_loop_one_would_write_by_hand_to_the_bit(context, kind, augmented, precision):
    lessons, options = discs(7), replace(OPTIONS, epochs=3, batch_size=3)
    config = replace(TINY, norm="batch", head="sigmoid" if kind == "cross-entropy" else "tanh")
    network, other = UNet(config), UNet(config)
    turn = {
        "l1": Turn(L1("disc")),
        "nodule-weighted": Turn(L1("disc", "area", 5.0)),
        "cross-entropy": Turn(WeightedBCE("area", 3.0)),
    }[kind]
    augment = Augmentation(MOVES, LOOKS) if augmented else None
    fit(network, [turn], lessons, options, replace(context, seed=3, precision=precision), augment=augment, keep="last")

    other.to(memory_format=torch.channels_last).train()
    adam = torch.optim.Adam(other.parameters(), lr=1e-3)
    for epoch in range(3):
        order = epoch_order(3, epoch, 7)
        for places in (order[:3], order[3:6], order[6:]):
            image, disc, area = (torch.stack([lessons[i][name] for i in places]) for name in ("image", "disc", "area"))
            if augmented:
                grid = draw_grid(MOVES, 3, epoch, places, (16, 16))
                image, disc, area = warp(image, grid), warp(disc, grid), warp(area, grid)
                image = change_appearance(image, LOOKS, 3, epoch, places)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed"):
                if kind == "cross-entropy":
                    inside = torch.nn.functional.binary_cross_entropy_with_logits
                    each = inside(
                        other.logits(image).float(), area.float(), pos_weight=torch.tensor(3.0), reduction="none"
                    )
                else:
                    each = (other(image).float() - disc).abs()
                    each = each * (1 + 5.0 * area.float()) if kind == "nodule-weighted" else each
            adam.zero_grad()
            each.flatten(1).mean(1).mean().backward()
            adam.step()
    assert equal(state_of(network), state_of(other))


def test_the_training_loss_is_the_mean_over_lessons_also_of_an_uneven_last_batch(context):
    lessons, network = discs(7), UNet(TINY)
    batch = batch_of(lessons)
    with torch.no_grad():
        wanted = (network(batch["image"]) - batch["disc"]).abs().mean().item()
    still = replace(OPTIONS, epochs=1, learning_rate=1e-30)
    result = fit(network, DISC, lessons, still, context, validation=lessons)
    assert result.curve[0]["train_loss"] == pytest.approx(wanted, rel=1e-6)
    assert result.curve[0]["validation_loss"] == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("room", [4, 2, 1])
def test_out_of_memory_halves_what_is_computed_at_once_and_keeps_the_effective_batch(context, tmp_path, room):
    whole, parts = UNet(TINY), ShortOfMemory(TINY)
    parts.room = room
    options, validation = replace(OPTIONS, batch_size=6), discs(5, seed=1)
    one = fit(whole, DISC, discs(), options, context, validation=validation)
    two = fit(parts, DISC, discs(), options, replace(context, workdir=tmp_path / "b"), validation=validation)
    assert two.micro_batch <= room < one.micro_batch == 6
    for a, b in zip(one.curve, two.curve, strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-5)
        assert a["validation_loss"] == pytest.approx(b["validation_loss"], rel=1e-5)
    torch.testing.assert_close(state_of(whole), state_of(parts), atol=2e-5, rtol=1e-3)


def test_gradients_added_up_are_those_of_the_whole_batch(context):
    from radbench.learn.fitting import Training

    turns = [Turn(L1("disc")), Turn(WeightedBCE("area"))]
    training = Training(UNet(TINY), turns, discs(), replace(OPTIONS, batch_size=6), context)
    for player in training.players:
        gradients = []
        for micro in (6, 4, 1):
            training.gradients(player, training.batch(range(6), micro), micro)
            gradients.append([p.grad.clone() for p in player.parameters])
        for other in gradients[1:]:
            torch.testing.assert_close(gradients[0], other, atol=1e-7, rtol=1e-4)


def test_a_batch_is_the_same_however_many_lessons_are_made_at_once(context):
    from radbench.learn.fitting import Training

    augment = Augmentation(MOVES, LOOKS)
    training = Training(UNet(TINY), DISC, discs(), OPTIONS, context, augment=augment, crop=(8, 12))
    whole = training.batch([4, 1, 5, 0], 4)
    for micro in (3, 1):
        parts = training.batch([4, 1, 5, 0], micro)
        assert parts.places == whole.places == (4, 1, 5, 0)
        assert all(torch.equal(parts[name], whole[name]) for name in ("image", "disc", "area", "left"))


def test_memory_runs_out_once_and_the_smaller_part_is_kept(context):
    network = ShortOfMemory(TINY)
    network.room = 2
    result = fit(network, DISC, discs(8), OPTIONS, context)
    assert (network.refused, result.micro_batch) == (1, 2)
    assert [row["micro_batch"] for row in result.curve] == [2, 2]


def test_one_lesson_that_does_not_fit_is_an_error_in_words(context):
    network = ShortOfMemory(TINY)
    network.room = 0
    with pytest.raises(TrainingError, match=r"one lesson alone does not fit .* smaller images"):
        fit(network, DISC, discs(), OPTIONS, context)


def test_another_error_is_not_taken_for_a_lack_of_memory(context):
    def broken(network, batch):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        fit(UNet(TINY), [Turn(broken)], discs(), OPTIONS, context)


def test_memory_that_runs_out_in_the_middle_draws_the_same_numbers_again(context, tmp_path):
    class Dropping(UNet):
        """Draws from torch's own random state before memory runs out."""

        full = 0

        def logits(self, images):
            drawn = torch.nn.functional.dropout(images, 0.5, self.training)
            if self.full:
                self.full -= 1
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return super().logits(drawn)

    small = replace(OPTIONS, micro_batch=2)
    torch.manual_seed(5)
    calm = Dropping(TINY)
    fit(calm, DISC, discs(), small, context)
    torch.manual_seed(5)
    short = Dropping(TINY)
    short.full = 1
    fit(short, DISC, discs(), replace(small, micro_batch=4), replace(context, workdir=tmp_path / "b"))
    assert equal(state_of(calm), state_of(short))


def test_a_loss_that_is_not_finite_is_an_error_that_says_where(context):
    lessons = discs()
    lessons[3]["image"][:] = torch.nan
    with pytest.raises(TrainingError, match=r"lungs: the loss is nan in epoch 1, .* learning rate"):
        fit(UNet(TINY), DISC, lessons, OPTIONS, context, name="lungs")


def test_of_several_turns_the_one_whose_loss_is_not_finite_is_named(context):
    def exploding(network, batch):
        return network(batch["image"]).flatten(1).mean(1) / 0

    with pytest.raises(TrainingError, match=r"the loss of turn 'second' is -?(inf|nan) in epoch 1"):
        fit(UNet(TINY), [*DISC, Turn(exploding, name="second")], discs(), replace(OPTIONS, batch_size=6), context)


def test_a_loss_that_nothing_learnt_can_change_is_refused(context):
    with pytest.raises(TrainingError, match="the loss of turn '1' does not depend on what it learns"):
        fit(UNet(TINY), [Turn(lambda network, batch: batch["left"])], discs(), OPTIONS, context)


def test_a_loss_without_a_value_per_lesson_is_refused(context):
    def mean(network, batch):
        return (network(batch["image"]) - batch["disc"]).abs().mean()

    with pytest.raises(TrainingError, match=r"one value per lesson, \[4\], got \[\]"):
        fit(UNet(TINY), [Turn(mean)], discs(), OPTIONS, context)


def test_nothing_to_learn_from_is_refused(context):
    with pytest.raises(DatasetError, match="no lessons"):
        fit(UNet(TINY), DISC, ListLessons([]), OPTIONS, context)


def test_the_best_epochs_weights_are_given_back_and_patience_ends_the_training(context):
    seen = []

    def score(network, batch):
        """The second epoch's weights are the best."""
        seen.append(state_of(network))
        return torch.full((len(batch),), [3.0, 1.0, 2.0, 2.0, 2.0][len(seen) - 1])

    network = UNet(TINY)
    options = replace(OPTIONS, epochs=9, patience=2)
    result = fit(network, DISC, discs(), options, context, validation=discs(2), score=score)
    assert (result.best_epoch, result.best, result.epochs) == (2, 1.0, 4)
    assert equal(state_of(network), seen[1])
    assert not network.training


def test_where_nothing_is_validated_the_epoch_of_the_lowest_training_loss_stays(context):
    seen, values = [], {1: 3.0, 2: 1.0, 3: 2.0}

    def loss(network, batch):
        """Its second epoch has the lowest value; the gradients are a network's own."""
        seen.append(state_of(network))
        own = network(batch["image"]).flatten(1).mean(1)
        return own - own.detach() + values[len(seen)]

    network = UNet(TINY)
    result = fit(network, [Turn(loss)], discs(4), replace(OPTIONS, epochs=3), context)
    # The weights after the second epoch are those that the third begins with.
    assert (result.best_epoch, result.best) == (2, 1.0)
    assert equal(state_of(network), seen[2])


def test_the_last_epochs_weights_stay_where_they_are_wanted(context, tmp_path):
    seen = []

    def score(network, batch):
        seen.append(state_of(network))
        return torch.full((len(batch),), float(len(seen)))

    network, again = UNet(TINY), UNet(TINY, seed=5)
    options = replace(OPTIONS, epochs=3)
    result = fit(network, DISC, discs(), options, context, validation=discs(2), score=score, keep="last")
    assert (result.best_epoch, result.epochs) == (1, 3)
    assert equal(state_of(network), seen[2])
    assert not equal(seen[0], seen[2])
    fit(again, DISC, discs(), options, context, validation=discs(2), score=score, keep="last")
    assert equal(state_of(again), seen[2])


def test_clipping_bounds_the_gradients_norm(context):
    from radbench.learn.fitting import Training

    training = Training(UNet(TINY), DISC, discs(), replace(OPTIONS, clip_norm=1e-3), context)
    training.step([0, 1, 2, 3], 0)
    norm = math.sqrt(sum(float(p.grad.square().sum()) for p in training.players[0].parameters))
    assert norm == pytest.approx(1e-3, rel=1e-3)


def test_mixed_precision_on_the_processor_learns_in_bfloat16(context):
    network = UNet(TINY)
    kinds = set()
    network.head.register_forward_hook(lambda module, given, result: kinds.add(result.dtype))
    options = replace(OPTIONS, epochs=15, learning_rate=1e-2)
    result = fit(network, DISC, discs(), options, replace(context, precision="mixed"))
    assert kinds == {torch.bfloat16}
    assert result.curve[-1]["train_loss"] < 0.7 * result.curve[0]["train_loss"]
    assert network.head.weight.dtype == torch.float32


def test_float16_on_the_processor_is_refused(context):
    with pytest.raises(ConfigurationError, match="float16"):
        fit(UNet(TINY), DISC, discs(), replace(OPTIONS, half="float16"), replace(context, precision="mixed"))


def test_the_curve_is_written_beside_the_weights_as_it_is_returned(context):
    result = fit(UNet(TINY), DISC, discs(), OPTIONS, context, validation=discs(3), name="left lungs")
    with (context.beside / "left-lungs.curve.csv").open() as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert rows == [dict(row) for row in result.curve]
    wanted = "epoch train_loss validation_loss validation_score learning_rate micro_batch seconds"
    assert list(rows[0]) == wanted.split()
    assert [p.name for p in context.workdir.iterdir()] == ["left-lungs.checkpoint"]


def test_progress_counts_the_steps_and_tells_loss_and_time_left(context):
    told = []
    listening = replace(context, progress=lambda *facts: told.append(facts))
    fit(UNet(TINY), DISC, discs(), OPTIONS, listening, validation=discs(2), name="lungs")
    assert told[-1][:2] == (4, 4)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][2].startswith("lungs: epoch 2/2, loss ")
    assert "validation" in told[-1][2]
    assert told[-1][2].endswith("0 s left")


def test_a_long_validation_tells_that_it_goes_on(context, monkeypatch):
    monkeypatch.setattr("radbench.learn.progress._EVERY_SECONDS", 0.0)
    told = []
    listening = replace(context, progress=lambda *facts: told.append(facts))
    fit(UNet(TINY), DISC, discs(4), OPTIONS, listening, validation=discs(8), name="lungs")
    going_on = [(done, text) for done, _, text in told if "validating" in text]
    assert [done for done, _ in going_on] == [1, 1, 2, 2]
    assert going_on[-1][1].startswith("lungs: epoch 2/2, validating, validation ")


def test_an_estimate_changes_nothing(context):
    def of(name, networks, batch):
        return L1("disc")(networks[name], batch)

    network, other, lessons = UNet(TINY), UNet(TINY, seed=1), discs()
    before, random_before = [state_of(network), state_of(other)], torch.get_rng_state()
    turns = [Turn(partial(of, n), learns=n) for n in ("a", "b")]
    told = []
    listening = replace(context, progress=lambda *facts: told.append(facts))
    found = estimate({"a": network, "b": other}, turns, lessons, OPTIONS, listening, validation=lessons)
    assert equal(state_of(network), before[0])
    assert equal(state_of(other), before[1])
    assert torch.equal(torch.get_rng_state(), random_before)
    assert all(p.grad is None for p in network.parameters())
    assert found.steps == 4
    assert found.seconds == pytest.approx(4 * found.seconds_per_step + 2 * found.seconds_per_validation)
    assert not context.workdir.exists()
    assert not context.beside.exists()
    assert told == []


def test_an_estimate_counts_the_operations_of_a_convolution(context):
    network = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False)
    found = estimate(network, DISC, discs(4, 16), OPTIONS, context, timed_steps=1)
    # Forward, and backward to the weights; the image needs no gradient.
    assert found.flops_per_image == 2 * (2 * 9 * 16 * 16)


@pytest.mark.parametrize(
    "other",
    [
        {"options": replace(OPTIONS, learning_rate=2e-3)},
        {"turns": [Turn(L1("disc"), weight_decay=0.1)]},
        {"train": discs().at([0, 1, 2, 3, 4, 4])},
        {"augment": Augmentation(MOVES)},
        {"keep": "last"},
        {"data": "another"},
    ],
)
def test_a_checkpoint_of_another_training_is_refused(context, other):
    first = {"turns": DISC, "train": discs(), "options": OPTIONS, "context": context}
    fit(UNet(TINY), **first)
    with pytest.raises(CheckpointError, match="belongs to another training"):
        fit(UNet(TINY), **{**first, **other})


def test_trainings_of_two_names_share_a_folder(context):
    one = fit(UNet(TINY), DISC, discs(), OPTIONS, context, name="first")
    two = fit(UNet(TINY), DISC, discs(5), OPTIONS, context, name="second")
    assert one.curve[0]["train_loss"] != two.curve[0]["train_loss"]
    assert sorted(p.name for p in context.beside.iterdir()) == ["first.curve.csv", "second.curve.csv"]


def test_a_function_made_anew_is_the_same_training(context):
    @dataclass(frozen=True)
    class Turned:
        turn: Callable

        def __call__(self, batch, draws):
            return batch.with_(image=self.turn(batch["image"]))

    def once():
        augment = Turned(lambda images: images.flip(-1))
        return fit(UNet(TINY), DISC, discs(), OPTIONS, context, validation=discs(2), augment=augment)

    assert once() == once()


def test_a_validation_that_is_not_finite_is_an_error(context):
    nothing = ListLessons([{"image": torch.full((1, 16, 16), torch.nan), "disc": torch.zeros(1, 16, 16)}])
    with pytest.raises(TrainingError, match="after epoch 1 the validation's loss is nan"):
        fit(UNet(TINY), DISC, discs(), OPTIONS, context, validation=nothing)


def test_a_training_that_had_ended_gives_its_result_again(context):
    first, again = UNet(TINY), UNet(TINY, seed=5)
    one = fit(first, DISC, discs(), OPTIONS, context, validation=discs(2))
    (context.beside / "network.curve.csv").unlink()
    two = fit(again, DISC, discs(), OPTIONS, context, validation=discs(2))
    assert equal(state_of(first), state_of(again))
    assert one == two
    assert (context.beside / "network.curve.csv").is_file()
