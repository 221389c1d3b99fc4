"""From lessons to batches: any tensors pass, crops go by place, and what is random is drawn when it should be."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from radbench.contracts import DatasetError
from radbench.learn import (
    L1,
    Augmentation,
    Batch,
    FitOptions,
    GeometryOptions,
    ListLessons,
    Turn,
    UNet,
    UNetConfig,
    as_unit,
    fit,
)
from radbench.learn.feeding import Feed

from .small_lessons import discs

TINY = UNetConfig(depth=1, first_filters=4)
OPTIONS = FitOptions(epochs=3, batch_size=4, learning_rate=1e-3, checkpoint_seconds=0)
CPU = torch.device("cpu")


def ragged(n=5):
    """Images of numbered pixels, each larger than the last, a mask of the odd ones, and a label."""
    lessons = []
    for i in range(n):
        image = torch.arange((10 + i) * (12 + 2 * i), dtype=torch.float32).view(1, 10 + i, 12 + 2 * i)
        lessons.append({"image": image, "odd": image % 2 == 1, "label": torch.tensor(i)})
    return ListLessons(lessons, [f"case {i}" for i in range(n)])


def test_a_batch_is_never_changed():
    batch = Batch({"image": torch.zeros(2, 1, 4, 4)}, (0, 1))
    more = batch.with_(label=torch.ones(2))
    assert list(batch.keys()) == ["image"]
    assert list(more.keys()) == ["image", "label"]
    assert more["image"] is batch["image"]
    assert more.places == (0, 1)
    with pytest.raises(TypeError):
        batch.tensors["label"] = torch.ones(2)


def test_a_batch_counts_its_lessons_and_names_what_it_has():
    batch = Batch({"image": torch.zeros(3, 1, 4, 4), "area": torch.ones(3, 1, 4, 4, dtype=torch.bool)}, (4, 7, 1))
    assert len(batch) == 3
    assert "area" in batch
    assert "bones" not in batch
    assert batch.truth("area").dtype == torch.float32
    assert batch.mask("area") is batch["area"]
    assert batch.part(1, 3).places == (7, 1)
    with pytest.raises(DatasetError, match="no 'bones'; they have area, image"):
        batch["bones"]
    with pytest.raises(DatasetError, match="'image' of the lessons is float32, not a mask"):
        batch.mask("image")
    with pytest.raises(TypeError, match="not iterable"):
        iter(batch)


@pytest.mark.parametrize("tensor", [torch.zeros(2, 1, 4, 4), torch.tensor(1.0)])
def test_what_does_not_hold_one_entry_per_lesson_is_no_part_of_a_batch(tensor):
    with pytest.raises(DatasetError, match=r"'grid' of a batch of 3 lessons is .*: its first axis must be the lessons"):
        Batch({"image": torch.zeros(3, 1, 4, 4)}, (0, 1, 2)).with_(grid=tensor)


def test_whole_numbers_become_shares_of_their_greatest():
    assert as_unit(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0, 0.2, 1])
    assert as_unit(torch.tensor([0, 13107, 65535], dtype=torch.uint16)).tolist() == pytest.approx([0, 0.2, 1])
    fractions = torch.rand(4)
    assert as_unit(fractions) is fractions
    assert as_unit(fractions.half()).dtype == torch.float32


TYPES = [torch.float32, torch.float16, torch.uint8, torch.uint16, torch.int16, torch.int32, torch.bool]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("shape", [(), (3,), (5, 4), (1, 8, 8), (6, 8, 8), (2, 3, 4, 5)])
def test_tensors_of_any_type_and_rank_pass_unchanged(kind, shape):
    generator = torch.Generator().manual_seed(0)
    lessons = ListLessons([{"x": torch.randint(0, 2, shape, generator=generator).to(kind)} for _ in range(3)])
    batch = Feed(0, CPU, channels_last=True).batch(lessons, [2, 0])
    assert batch["x"].dtype == kind
    assert batch["x"].shape == (2, *shape)
    assert torch.equal(batch["x"], torch.stack([lessons[2]["x"], lessons[0]["x"]]))


def test_pictures_are_laid_out_with_the_channels_last_and_volumes_are_not():
    lessons = ListLessons([{"image": torch.rand(3, 8, 8), "volume": torch.rand(6, 8, 8)} for _ in range(2)])
    batch = Feed(0, CPU, channels_last=True).batch(lessons, [0, 1])
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    assert batch["volume"].is_contiguous()


def test_labels_and_volumes_reach_the_loss_of_a_training(context):
    """A volume is projected by ``prepare``; a label weighs the loss."""
    lessons = [
        {"volume": torch.rand(4, 16, 16, generator=torch.Generator().manual_seed(i)), "label": torch.tensor(i)}
        for i in range(4)
    ]
    seen = set()

    def project(batch, draws):
        return batch.with_(image=batch["volume"].mean(1, keepdim=True))

    def loss(network, batch):
        assert batch["image"].shape == (len(batch), 1, 16, 16)
        seen.update(zip(batch.places, batch["label"].tolist(), strict=True))
        return network(batch["image"]).flatten(1).mean(1) * batch["label"]

    fit(UNet(TINY), [Turn(loss)], ListLessons(lessons), OPTIONS, context, prepare=project)
    assert seen == {(0, 0), (1, 1), (2, 2), (3, 3)}


def test_lessons_of_several_sizes_are_an_error_that_names_the_case():
    with pytest.raises(
        DatasetError, match=r"'image' of case 'case 1' is float32 \[1, 11, 14\], of case 'case 0' .*crop"
    ):
        Feed(0, CPU).batch(ListLessons([{"image": x["image"]} for x in ragged()], ragged().case_ids), [0, 1])


def test_lessons_that_lack_a_tensor_or_differ_in_type_are_named():
    lessons = ListLessons([{"x": torch.ones(2)}, {"y": torch.ones(2)}, {"x": torch.ones(2).half()}], ["a", "b", "c"])
    with pytest.raises(DatasetError, match=r"'(x|y)' of case 'b' is .*missing"):
        Feed(0, CPU).batch(lessons, [0, 1])
    with pytest.raises(DatasetError, match=r"'x' of case 'c' is float16 \[2\], of case 'a' float32 \[2\]"):
        Feed(0, CPU).batch(lessons, [0, 2])


def test_crops_of_ragged_lessons_cut_all_pictures_at_one_place():
    batch = Feed(0, CPU, crop=(6, 7)).batch(ragged(), range(5), epoch=0)
    assert batch["image"].shape == (5, 1, 6, 7)
    assert torch.equal(batch["odd"], batch["image"] % 2 == 1)
    assert torch.equal(batch["label"], torch.arange(5))
    # Each is a window of its own image: rows of neighbours, one whole row apart.
    image = batch["image"][:, 0]
    assert torch.equal(image[:, :, 1:] - image[:, :, :-1], torch.ones(5, 6, 6))
    assert (image[:, 1:, 0] - image[:, :-1, 0]).unique(dim=1).flatten().tolist() == [12, 14, 16, 18, 20]


def test_a_crop_goes_by_seed_epoch_and_place_and_not_by_the_batch():
    def corner(seed, places, epoch):
        return Feed(seed, CPU, crop=(4, 4)).batch(ragged(), places, epoch)["image"][:, 0, 0, 0].tolist()

    whole = corner(0, [0, 1, 2, 3, 4], 0)
    assert corner(0, [3], 0) == whole[3:4]
    assert corner(0, [4, 2], 0) == [whole[4], whole[2]]
    assert corner(0, [0, 1, 2, 3, 4], 1) != whole
    assert corner(1, [0, 1, 2, 3, 4], 0) != whole
    assert corner(0, [0, 1, 2, 3, 4], None) == corner(0, [0, 1, 2, 3, 4], None)


def test_every_place_of_a_crop_is_reached():
    image = torch.arange(12.0).view(1, 3, 4)
    lessons = ListLessons([{"image": image}] * 200)
    corners = Feed(0, CPU, crop=(2, 2)).batch(lessons, range(200), 0)["image"][:, 0, 0, 0]
    assert set(corners.tolist()) == {0, 1, 2, 4, 5, 6}


def test_a_crop_by_a_function_is_given_the_lesson_and_its_randomness():
    def first_columns(lesson, source):
        width = int(torch.randint(3, 6, (), generator=source))
        return {"image": nn.functional.pad(lesson["image"][..., :5, :width], (0, 6 - width))}

    feed = Feed(0, CPU, crop=first_columns)
    batch = feed.batch(ragged(), range(5), 0)
    assert list(batch.keys()) == ["image"]
    assert torch.equal(feed.batch(ragged(), [4, 1], 0)["image"], batch["image"][[4, 1]])
    assert {int(row.count_nonzero()) for row in batch["image"][:, 0, 1]} <= {3, 4, 5}


def test_a_crop_that_does_not_fit_names_the_case():
    with pytest.raises(DatasetError, match="lesson of case 'case 0' is 10 x 12, smaller than the crop of 11 x 12"):
        Feed(0, CPU, crop=(11, 12)).batch(ragged(), [1, 0], 0)
    for lesson, found in (
        ({"image": torch.rand(1, 8, 8), "small": torch.rand(1, 4, 4)}, "4 x 4, 8 x 8"),
        ({"label": torch.ones(2)}, "none"),
    ):
        with pytest.raises(DatasetError, match=rf"case 'x' must hold pictures of one .* got {found}: give crop"):
            Feed(0, CPU, crop=(2, 2)).batch(ListLessons([lesson], ["x"]), [0], 0)


def test_every_validation_sees_the_same_and_every_training_epoch_something_new(context):
    """What is prepared and cropped is drawn anew in training, and as before in validation."""
    seen = {True: [], False: []}

    def degrade(batch, draws):
        noise = draws.uniform("noise", *batch["image"].shape[1:])
        return batch.with_(image=batch["image"] + 0.1 * noise, stamp=draws.uniform("stamp"))

    def loss(network, batch):
        seen[network.training].append(
            {p: (s, i) for p, s, i in zip(batch.places, batch["stamp"].tolist(), batch["image"], strict=True)}
        )
        return L1("disc")(network, batch)

    fit(
        UNet(TINY),
        [Turn(loss)],
        discs(4),
        OPTIONS,
        context,
        validation=discs(3, seed=1),
        prepare=degrade,
        crop=(12, 12),
    )
    first, second, third = seen[False]
    for other in (second, third):
        assert all(
            first[place][0] == other[place][0] and torch.equal(first[place][1], other[place][1]) for place in first
        )
    stamps = [epoch[place][0] for epoch in seen[True] for place in epoch]
    assert len(set(stamps)) == len(stamps) == 12


def test_augmentation_comes_before_preparation_and_never_touches_a_validation(context):
    order = []

    def augment(batch, draws):
        order.append(("augment", draws.training, draws.epoch))
        return batch

    def prepare(batch, draws):
        order.append(("prepare", draws.training, draws.epoch))
        return batch

    options = replace(OPTIONS, epochs=2)
    fit(
        UNet(TINY),
        [Turn(L1("disc"))],
        discs(4),
        options,
        context,
        validation=discs(2),
        augment=augment,
        prepare=prepare,
    )
    epochs = [[("augment", True, e), ("prepare", True, e), ("prepare", False, -1)] for e in range(2)]
    assert order == epochs[0] + epochs[1]


def test_a_validation_under_augmentation_is_one_without(context, tmp_path):
    """The weights never move, so that only what the network sees could change the loss."""
    still = replace(OPTIONS, learning_rate=1e-30)
    augment = Augmentation(GeometryOptions(flip=1.0, rotation_deg=20))
    curves = [
        fit(
            UNet(TINY),
            [Turn(L1("disc"))],
            discs(4),
            still,
            replace(context, workdir=tmp_path / str(i)),
            validation=discs(3, seed=1),
            augment=augment if i else None,
        ).curve
        for i in range(2)
    ]
    plain, augmented = ([row["validation_loss"] for row in curve] for curve in curves)
    assert plain == augmented
    assert curves[0][0]["train_loss"] != curves[1][0]["train_loss"]


def test_a_selection_of_lessons_keeps_their_cases():
    lessons = ragged().at([3, 1])
    assert list(lessons.case_ids) == ["case 3", "case 1"]
    assert [int(lessons[i]["label"]) for i in range(len(lessons))] == [3, 1]
    assert list(lessons.at([1]).case_ids) == ["case 1"]


def test_lessons_without_a_case_each_are_refused():
    with pytest.raises(DatasetError, match="2 lessons of 1 cases"):
        ListLessons([{}, {}], ["a"])
