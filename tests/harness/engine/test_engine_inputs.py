"""Session: what is read is what the plan listed; a file that is changed during a run fails by name."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radbench.engine.keep.sealed import read_sealed

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

    # The old file is right again at once in the same folder, and what lies there now is, too.
    write(images, changed, 10 * NAMES.index(changed))
    assert go("toy-brighten", "toy-mean", dataset=dataset).scores == undisturbed.scores
    write(images, changed, 200)
    expected = go("toy-brighten", "toy-mean", dataset=dataset, out="now", cache="now")
    assert go("toy-brighten", "toy-mean", dataset=dataset, out="again").scores == expected.scores


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


PLUGIN = Path(__file__).with_name("input_plugin.py")


@pytest.mark.parametrize(
    ("enhancer", "words"),
    [
        ("images[root={}]", "what lies at a path of enhancer 'images"),
        ("chain[of=[images[root={}],toy-brighten]]", "what lies at a path of enhancer 'images"),
        ("atlas[of=folder[root={}]]", "a case of data set 'folder"),
        ("late[file={}/value.txt]", "what lies at a path of enhancer 'late"),
        ("plain[file={}/value.txt]", "what lies at a path of enhancer 'plain"),
    ],
)
def test_what_an_enhancer_is_made_of_is_what_was_planned(go, images, tmp_path, enhancer, words):
    made_of = tmp_path / "made-of"
    for name in NAMES:
        write(made_of, name, 100)
    (made_of / "value.txt").write_text("0.1")

    def change():
        for name in NAMES:
            write(made_of, name, 200)
        (made_of / "value.txt").write_text("0.9")

    asked = enhancer.format(made_of), "toy-mean"
    run = go(*asked, dataset=f"folder[root={images}]", dies=Once("a", change), plugins=[PLUGIN])
    own = {pair: str(status) for pair, status in run.statuses.items() if not pair.startswith("original")}
    assert set(own.values()) == {"error"}
    assert words in "\n".join(run.notes.notes)
    again = go(*asked, dataset=f"folder[root={images}]", plugins=[PLUGIN], out="again")
    assert set(again.statuses.values()) == {"ok"}


@pytest.mark.parametrize("enhancer", ["late", "plain"])
def test_a_file_that_is_read_late_does_not_change_between_images(go, images, tmp_path, enhancer):
    file = tmp_path / "value.txt"
    file.write_text("0.5")
    change = Once("c", lambda: file.write_text("0.9"), enhancer)
    run = go(f"{enhancer}[file={file}]", "toy-mean", dataset=f"folder[root={images}]", dies=change, plugins=[PLUGIN])
    assert f"what lies at a path of enhancer '{enhancer}" in "\n".join(run.notes.notes)
    kept = [read_sealed(path)[0]["image"] for path in run.store.root.rglob("*.image")]
    # The radiographs are darker than any of the two.
    assert {float(image.mean()) for image in kept if image.mean() > 0.2} == {0.5}
