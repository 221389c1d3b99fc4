"""The task hnn in a run: trained for each enhancer, never ranked with grabcut, and what its rows say."""

from __future__ import annotations

import pytest

import radbench
from radbench.leaderboard.comparing import tables_of

PLUGIN = '''
import hashlib

import torch

from radbench import Case, CaseEntry, DatasetSpec, EnhancerSpec, hookimpl


@hookimpl
def radbench_datasets():
    return [
        DatasetSpec(
            name="blobs", factory="blob_plugin:Blobs", summary="Blobs", modality="ct", targets=("recist", "lesion_mask")
        )
    ]


@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="dim", factory="blob_plugin:dim", summary="Half as bright")]


def dim(images):
    return images / 2


class Blobs:
    """Bright disks; the train and validation splits have marks and no masks, as DeepLesion has."""

    modality = "ct"
    targets = frozenset({"recist", "lesion_mask"})

    def __init__(self, config):
        pass

    def manifest(self):
        splits = ["train"] * 4 + ["validation"] * 2 + ["test"] * 3
        return [
            CaseEntry(f"b{i}", f"p{i}", split, hashlib.sha256(f"{i}".encode()).hexdigest())
            for i, split in enumerate(splits)
        ]

    def load(self, case_id):
        i = int(case_id[1:])
        noise = torch.rand(48, 48, generator=torch.Generator().manual_seed(i)) / 10
        y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
        radius, across, down = 5 + i % 3, 20 + i % 4, 24.0
        mask = (x - across) ** 2 + (y - down) ** 2 <= radius**2
        marks = [[across - radius, down], [across + radius, down], [across, down - radius], [across, down + radius]]
        targets = {"recist": torch.tensor(marks)}
        if i >= 6:
            targets["lesion_mask"] = mask[None]
        return Case(case_id, f"p{i}", (0.3 + 0.4 * mask + noise)[None], targets=targets)
'''

SMALL = "size=32,width=1,epochs=1"


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hnn")
    (folder / "blob_plugin.py").write_text(PLUGIN)
    return radbench.run(
        "original,dim",
        f"grabcut,hnn[{SMALL}],hnn[{SMALL},region=image],hnn[{SMALL},trained_on=blobs]",
        "blobs",
        plugins=[folder / "blob_plugin.py"],
        device="cpu",
        out=folder / "run",
        debug=True,
    )


def test_all_is_scored_though_only_test_cases_have_masks(frame):
    assert set(frame["status"]) == {"ok"}
    assert set(frame["metric"]) == {"dice", "precision", "recall"}
    assert set(frame["n_cases"]) == {3}
    assert set(frame.loc[frame["primary"] == "true", "metric"]) == {"dice"}


def test_rows_say_what_is_given_and_with_what_the_body_began(frame):
    given = frame.fillna({"given": ""}).groupby("task")["given"].agg(set)
    (roi, _) = [values for task, values in given.items() if task.startswith("hnn") and "region" not in task]
    (image,) = [values for task, values in given.items() if "region=image" in task]
    assert (given["grabcut"], roi, image) == ({"recist"}, {"region of interest"}, {""})
    learnt = frame[frame["task"].str.startswith("hnn")]
    assert set(learnt["task_pretrained"]) == {"false"}
    assert (learnt["task_fit_seconds"] > 0).all()


def test_what_is_given_differs_never_shares_a_ranking(frame):
    compared = tables_of(frame.reset_index(drop=True))
    assert sorted(rows["task"].unique().tolist() for rows in compared) == sorted([task] for task in set(frame["task"]))
    assert all(set(rows["enhancer"]) == {"original", "dim"} for rows in compared)


def test_what_it_learns_from_may_be_named(frame):
    plain, named = (
        frame[frame["task"].str.startswith("hnn") & ~frame["task"].str.contains("region") & chosen]["value"]
        for chosen in (~frame["task"].str.contains("trained_on"), frame["task"].str.contains("trained_on"))
    )
    assert len(plain) > 0
    assert plain.tolist() == named.tolist()
