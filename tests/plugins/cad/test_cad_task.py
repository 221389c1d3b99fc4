"""The task cad: what it learns from a case, what it says of one, and in a run against its controls."""

from __future__ import annotations

import csv
import math

import pytest
import torch
from pydantic import ValidationError

import radbench
from radbench.contracts import Case, CaseError, DatasetError, Sample, TaskContext
from radbench_cad.cad import CAD, equalised
from radbench_cad.config import CADConfig
from radbench_cad.plugin import radbench_tasks

SMALL = {"size": 64, "backbone": "test_resnet", "pretrained": False, "others": ()}
CONTEXT = TaskContext("cpu", 0)

PLUGIN = '''
import hashlib

import torch

from radbench import Case, CaseEntry, DatasetSpec, EnhancerSpec, hookimpl


@hookimpl
def radbench_datasets():
    return [
        DatasetSpec(name="spots", factory="spot_plugin:Spots", summary="Spots", modality="cxr", targets=("findings",))
    ]


@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="black", factory="spot_plugin:black", summary="Nothing is left")]


def black(images):
    return images * 0


class Spots:
    """Noise, half of it with a bright spot; one patient in two cases; the finding "mass" is not always stated."""

    modality = "cxr"
    targets = frozenset({"findings"})

    def __init__(self, config):
        pass

    def manifest(self):
        splits = ["train"] * 48 + ["validation"] * 16 + ["test"] * 40
        return [
            CaseEntry(f"s{i}", f"p{i // 2}", split, hashlib.sha256(f"{i}".encode()).hexdigest())
            for i, split in enumerate(splits)
        ]

    def load(self, case_id):
        i = int(case_id[1:])
        draw = torch.Generator().manual_seed(i)
        image = torch.rand(1, 40, 40, generator=draw) / 2
        spot = i % 2
        if spot:
            row, column = torch.randint(4, 28, (2,), generator=draw).tolist()
            image[0, row : row + 8, column : column + 8] += 0.5
        known = float("nan") if i % 7 == 3 else float(spot)
        return Case(case_id, f"p{i // 2}", image, targets={"findings": {"nodule": float(spot), "mass": known}})
'''


def sample(findings, image=None):
    picture = torch.rand(1, 48, 40, generator=torch.Generator().manual_seed(0)) if image is None else image
    case = Case("c", "p", picture, targets={"findings": findings})
    return Sample(case, picture)


def task(**settings):
    return CAD(CADConfig(**{**SMALL, **settings})).eval()


def test_a_lesson_is_the_scaled_image_and_what_is_stated():
    found = task(others=("effusion", "nodule")).lesson(sample({"nodule": 1.0, "effusion": 0.0}))
    assert found["image"].dtype == torch.uint16
    assert found["image"].shape == (1, 64, 64)
    assert math.isnan(found["findings"][0])
    assert found["findings"][1:].tolist() == [1.0, 0.0]


def test_a_case_that_states_nothing_gives_no_lesson_and_no_answer():
    nothing = sample({"mass": math.nan})
    assert task().lesson(nothing) is None
    assert all(math.isnan(one.label) for one in task().score(nothing, CONTEXT)["finding"].values())


def test_a_label_that_is_none_is_refused():
    with pytest.raises(CaseError, match="'mass' of case 'c' is -1"):
        task().lesson(sample({"mass": -1.0}))


def test_stacked_channels_are_original_denoised_and_enhanced():
    original, clean, enhanced = torch.zeros(1, 64, 64), torch.full((1, 64, 64), 0.5), torch.ones(1, 64, 64)
    case = Case("c", "p", original, targets={"findings": {"mass": 1.0}})
    both = Sample(case, enhanced, {"denoised": clean})
    seen = task(input="stacked").lesson(both)["image"].to(torch.int32)
    assert seen[:, 0, 0].tolist() == [0, 32768, 65535]
    single = task(input="stacked").lesson(Sample(case, enhanced))["image"].to(torch.int32)
    assert single[:, 0, 0].tolist() == [0, 65535, 65535]


def test_a_score_is_the_same_whatever_was_scored_before():
    one, other = task(), task()
    other.score(sample({}, torch.rand(1, 64, 64)), CONTEXT)
    asked = sample({"mass": 1.0, "nodule": 0.0})
    assert one.score(asked, CONTEXT) == other.score(asked, CONTEXT)


def test_pictures_of_a_case_are_what_was_seen_and_a_map_for_each_finding():
    asked = sample({"mass": 1.0})
    pictures = task(findings=("mass", "nodule"), others=("effusion",)).show(asked, CONTEXT)
    assert set(pictures) == {"image", "mass", "nodule"}
    seen = task().lesson(asked)["image"].float() / 65535
    torch.testing.assert_close(pictures["image"], seen.expand(3, -1, -1))


def test_no_validation_split_is_said_before_anything_is_trained():
    class Lessons:
        train, validation = [1], []

    with pytest.raises(DatasetError, match=r"task\.trained_on"):
        task().fit(Lessons(), None)


def test_findings_must_be_named_once():
    for wrong in ((), ("mass", "mass"), ("",)):
        with pytest.raises(ValidationError, match="findings must"):
            CADConfig(findings=wrong)


def test_an_equalised_image_is_blind_to_tone():
    grey = torch.randint(4096, (1, 70, 50), generator=torch.Generator().manual_seed(3)) / 4095
    one, other = (task(tone="equalised").lesson(sample({"mass": 1.0}, image)) for image in (grey, grey**2))
    assert torch.equal(one["image"].to(torch.int32), other["image"].to(torch.int32))
    flat = task(tone="equalised").lesson(sample({"mass": 1.0}, torch.full((1, 64, 64), 0.25)))["image"]
    assert set(flat.to(torch.int32).flatten().tolist()) == {32768}


def test_equalised_greys_are_shares_of_darker_pixels():
    found = equalised(torch.tensor([[0.3, 0.1], [0.3, 0.9]]))
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.125], [0.5, 0.875]]))


def test_metrics_share_the_predictions_and_average_over_findings():
    (spec,) = radbench_tasks()
    assert spec.observations == ("finding",)
    assert {m.name: m.direction for m in spec.metrics} == {
        "ap": "higher",
        "auroc": "higher",
        "sensitivity": "higher",
        "ece": "lower",
        "brier": "lower",
    }
    assert [m.name for m in spec.metrics if m.primary] == ["ap"]
    assert all(m.over_facets == "mean" for m in spec.metrics)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cad")
    (folder / "spot_plugin.py").write_text(PLUGIN)
    told = "size=64,backbone=test_resnet,epochs=8,batch_size=8,tone=as-is,rotation_deg=0,warmup_steps=0"
    frame = radbench.run(
        "original,black",
        f"cad[{told}]",
        "spots",
        plugins=[folder / "spot_plugin.py"],
        seeds=[0, 1],
        device="cpu",
        out=folder / "run",
        debug=True,
    )
    return frame, folder / "run"


def value(frame, enhancer, metric, facet="", seed=0):
    rows = frame[(frame["enhancer"] == enhancer) & (frame["metric"] == metric) & (frame["facet"].fillna("") == facet)]
    chosen = rows[rows["seed"].isna()] if seed is None else rows[rows["seed"] == seed]
    (found,) = chosen["value"].tolist()
    return found


def test_what_is_there_to_see_is_learnt_and_what_is_gone_is_not(ran):
    frame, _ = ran
    assert set(frame["status"]) == {"ok"}
    assert value(frame, "original", "auroc", "nodule") > 0.9
    assert value(frame, "black", "auroc", "nodule") == pytest.approx(0.5)


def test_the_row_of_the_whole_is_the_mean_over_findings(ran):
    frame, _ = ran
    facets = [value(frame, "original", "ap", facet) for facet in ("mass", "nodule")]
    assert value(frame, "original", "ap") == pytest.approx(sum(facets) / 2)


def test_seeds_have_rows_and_are_pooled(ran):
    frame, _ = ran
    pooled = value(frame, "original", "ap", "nodule", seed=None)
    assert pooled == pytest.approx(sum(value(frame, "original", "ap", "nodule", seed) for seed in (0, 1)) / 2)
    assert set(frame["task_pretrained"]) == {"false"}


def test_predictions_are_kept_case_by_case_and_give_the_leaderboards_numbers(ran):
    from sklearn.metrics import average_precision_score

    frame, folder = ran
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 2 * 40
    mine = [r for r in rows if (r["enhancer"], r["seed"], r["finding"]) == ("original", "0", "mass") and r["label"]]
    assert len(mine) < 40
    labels, scores = [float(r["label"]) for r in mine], [float(r["probability"]) for r in mine]
    assert average_precision_score(labels, scores) == pytest.approx(value(frame, "original", "ap", "mass"))
    assert {r["patient"] for r in rows} == {f"p{i}" for i in range(32, 52)}


def test_the_reliability_curve_adds_up_to_the_calibration_error(ran):
    frame, folder = ran
    with (folder / "reliability.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if (r["enhancer"], r["seed"]) == ("original", "0")]
    mine = [r for r in rows if r["finding"] == "nodule"]
    total = sum(int(r["n"]) for r in mine)
    assert total == 40
    error = sum(int(r["n"]) * abs(float(r["mean_probability"]) - float(r["share_of_positives"])) for r in mine) / total
    assert error == pytest.approx(value(frame, "original", "ece", "nodule"))
