"""The task hnn: what it sees, what it learns from, that it learns, resumes to the bit, and says what it is given."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from radbench.contracts import Case, CaseError, FitContext, Sample, TaskContext
from radbench.contracts.config import affects, local_fields
from radbench.learn import ListLessons, PretrainedWeightsError
from radbench.metrics import dice
from radbench_lesions.grabcut import GrabCut
from radbench_lesions.hnn import HNN, best_threshold, spec_of_hnn
from radbench_lesions.hnn_config import HNNConfig
from radbench_lesions.hnn_region import Square, roi_of, whole_image
from radbench_lesions.plugin import radbench_tasks

CONTEXT = TaskContext("cpu", 0)
QUICK = HNNConfig.profiles["quick"]
TINY = {**QUICK, "size": 32, "width": 2}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def task(**fields):
    return HNN(HNNConfig(**{**TINY, **fields}))


def ellipse(seed=0, shape=(64, 72), noise=0.04):
    """A bright ellipse at any angle on noise, with its marks."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    x, y, angle = random.uniform(26, shape[1] - 26), random.uniform(26, shape[0] - 26), random.uniform(0, np.pi)
    long, short = random.uniform(8, 12), random.uniform(3, 5)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    u, v = ((columns - x) * axis[0] + (rows - y) * axis[1] for axis in (along, across))
    mask = (u / long) ** 2 + (v / short) ** 2 <= 1
    image = np.clip(0.4 + 0.25 * mask + noise * random.normal(size=shape), 0, 1).astype(np.float32)
    centre = np.array([x, y])
    marks = [centre - long * along, centre + long * along, centre - short * across, centre + short * across]
    targets = {
        "recist": torch.tensor(np.array(marks), dtype=torch.float32),
        "lesion_mask": torch.from_numpy(mask)[None],
    }
    return Case(f"ellipse{seed}", f"p{seed}", torch.from_numpy(image)[None], targets=targets)


def shown(case, image=None, **layers):
    return Sample(case, case.image if image is None else image, layers)


@dataclass(frozen=True)
class Given:
    """Lessons of one source."""

    train: ListLessons
    validation: ListLessons


def lessons_of(learner, train=range(12), validation=range(50, 54)):
    return Given(*(ListLessons([learner.lesson(shown(ellipse(i))) for i in some]) for some in (train, validation)))


def held_out(learner):
    return [learner.lesson(shown(ellipse(i))) for i in range(50, 54)]


def context_in(folder, progress=lambda done, total, text: None, seed=0):
    work, beside = folder / "work", folder / "beside"
    for one in (work, beside):
        one.mkdir(parents=True, exist_ok=True)
    return FitContext("cpu", seed, work, beside, progress)


def segmented(learner, cases):
    with torch.no_grad():
        return [learner.eval().segment(shown(case), CONTEXT) for case in cases]


class Bright(nn.Module):
    """Stands in for a network: what is brighter than a half is lesion."""

    def forward(self, images):
        return (200 * (images[:, :1] - 0.5)).expand(-1, 6, -1, -1)


# The region


def test_the_roi_is_a_square_of_twice_the_long_diameter_round_the_marks():
    recist = torch.tensor([[10.0, 20.0], [20.0, 20.0], [15.0, 18.0], [15.0, 22.0]])
    # It covers 5 to 25 across and 10 to 30 down; a pixel reaches half a pixel to either side.
    assert roi_of(recist, (64, 64), 2.0, 4.0) == Square(top=11, left=6, side=20)


def test_marks_of_almost_no_length_have_a_least_roi():
    assert roi_of(torch.full((4, 2), 9.0), (64, 64), 2.0, 4.0).side == 8


@pytest.mark.parametrize("marks", [torch.full((4, 2), 99.0), torch.full((4, 2), float("nan")), torch.zeros(2, 2)])
def test_marks_that_cannot_be_are_a_case_error(marks):
    with pytest.raises(CaseError, match=r"outside|finite"):
        roi_of(marks, (64, 64), 2.0, 4.0)


@pytest.mark.parametrize("square", [Square(5, 7, 24), Square(-9, 30, 24), Square(-10, -10, 90)])
def test_what_is_cut_out_goes_back_to_its_place(square):
    image = torch.rand(1, 40, 50)
    back = square.put_back(square.cut(image, square.side), (40, 50))
    inside = torch.zeros(1, 40, 50, dtype=torch.bool)
    inside[:, max(square.top, 0) : square.top + square.side, max(square.left, 0) : square.left + square.side] = True
    assert torch.equal(back, torch.where(inside, image, 0.0))


def test_beyond_the_image_its_edge_goes_on_and_no_lesion_lies():
    image = torch.arange(12.0).reshape(1, 3, 4)
    cut = Square(-2, 1, 6).cut(image, 6)
    assert cut[0, 0].tolist() == [1, 2, 3, 3, 3, 3]
    assert cut[0, :, 0].tolist() == [1, 1, 1, 5, 9, 9]
    mask = Square(-2, 1, 6).cut(torch.ones(1, 3, 4, dtype=torch.bool), 6)
    assert mask.sum() == 9
    assert mask[0, 2:5, :3].all()


@pytest.mark.parametrize("shape", [(40, 40), (40, 50), (51, 40)])
def test_the_whole_image_is_the_least_square_that_holds_it(shape):
    square = whole_image(shape)
    assert square.side == max(shape)
    assert torch.equal(square.put_back(square.cut(torch.ones(1, *shape), square.side), shape), torch.ones(1, *shape))


# What it sees and learns from


def test_a_lesson_is_the_region_and_grabcuts_mask_of_it():
    case = ellipse(1)
    square = roi_of(case.targets["recist"], (64, 72), 2.0, 4.0)
    lesson = task(size=square.side).lesson(shown(case)) if square.side >= 32 else None
    assert lesson is not None
    assert lesson["image"].dtype == torch.uint8
    assert lesson["image"].shape == (1, square.side, square.side)
    assert torch.equal(lesson["image"], (square.cut(case.image, square.side) * 255).round().to(torch.uint8))
    found = torch.from_numpy(GrabCut(GrabCut.Config()).segment(shown(case), CONTEXT).mask)[None]
    assert torch.equal(lesson["mask"], square.cut(found, square.side))


def test_a_lesson_never_looks_at_the_true_mask():
    case = ellipse(1)
    blind = replace(case, targets={"recist": case.targets["recist"]})
    one, two = (task().lesson(shown(c)) for c in (case, blind))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_stacked_channels_are_original_denoised_enhanced():
    case = ellipse(1)
    enhanced, denoised = torch.full_like(case.image, 0.4), torch.full_like(case.image, 0.2)
    with_layer = task(input="stacked").lesson(shown(case, enhanced, denoised=denoised))["image"]
    assert len(with_layer[0].unique()) > 2
    assert [with_layer[i].unique().tolist() for i in (1, 2)] == [[51], [102]]
    without = task(input="stacked").lesson(shown(case, enhanced))["image"]
    assert torch.equal(without[0], with_layer[0])
    assert [without[i].unique().tolist() for i in (1, 2)] == [[102], [102]]


def test_masks_are_grabcuts_of_what_is_seen_or_of_the_original_for_all():
    case = ellipse(1)
    noisy = (case.image + 0.3 * torch.randn(case.image.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    own, other = (task(masks="input").lesson(shown(case, image))["mask"] for image in (None, noisy))
    same, likewise = (task(masks="original").lesson(shown(case, image))["mask"] for image in (None, noisy))
    assert not torch.equal(own, other)
    assert torch.equal(same, likewise)
    assert torch.equal(same, own)


def test_a_lesion_that_vanishes_at_the_size_teaches_nothing():
    image = torch.zeros(1, 512, 512)
    image[:, 100, 100] = 1.0
    case = Case("dot", "p", image, targets={"recist": torch.full((4, 2), 100.0)})
    assert task(region="image").lesson(shown(case)) is None
    assert task().lesson(shown(case))["mask"].any()


# Scoring


@pytest.mark.parametrize("region", ["roi", "image"])
@pytest.mark.parametrize("chosen", ["enhanced", "stacked"])
def test_the_answer_lies_where_the_lesion_is(region, chosen):
    learner = task(region=region, input=chosen, size=96)
    learner.network = Bright()
    scores = learner.score(shown(ellipse(3, noise=0.0)), CONTEXT)
    assert min(scores.values()) > 0.95


def test_outside_the_region_nothing_is_found():
    case = ellipse(3)
    learner = task()
    learner.network = Bright()
    bright = shown(case, torch.ones_like(case.image))
    square = roi_of(case.targets["recist"], (64, 72), 2.0, 4.0)
    assert torch.equal(learner.segment(bright, CONTEXT), square.put_back(torch.ones(1, 8, 8), (64, 72)) > 0.5)


def test_a_whole_image_needs_no_marks_at_test_time():
    case = ellipse(3)
    unmarked = replace(case, targets={"lesion_mask": case.targets["lesion_mask"]})
    learner = task(region="image", size=64)
    learner.network = Bright()
    assert learner.score(shown(unmarked), CONTEXT) == learner.score(shown(case), CONTEXT)


def test_an_empty_answer_and_an_empty_truth_score_as_the_metrics_say():
    case = ellipse(3)
    empty = replace(case, targets=case.targets | {"lesion_mask": torch.zeros_like(case.targets["lesion_mask"])})
    dark = torch.zeros_like(case.image)
    learner = task()
    learner.network = Bright()
    assert learner.score(shown(case, dark), CONTEXT) == {"dice": 0, "precision": 0, "recall": 0}
    assert learner.score(shown(empty), CONTEXT) == {"dice": 0, "precision": 0, "recall": 0}
    assert learner.score(shown(empty, dark), CONTEXT) == {"dice": 1, "precision": 1, "recall": 1}


def test_the_largest_part_alone_counts_where_that_is_asked_for():
    case = ellipse(3, noise=0.0)
    spotted = case.image.clone()
    x, y = case.targets["recist"].mean(dim=0).round().int().tolist()
    spotted[:, y - 14 : y - 12, x - 14 : x - 12] = 1.0
    sizes = {}
    for components in ("all", "largest"):
        learner = task(components=components, size=96)
        learner.network = Bright()
        sizes[components] = int(learner.segment(shown(case, spotted), CONTEXT).sum())
    assert sizes["all"] == pytest.approx(sizes["largest"] + 4, abs=3)
    assert sizes["all"] > sizes["largest"]


# Learning


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.set_num_threads(1)
    learner = task(width=4, epochs=60, batch_size=2, learning_rate=5e-3)
    learner.fit(lessons_of(learner), context_in(tmp_path_factory.mktemp("trained")))
    return learner


def test_it_finds_new_lesions_better_than_the_region_tells(trained):
    cases = [ellipse(i) for i in range(100, 106)]
    truth = [case.targets["lesion_mask"] for case in cases]
    found = dice(torch.stack(segmented(trained, cases)), torch.stack(truth))
    # Whoever knows the region knows the centre and the diameter: a disk, or a narrower one.
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(72), indexing="ij")
    told = []
    for share in (1.0, 0.75, 0.6):
        disks = []
        for case in cases:
            a, b = case.targets["recist"][:2]
            x, y = ((a + b) / 2).tolist()
            radius = share * float(torch.linalg.vector_norm(a - b)) / 2
            disks.append(((columns - x) ** 2 + (rows - y) ** 2 <= radius**2)[None])
        told.append(dice(torch.stack(disks), torch.stack(truth)).mean())
    assert found.mean() > max(told) + 0.1
    assert found.mean() > 0.85


def test_neither_order_nor_company_changes_an_answer(trained):
    cases = [ellipse(i) for i in range(100, 104)]
    forward, backward = segmented(trained, cases), segmented(trained, cases[::-1])[::-1]
    assert all(torch.equal(a, b) for a, b in zip(forward, backward, strict=True))


def test_weights_give_the_same_answers_again(trained):
    again = task(width=4)
    again.load_state_dict(trained.state_dict())
    cases = [ellipse(100)]
    assert torch.equal(segmented(again, cases)[0], segmented(trained, cases)[0])


def test_it_says_that_it_began_with_random_weights(trained):
    assert trained.facts() == {"pretrained": "false"}


def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    from radbench_lesions import hnn

    options = hnn.FitOptions
    monkeypatch.setattr(hnn, "FitOptions", lambda **given: options(**given, checkpoint_seconds=0))

    def killing(done, total, text):
        if "3/4" in text:
            raise KeyboardInterrupt

    def learner():
        return task(epochs=4)

    lessons = lessons_of(learner(), range(6), range(50, 52))
    whole, halves = learner(), learner()
    whole.fit(lessons, context_in(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        halves.fit(lessons, context_in(tmp_path / "halves", killing))
    (checkpoint,) = (tmp_path / "halves" / "work").glob("*.checkpoint")
    assert checkpoint.stat().st_size > 0
    halves = learner()
    halves.fit(lessons, context_in(tmp_path / "halves"))
    one, two = whole.state_dict(), halves.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_file_of_vgg_16_begins_the_body(tmp_path):
    file = tmp_path / "none.safetensors"
    learner = task(width=64, vgg_weights=str(file))
    with pytest.raises(PretrainedWeightsError, match="there is no such file"):
        learner.fit(lessons_of(learner, range(2), range(50, 51)), context_in(tmp_path))
    assert learner.fingerprint() is None
    file.write_bytes(b"weights")
    assert task(width=64, vgg_weights=str(file)).fingerprint() is not None


def test_the_best_threshold_is_found_by_hand():
    probability = torch.tensor([[[0.9, 0.7, 0.45, 0.2]]])
    mask = torch.tensor([[[True, True, False, False]]])
    # From 0.45 up to 0.69 the answer is the mask.
    assert best_threshold([(probability, mask)]) == pytest.approx(0.57)
    # The mean decides: the second lesion is whole from 0.30 to 0.49, the two together nowhere but at 0.45 to 0.49.
    second = (torch.tensor([[[0.5, 0.3]]]), torch.tensor([[[True, False]]]))
    assert best_threshold([(probability, mask), second]) == pytest.approx(0.47)


def test_the_threshold_is_kept_with_the_weights_unless_one_is_given(trained):
    case = ellipse(100)
    areas = {}
    for given in (None, float(trained.chosen), 0.001, 0.999):
        learner = task(width=4, threshold=given)
        learner.load_state_dict(trained.state_dict())
        areas[given] = int(segmented(learner, [case])[0].sum())
    assert areas[None] == areas[float(trained.chosen)]
    assert areas[0.001] > areas[None] > areas[0.999]


def test_the_threshold_was_chosen_on_the_validation_lessons(trained):
    scores = {}
    for threshold in (0.001, float(trained.chosen), 0.999):
        answers = [(trained._probability(lesson["image"], "cpu"), lesson["mask"]) for lesson in held_out(trained)]
        scores[threshold] = sum(float(dice((p > threshold)[None], m[None])) for p, m in answers)
    assert max(scores, key=scores.get) == float(trained.chosen)


def test_what_grabcut_could_not_decide_is_not_learnt():
    case = ellipse(0)
    assert task().lesson(shown(case)) is not None
    assert task().lesson(shown(case, torch.full_like(case.image, 0.5))) is None


# What it says of itself


def spec():
    return {spec.name: spec for spec in radbench_tasks()}["hnn"]


def test_scores_carry_the_names_that_the_spec_declares():
    learner = task()
    learner.network = Bright()
    assert list(learner.score(shown(ellipse(3)), CONTEXT)) == [m.name for m in spec().metrics]


@pytest.mark.parametrize(("region", "given"), [("roi", ("region of interest",)), ("image", ())])
def test_the_spec_says_what_is_given_at_test_time(region, given):
    found = spec_of_hnn(spec(), HNNConfig(region=region), {})
    assert found.given == given
    assert found.truth == ("lesion_mask",)
    assert found.needs_targets == ("recist", "lesion_mask")
    assert found.learns
    assert found.training == "method"


def test_the_default_configuration_is_the_specs():
    assert spec_of_hnn(spec(), HNNConfig(), {}) == spec()


@pytest.mark.parametrize(("chosen", "wanted"), [("enhanced", ()), ("stacked", ("denoised",))])
def test_the_denoised_layer_is_wanted_only_where_it_is_looked_at(chosen, wanted):
    assert spec_of_hnn(spec(), HNNConfig(input=chosen), {}).wants_layers == wanted


@pytest.mark.parametrize("fields", [{"input": "both"}, {"roi_scale": 1.0}, {"padding": 8}, {"epochs": 0}, {"depth": 3}])
def test_bad_fields_are_refused(fields):
    with pytest.raises(ValidationError):
        HNNConfig(**fields)


@pytest.mark.parametrize("fields", [{"pretrained": True}, {"vgg_weights": "vgg16.safetensors"}])
def test_pretrained_weights_want_vgg_16s_width(fields):
    with pytest.raises(ValidationError, match="width 64 only, got width 8"):
        HNNConfig(**{**QUICK, "width": 8, **fields})


def test_fields_change_no_more_than_they_say():
    lesson = {name for name in HNNConfig.model_fields if affects(HNNConfig, name) == "lesson"}
    assert lesson == {"trained_on", "input", "region", "roi_scale", "size", "masks"}
    assert {name for name in HNNConfig.model_fields if affects(HNNConfig, name) == "use"} == {"threshold", "components"}
    assert local_fields(HNNConfig) == ["vgg_weights"]


def test_profile_paper_is_the_papers_recipe():
    paper = HNNConfig(**HNNConfig.profiles["paper"])
    assert (paper.width, paper.padding, paper.pretrained, paper.rates) == (64, 35, True, "hed")
    assert (paper.optimiser, paper.learning_rate, paper.weight_decay, paper.batch_size) == ("sgd", 1e-6, 2e-4, 10)
