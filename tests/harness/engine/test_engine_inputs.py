"""Session: what is read is what the plan listed; a file that is changed during a run fails by name."""

import numpy as np
import pytest
from PIL import Image

from .session_runs import go_fixture  # noqa: F401

NAMES = ("a", "b", "c", "d")


def write(folder, name, value):
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(folder / f"{name}.png")


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    for place, name in enumerate(NAMES):
        write(folder, name, 10 * place)
    return folder


class Once:
    """Does something when a worker comes to a case for the first time; no worker is lost of it."""

    def __init__(self, case, action, whose=""):
        self.case, self.action, self.whose = case, action, whose

    def __call__(self, step, case):
        mine = not self.whose or (step.kind == "enhance" and step.enhancer.asked.name == self.whose)
        if mine and case == self.case and self.action is not None:
            action, self.action = self.action, None
            action()
        return False


@pytest.mark.parametrize(
    ("changed", "when", "message"),
    [
        # Before the worker has listed its cases, and after.
        ("a", "a", "case 'a' is no longer the one that was planned"),
        ("d", "a", "case 'd' is no longer the one that was planned"),
        ("d", "b", "'d.png' was changed during the run"),
    ],
)
def test_a_case_whose_file_changes_fails_by_name_and_leaves_no_score(go, images, changed, when, message):
    dataset = f"folder[root={images}]"
    undisturbed = go("toy-brighten", "toy-mean", dataset=dataset, out="undisturbed", cache="undisturbed")
    change = Once(when, lambda: write(images, changed, 200))
    run = go("toy-brighten", "toy-mean", dataset=dataset, dies=change)
    rows = {r["case_id"]: r for r in run.rows["toy-brighten toy-mean"]}
    assert rows[changed]["status"] == "error"
    assert message in "\n".join(run.notes.notes)
    assert [name for name in NAMES if rows[name]["status"] == "ok"] == [name for name in NAMES if name != changed]
    for name in NAMES:
        if name != changed:
            assert run.scores["toy-brighten toy-mean"][name] == undisturbed.scores["toy-brighten toy-mean"][name]

    # What lies there now is right at once, in the same cache, and so is the old file when it is back.
    expected = go("toy-brighten", "toy-mean", dataset=dataset, out="now", cache="now")
    assert go("toy-brighten", "toy-mean", dataset=dataset, out="again").scores == expected.scores
    write(images, changed, 10 * NAMES.index(changed))
    assert go("toy-brighten", "toy-mean", dataset=dataset, out="back").scores == undisturbed.scores


def test_an_enhanced_image_that_changes_fails_by_name(go, images, tmp_path):
    enhanced = tmp_path / "enhanced"
    for name in NAMES:
        write(enhanced, name, 100)
    words = f"images[root={enhanced}]", "toy-mean"
    change = Once("b", lambda: write(enhanced, "d", 200), "images")
    run = go(*words, dataset=f"folder[root={images}]", dies=change)
    rows = next(rows for pair, rows in run.rows.items() if pair.startswith("images"))
    found = {r["case_id"]: r for r in rows}
    assert found["d"]["status"] == "error"
    assert "'d.png' was changed during the run" in "\n".join(run.notes.notes)
    assert [found[name]["status"] for name in "abc"] == ["ok"] * 3


def test_a_folder_that_another_program_enhanced_is_the_one_that_was_planned(go, images, tmp_path):
    enhanced = tmp_path / "enhanced"
    for name in NAMES:
        write(enhanced, name, 100)
    change = Once("a", lambda: write(enhanced, "d", 200))
    run = go(f"images[root={enhanced}]", "toy-mean", dataset=f"folder[root={images}]", dies=change)
    assert {str(s) for pair, s in run.statuses.items() if pair.startswith("images")} == {"error"}
    assert "what lies at a path of enhancer 'images" in "\n".join(run.notes.notes)
