"""Store, journal and locations: whole or not at all, several writers, torn lines, damaged files."""

import errno
import json
import math
import os
import pathlib
import random
import subprocess
import sys

import pytest
import torch

from radbench.contracts import Case, Enhancement, Features, LookedUp, Prediction, UsageError
from radbench.engine.keep.evidence import decoded, encoded
from radbench.engine.keep.journal import RunFolder, newest_run, safe_name
from radbench.engine.keep.lines import append_line
from radbench.engine.keep.locations import add_location, location_of, locations, locations_file
from radbench.engine.keep.sealed import GoneError, StoreError, UnreadableError, write_atomically
from radbench.engine.keep.store import Store
from radbench.xray import Pose


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open()
    yield folder
    folder.close()


def enhancement():
    image = torch.rand(4, 1, 5, 6, generator=torch.Generator().manual_seed(0))
    return Enhancement(image[1], {"denoised": image[2]})


def test_an_enhancement_comes_back_bit_for_bit_with_its_measures(store):
    kept = enhancement()
    store.save_enhancement("k" * 64, "e" * 64, kept, {"enhance_ms": 1.25, "parameters": None})
    found, measures = store.load_enhancement("k" * 64, "e" * 64)
    assert torch.equal(found.image, kept.image)
    assert torch.equal(found.layers["denoised"], kept.layers["denoised"])
    assert measures == {"enhance_ms": 1.25, "parameters": None}


def test_only_the_layers_that_were_asked_for_are_kept_and_more_replace_fewer(store):
    image = torch.rand(1, 4, 4)
    whole = Enhancement(image, {"lung_mask": image > 0.5, "lung_image": image})
    store.save_enhancement("k", "e", whole, {}, ["lung_mask"])
    assert set(store.load_enhancement("k", "e")[0].layers) == {"lung_mask"}
    assert not store.has_enhancement("k", "e", ["lung_image"])
    with pytest.raises(GoneError):
        store.load_enhancement("k", "e", ["lung_image"])
    store.save_enhancement("k", "e", whole, {}, ["lung_mask", "lung_image"])
    assert store.has_enhancement("k", "e", ["lung_image"])
    assert len(list(store.root.rglob("*.image"))) == 1
    assert "e" in store.enhancements_under("k", ["lung_mask"])
    assert "e" not in store.enhancements_under("k", ["bone_image"])


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:5], lambda b: b[:-3], lambda b: b"x" * len(b)])
def test_a_damaged_enhancement_is_unreadable_and_can_be_discarded(store, damage):
    store.save_enhancement("k", "e", enhancement(), {})
    (file,) = store.root.rglob("*.image")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UnreadableError):
        store.load_enhancement("k", "e")
    store.discard_enhancement("k", "e")
    assert not store.has_enhancement("k", "e")


def test_no_flipped_bit_of_anything_kept_passes_unnoticed(store):
    store.save_enhancement("k", "e", enhancement(), {"enhance_ms": 1.0})
    store.save_case("c", "e", a_case())
    store.save_weights("w", {"a": torch.rand(3)}, {"fit_seconds": 2.0})
    store.append_score("s", {"entry": "a", "evidence": {"m": 0.25}})
    readers = {
        ".image": lambda: store.load_enhancement("k", "e"),
        ".case": lambda: store.load_case("c", "e", a_case),
        ".safetensors": lambda: store.load_weights("w"),
        "facts.json": lambda: store.load_weights("w"),
    }
    draw = random.Random(0)
    for file in [f for f in store.root.rglob("*") if f.is_file() and f.name not in (".lock", ".writable")]:
        whole = file.read_bytes()
        for _ in range(60):
            data = bytearray(whole)
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            file.write_bytes(bytes(data))
            if file.suffix == ".jsonl":
                kept = by_entry(store, "s")
                assert kept == {} or kept["a"]["evidence"] == {"m": 0.25}
                continue
            reader = next(r for end, r in readers.items() if file.name.endswith(end))
            if file.name == "facts.json" and json.loads(data_or_null(data)) == json.loads(whole):
                continue  # white space
            with pytest.raises(UnreadableError):
                reader()
        file.write_bytes(whole)


def by_entry(store, key):
    return {record["entry"]: record for record in store.read_scores(key)}


def data_or_null(data):
    try:
        json.loads(bytes(data))
    except ValueError:
        return "null"
    return bytes(data)


def a_case():
    pose, image = Pose(12.0, -3.0), torch.rand(1, 4, 6, generator=torch.Generator().manual_seed(1))
    targets = {
        "lung_mask": image > 0.5,
        "findings": {"nodule": 1.0, "mass": float("nan")},
        "boxes": {"nodule": torch.tensor([[1.0, 1.0, 3.0, 2.0]]), "mass": torch.zeros(0, 4)},
        "view_pose": pose,
        "volume_spacing_mm": torch.tensor([1.0, 2.0, 3.0]),
    }
    looked_up = {"volume_hu": lambda: torch.full((2, 2, 2), 40.0)}
    return Case("a/b", "p", image, (0.5, 0.25), {"type": "x"}, {"window": [0, 1]}, LookedUp(targets, looked_up))


def test_a_made_case_comes_back_equal_and_what_is_looked_up_is_looked_up_again(store):
    made = a_case()
    store.save_case("k", "e", made)
    again = []
    kept = store.load_case("k", "e", lambda: (again.append(1), made)[1])
    assert (kept.case_id, kept.patient_id, kept.spacing_mm) == (made.case_id, made.patient_id, made.spacing_mm)
    assert (dict(kept.groups), dict(kept.provenance)) == (dict(made.groups), dict(made.provenance))
    assert list(kept.targets) == list(made.targets)
    assert torch.equal(kept.image, made.image)
    assert torch.equal(kept.targets["lung_mask"], made.targets["lung_mask"])
    assert kept.targets["view_pose"] == made.targets["view_pose"]
    assert kept.targets["findings"]["nodule"] == 1.0
    assert math.isnan(kept.targets["findings"]["mass"])
    assert all(torch.equal(kept.targets["boxes"][n], made.targets["boxes"][n]) for n in ("nodule", "mass"))
    assert again == []
    assert torch.equal(kept.targets["volume_hu"], made.targets["volume_hu"])
    assert again == [1]


def test_weights_that_two_layers_share_are_kept(store):
    weight = torch.rand(3)
    store.save_weights("k", {"a": weight, "b": weight}, {"fit_seconds": 2.0})
    state, facts = store.load_weights("k")
    assert torch.equal(state["a"], weight)
    assert torch.equal(state["b"], weight)
    assert facts["fit_seconds"] == 2.0


@pytest.mark.parametrize("name", ["weights.safetensors", "facts.json"])
@pytest.mark.parametrize("rest", [None, b"", b"\x08"])
def test_weights_count_only_when_they_are_whole(store, name, rest):
    store.save_weights("k", {"a": torch.rand(3)}, {})
    assert store.has_weights("k")
    file = store.weights_folder("k") / name
    file.unlink() if rest is None else file.write_bytes(rest)
    assert not store.has_weights("k")
    with pytest.raises(UnreadableError):
        store.load_weights("k")


def test_a_torn_score_line_is_passed_over_and_the_next_is_whole(store):
    store.append_score("k", {"entry": "a", "evidence": {"m": 0.1}})
    (file,) = store.root.rglob("*.jsonl")
    with file.open("ab") as stream:
        stream.write(b'{"entry": "b", "evidence": {"m"')
    store.append_score("k", {"entry": "c", "evidence": {"m": 0.3}})
    assert {k: v["evidence"]["m"] for k, v in by_entry(store, "k").items()} == {"a": 0.1, "c": 0.3}


def test_evidence_reads_back_equal_even_where_it_is_no_number(store):
    given = {
        "m": float("nan"),
        "n": 0.1 + 0.2,
        "o": float("-inf"),
        "p": {"nodule": Prediction(1.0, 0.3), "mass": Prediction([0.0, 1.0], [0.1, 0.2])},
        "f": Features(torch.rand(3, 2), torch.zeros(0, 2)),
    }
    store.append_score("k", {"entry": "a", "evidence": encoded(given)})
    found = decoded(by_entry(store, "k")["a"]["evidence"])
    assert found["m"] != found["m"]
    assert (found["n"], found["o"], found["p"]) == (given["n"], given["o"], given["p"])
    assert torch.equal(found["f"].value, given["f"].value)
    assert found["f"].reference.shape == (0, 2)


def test_appends_of_several_processes_are_never_interleaved(store):
    program = (
        "import sys; from pathlib import Path; from radbench.engine.keep.store import Store\n"
        "s = Store(Path(sys.argv[1]))\n"
        "for i in range(300): s.append_score('k', {'entry': f'{sys.argv[2]}{i}', 'evidence': {}, 'fill': 'x' * 3000})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(store.root), w]) for w in "abc"]
    assert [w.wait() for w in writers] == [0, 0, 0]
    assert set(by_entry(store, "k")) == {f"{w}{i}" for w in "abc" for i in range(300)}


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_litter(tmp_path, monkeypatch):
    file = tmp_path / "f"
    write_atomically(file, b"old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(StoreError, match=r"cannot write '.*f': No space left on device"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_what_is_kept_is_its_user_s_alone_whatever_the_umask(tmp_path):
    before = os.umask(0o002)
    try:
        write_atomically(tmp_path / "a" / "b" / "f", b"")
        append_line(tmp_path / "c" / "l", {})
        assert os.umask(0o002) == 0o002
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"a": 0o700, "b": 0o700, "f": 0o600, "c": 0o700, "l": 0o600}


# the journal -----------------------------------------------------------------------------------------------


def test_events_come_back_in_order_and_by_name(folder):
    for n in range(3):
        folder.record("pair" if n % 2 == 0 else "other", n=n)
    assert [e["n"] for e in folder.events("pair")] == [0, 2]


def test_a_line_torn_by_a_kill_hides_no_event(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open()
    folder.record("pair", n=0)
    folder.close()
    with folder.journal.open("ab") as stream:
        stream.write(b'{"event": "pair", "n')
    folder.open()
    folder.record("pair", n=2)
    folder.close()
    assert [e["n"] for e in folder.events("pair")] == [0, 2]


def test_two_runs_in_one_folder_are_refused(folder):
    with pytest.raises(UsageError, match=r"another run is writing to '.*run'"):
        RunFolder(folder.root).open()


def test_a_folder_is_free_again_after_its_run(folder):
    folder.close()
    again = RunFolder(folder.root)
    again.open()
    again.close()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_runs_and_caches_are_for_their_user_alone(tmp_path):
    folder = RunFolder(tmp_path / "deep" / "run")
    folder.open()
    folder.close()
    Store(tmp_path / "cache").probe()
    for made in (tmp_path / "deep" / "run", tmp_path / "cache"):
        assert made.stat().st_mode & 0o077 == 0
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    RunFolder(shared).open()
    assert shared.stat().st_mode & 0o777 == 0o755, "what the user made stays as it is"


def test_a_folder_that_cannot_be_made_is_wrong_usage(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write to '.*file/run'.*choose another --out"):
        RunFolder(tmp_path / "file" / "run").open()


def test_features_that_meet_a_full_disk_in_the_end_are_the_stores_error(folder, monkeypatch):
    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    with folder.writing_features("p") as keep:
        keep("a", {"f": {"value": [0, 0, ""], "reference": [0, 0, ""]}})
    assert list(folder.read_features("p")) == ["a"]

    def write_b():
        with folder.writing_features("p") as keep:
            keep("b", {"f": {"value": [0, 0, ""], "reference": [0, 0, ""]}})

    with monkeypatch.context() as patched:
        patched.setattr(pathlib.Path, "replace", full)
        with pytest.raises(StoreError, match="No space left on device"):
            write_b()
    assert list(folder.read_features("p")) == ["a"], "what was there stays"


def test_case_rows_read_back_equal(folder):
    given = [{"case_id": "a,b", "m": 0.1 + 0.2, "n": float("nan")}, {"case_id": "c", "o": "x\ny"}]
    folder.write_cases("p", lambda: given)
    rows = folder.read_cases("p")
    assert (rows[0]["case_id"], float(rows[0]["m"]), rows[1]["o"]) == ("a,b", 0.1 + 0.2, "x\ny")
    assert rows[0]["n"] == "nan"


def test_file_names_are_safe_and_differ():
    names = [safe_name(t) for t in ("a/b", "a:b", "a_b", "x" * 300, "x" * 301, "../../etc")]
    assert len(set(names)) == len(names)
    assert all("/" not in n and len(n) < 120 for n in names)


def test_the_newest_run_is_the_one_written_last(tmp_path):
    for n, name in enumerate(["b", "a"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "leaderboard.csv").write_text("")
        os.utime(tmp_path / name / "leaderboard.csv", (n, n))
    assert newest_run(tmp_path) == tmp_path / "a"
    with pytest.raises(UsageError, match="no run under"):
        newest_run(tmp_path / "a")


# locations -------------------------------------------------------------------------------------------------


def test_a_location_is_kept_as_an_absolute_path(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    add_location("folder", tmp_path / "images")
    add_location("other", tmp_path / "images" / "..")
    assert location_of("folder") == tmp_path / "images"
    assert locations() == {"folder": tmp_path / "images", "other": tmp_path}
    assert location_of("third") is None


def test_a_location_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"data set 'folder': '.*nowhere' does not exist"):
        add_location("folder", tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["{", "[1]", '{"folder": 3}'])
def test_a_damaged_file_of_locations_is_named(text):
    locations_file().parent.mkdir(parents=True)
    locations_file().write_text(text)
    with pytest.raises(UsageError, match=r"datasets.json' cannot be read .*mend or delete it"):
        locations()


def test_locations_are_json_that_a_person_can_read(tmp_path):
    add_location("folder", tmp_path)
    assert json.loads(locations_file().read_text()) == {"folder": str(tmp_path)}
