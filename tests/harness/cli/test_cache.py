"""``bench cache``: whose is what, what goes and what stays, and damage that is found."""

import json
import os
import sys
import time

import pytest

from radbench.cli import main
from radbench.engine.keep.names import names, note_names
from radbench.engine.keep.room import Room
from radbench.engine.keep.sealed import write_sealed

DAY = 86400.0


@pytest.fixture
def bench(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as left:
            status = left.code or 0
        said = capsys.readouterr()
        return status, said.out + said.err

    return call


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


@pytest.mark.parametrize("words", [("info",), ("verify",), ("prune", "--older", "1d")])
@pytest.mark.parametrize("place", ["notes.txt", "notes.txt/below"])
def test_a_cache_folder_that_is_a_file_is_refused_in_a_sentence(bench, tmp_path, monkeypatch, words, place):
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / place))
    status, said = bench("cache", *words)
    assert status == 2
    told = f"the folder of caches cannot be '{tmp_path / place}', for '{tmp_path / 'notes.txt'}' is a file"
    assert f"{told}: set RADBENCH_CACHE to a folder, or take that file away" in said


def key(letter):
    return letter * 32


def image(root, of, entry="1" * 32, age=0.0, size=10, folder="enhancements"):
    import torch

    below = "image" if folder == "enhancements" else "."
    suffix = {"enhancements": "image", "cases": "case"}[folder]
    path = root / folder / key(of) / below / f"{entry}.{suffix}"
    write_sealed(path, {"image": torch.arange(size, dtype=torch.float32)}, {})
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def weights(root, of, age=0.0):
    import torch

    from radbench.engine.keep.store import Store

    Store(root).save_weights(key(of), {"w": torch.ones(3)}, {"learner": "mine"})
    for path in (root / "weights" / key(of)).iterdir():
        os.utime(path, (time.time() - age, time.time() - age))
    return root / "weights" / key(of)


def noted(root, **labels):
    note_names(root, [{"kind": k, "key": key(v), "enhancer": e, "dataset": "lesions"} for k, v, e in labels["of"]])


def test_a_run_notes_whose_its_results_are(bench, root):
    words = ["-e", "original,clahe", "-t", "grabcut", "--limit", "1", "--debug"]
    assert bench("run", *words)[0] == 0
    found = json.loads(bench("cache", "info", "--json")[1])
    by = {title: {row["name"]: row["holdings"] for row in rows} for title, rows in found["by"].items()}
    assert by["enhancer"] == {"original": 2, "clahe": 2}
    assert by["dataset"] == {"phantom-lesions": 4}
    assert by["task"] == {"grabcut": 2}
    assert (by["kind"]["enhancements"], by["kind"]["scores"], found["in_use"]) == (2, 2, 0)
    said = bench("cache", "info")[1]
    assert "by enhancer" in said
    assert "before anybody noted" not in said


def test_names_are_noted_once_and_read_back(root):
    for _ in range(2):
        noted(root, of=[("enhancements", "a", "clahe")])
    assert names(root) == {("enhancements", key("a")): {"enhancer": "clahe", "dataset": "lesions"}}
    assert len((root / "names.jsonl").read_text().splitlines()) == 1


def test_age_takes_what_was_unused_for_so_long(bench, root):
    old, new = image(root, "a", age=40 * DAY), image(root, "b", age=10 * DAY)
    assert "1 holding would go" in bench("cache", "prune", "--older", "30d", "--dry-run")[1]
    assert old.exists()
    assert bench("cache", "prune", "--older", "30d")[0] == 0
    assert (old.exists(), new.exists(), old.parent.exists()) == (False, True, False)


def test_size_takes_the_least_recently_used_until_the_rest_fits(bench, root):
    paths = [image(root, letter, age=days * DAY, size=1000) for letter, days in (("a", 3), ("b", 2), ("c", 1))]
    bench("cache", "prune", "--to", f"{paths[0].stat().st_size * 2}B")
    assert [p.exists() for p in paths] == [False, True, True]


def test_a_name_takes_what_is_of_it_whatever_its_variant(bench, root):
    plain, variant, other = image(root, "a"), image(root, "b"), image(root, "c")
    pairs = (("a", "clahe"), ("b", "clahe[clip_limit=0.02]"), ("c", "wls"))
    noted(root, of=[("enhancements", letter, label) for letter, label in pairs])
    bench("cache", "prune", "--enhancer", "clahe[clip_limit=0.02]")
    assert (plain.exists(), variant.exists(), other.exists()) == (True, False, True)
    bench("cache", "prune", "--enhancer", "clahe", "--dataset", "lesions")
    assert (plain.exists(), other.exists()) == (False, True)
    assert [labels["enhancer"] for labels in names(root).values()] == ["wls"]
    status, said = bench("cache", "prune", "--enhancer", "wlss")
    assert (status, "nothing is kept of enhancer 'wlss': did you mean 'wls'?" in said) == (2, True)


def test_what_a_running_process_uses_stays(bench, root):
    used, idle, learnt = image(root, "a"), image(root, "b"), weights(root, "d")
    room = Room(root, 0)
    room.need({key("a"), key("d")})
    assert "2 keys of running processes left alone" in bench("cache", "prune", "--all")[1]
    bench("cache", "prune", "--kind", "weights")
    assert (used.exists(), idle.exists(), learnt.exists()) == (True, False, True)
    room.close()
    bench("cache", "prune", "--all")
    assert not used.exists()


def test_weights_and_scores_go_only_where_they_are_named_and_with_what_rests_on_them(bench, root):
    from radbench.engine.keep.store import Store

    learnt, built = weights(root, "d", age=99 * DAY), image(root, "a", age=0)
    (root / "scores").mkdir(parents=True)
    Store(root).append_score(key("e"), {"entry": "1", "evidence": {}})
    Store(root).note_dependents(key("d"), [("enhance", key("a")), ("score", key("e"))])
    bench("cache", "prune", "--older", "30d")
    assert learnt.exists()
    bench("cache", "prune", "--older", "30d", "--kind", "weights")
    # note_dependents wrote into the folder today.
    assert learnt.exists()
    bench("cache", "prune", "--kind", "weights")
    assert (learnt.exists(), built.exists(), (root / "scores" / f"{key('e')}.jsonl").exists()) == (False, False, False)


def test_damage_is_found_named_and_taken_away(bench, root):
    whole, broken, learnt = image(root, "a"), image(root, "b"), weights(root, "d")
    noted(root, of=[("enhancements", "b", "clahe")])
    assert bench("cache", "verify") == (0, "3 holdings checked, 0 damaged\n")
    data = bytearray(broken.read_bytes())
    data[-3] ^= 1
    broken.write_bytes(data)
    (learnt / "weights.safetensors").write_bytes(b"rubbish")
    (root / "scores").mkdir()
    (root / "scores" / f"{key('e')}.jsonl").write_text('{"entry": "1", "evid')
    status, said = bench("cache", "verify")
    assert (status, "6 holdings" in said, "4 holdings checked, 3 damaged" in said) == (1, False, True)
    assert "damaged: enhancements of clahe, lesions: " in said
    assert f"{key('e')}.jsonl' has 1 line cut short or damaged" in said
    assert said.splitlines()[-1].startswith("'bench cache verify --remove' takes away what is damaged")
    assert bench("cache", "verify", "--kind", "weights")[0] == 1
    assert bench("cache", "verify", "--kind", "cases")[0] == 0
    assert bench("cache", "verify", "--remove")[0] == 0
    assert (whole.exists(), broken.exists(), learnt.exists()) == (True, False, False)


def test_what_lost_a_file_or_all_its_lines_is_damaged(bench, root):
    folder = weights(root, "d", age=DAY)
    (folder / "facts.json").unlink()
    (root / "scores").mkdir()
    (root / "scores" / f"{key('e')}.jsonl").touch()
    status, said = bench("cache", "verify")
    assert (status, "2 holdings checked, 2 damaged" in said) == (1, True)
    assert "facts.json' is missing, without which its weights count as not trained" in said
    assert f"{key('e')}.jsonl' is empty" in said
    assert bench("cache", "verify", "--remove")[0] == 0
    assert bench("cache", "verify") == (0, "0 holdings checked, 0 damaged\n")


def test_a_size_without_a_unit_takes_nothing_away(bench, root):
    there = image(root, "a")
    status, said = bench("cache", "prune", "--to", "5")
    assert (status, "--to '5' must be a size such as 500MB" in said, there.exists()) == (2, True, True)


def test_a_running_training_is_no_damage(bench, root):
    folder = root / "weights" / key("f") / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "seconds.json").write_text("1.0")
    assert bench("cache", "verify") == (0, "1 holding checked, 0 damaged\n")


def test_an_empty_cache_is_told_of_without_a_fault(bench, root):
    assert bench("cache", "info")[0] == 0
    assert bench("cache", "verify") == (0, "0 holdings checked, 0 damaged\n")
    assert not root.exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "say what goes"),
        (["--older", "long"], "must be a number with h, d or w"),
        (["--to", "little"], "must be a size such as"),
        (["--kind", "imges"], "--kind 'imges'"),
    ],
)
def test_what_is_not_said_rightly_takes_nothing(bench, root, words, part):
    path = image(root, "a")
    status, said = bench("cache", "prune", *words)
    assert (status, part in said, path.exists()) == (2, True, True)


def test_files_that_killed_processes_left_behind_go(bench, root):
    image(root, "a")
    left = root / "enhancements" / ".x.image.123-abcd.tmp"
    left.write_bytes(b"half")
    assert "1 file left behind" not in bench("cache", "info")[1]  # somebody may be writing it
    os.utime(left, (time.time() - 2 * DAY,) * 2)
    assert "1 file left behind" in bench("cache", "info")[1]
    bench("cache", "prune", "--older", "300d")
    assert not left.exists()
