"""A study of a real run: its images as the run has them, and what cannot be made is said before anything is written."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import radbench
from radbench.cli import main
from radbench.contracts.errors import UnknownNameError, UsageError
from radbench.imaging import write_image
from radbench.reader_study.key import read_key
from radbench.reader_study.making import Asked, make_study
from radbench.reader_study.pixels import grey_levels
from radbench.reader_study.run_images import images_of

ENHANCERS = ("original", "unsharp", "gamma")


def asked(**different):
    return Asked(**{"enhancers": ENHANCERS, "cases": 4, "readers": 2, "seed": "s", **different})


def test_a_study_of_a_run_and_the_same_again_from_its_seed(run, tmp_path):
    first = make_study(run, asked(), tmp_path / "first")
    again = make_study(run, asked(), tmp_path / "again")
    assert read_key(tmp_path / "first") == first.key == again.key
    assert [p.read_bytes() for p in first.pages] == [p.read_bytes() for p in again.pages]
    assert first.key.enhancers == ("unsharp", "gamma")
    assert first.key.reference == "original"
    assert {len(own) for own in first.key.readers.values()} == {6}
    other = make_study(run, asked(seed=""), tmp_path / "drawn")
    assert other.key.study != first.key.study
    assert len(other.key.seed) == 32


def test_an_image_is_the_runs_own_and_is_made_again_where_the_cache_lost_it(run, place):
    with images_of(run, ENHANCERS) as images:
        entry = images.entries[0]
        case = images.case(entry)
        before = {name: images.image(name, entry) for name in ENHANCERS}
        assert np.array_equal(before["original"], case.image[0].numpy())
        expected = radbench.enhance("unsharp", case.image[None]).image[0, 0].numpy()
        assert np.array_equal(before["unsharp"], expected)
        shutil.rmtree(place / "cache" / "enhancements")
        for name in ENHANCERS:
            assert np.array_equal(images.image(name, entry), before[name])


def test_what_a_page_holds_is_the_image(run, tmp_path):
    made = make_study(run, asked(cases=2, size=128, bits=12), tmp_path / "study")
    with images_of(run, ENHANCERS) as images:
        by_id = {e.case_id: e for e in images.entries}
        case = next(iter(made.key.cases.values()))
        shown = grey_levels(images.image("gamma", by_id[case.case_id]), 12)
    assert max(shown.shape) > 128
    text = made.pages[0].read_text()
    assert f'id="{case.images["gamma"]}" data-width="128"' in text
    assert 'data-white="4095"' in text


def test_a_detection_takes_its_truth_from_the_data_set(run, tmp_path):
    with pytest.raises(UsageError, match="takes 2 cases without the finding, and the run has 0"):
        make_study(run, asked(design="detection", finding="lesion_mask"), tmp_path / "study")
    with pytest.raises(UnknownNameError, match=r"unknown finding of this data set 'nodule_mask'.*lesion_mask"):
        make_study(run, asked(design="detection", finding="nodule_mask"), tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_half_the_cases_of_a_detection_have_what_the_masks_show(tmp_path):
    draws = np.random.default_rng(0)
    for k in range(12):
        write_image(tmp_path / "images" / f"{k:02}.png", torch.from_numpy(draws.random((1, 64, 64), dtype=np.float32)))
        mask = torch.zeros(1, 64, 64)
        mask[:, 20:30, 20:30] = k < 5
        write_image(tmp_path / "masks" / f"{k:02}.png", mask)
    folder = f"folder[root={tmp_path / 'images'},masks={tmp_path / 'masks'},mask_target=heart_mask]"
    radbench.run("gamma", "image-quality", folder, debug=True, out=tmp_path / "run")
    mine = asked(enhancers=("original", "gamma"), design="detection", finding="heart_mask", cases=8)
    made = make_study(tmp_path / "run", mine, tmp_path / "study")
    assert made.key.design.question == "Does the image show this finding: heart?"
    told = {int(case.case_id[:2]): case.positive for case in made.key.cases.values()}
    assert all(positive == (k < 5) for k, positive in told.items())
    assert sum(told.values()) == 4
    assert made.key.enhancers == ("original", "gamma")
    with pytest.raises(UsageError, match="takes 6 cases with the finding, and the run has 5: ask for at most 10"):
        make_study(tmp_path / "run", replace(mine, cases=12), tmp_path / "other")


def test_cases_of_which_a_finding_is_not_stated_are_left_out_and_counted(tmp_path, monkeypatch):
    from radbench.reader_study.run_images import RunImages

    draws = np.random.default_rng(0)
    for k in range(8):
        write_image(tmp_path / "images" / f"{k}.png", torch.from_numpy(draws.random((1, 32, 32), dtype=np.float32)))
        mask = torch.zeros(1, 32, 32)
        mask[:, 10:20, 10:20] = k % 2
        write_image(tmp_path / "masks" / f"{k}.png", mask)
    folder = f"folder[root={tmp_path / 'images'},masks={tmp_path / 'masks'},mask_target=heart_mask]"
    radbench.run("gamma", "image-quality", folder, debug=True, out=tmp_path / "run")
    whole = RunImages.case

    def in_part(self, entry):
        # The first and the last case come without a mask.
        case = whole(self, entry)
        return replace(case, targets={}) if case.case_id[0] in "07" else case

    monkeypatch.setattr(RunImages, "case", in_part)
    mine = asked(enhancers=("original", "gamma"), design="detection", finding="heart_mask", cases=6)
    made = make_study(tmp_path / "run", mine, tmp_path / "study")
    told = {int(case.case_id[0]): case.positive for case in made.key.cases.values()}
    assert told == {1: True, 2: False, 3: True, 4: False, 5: True, 6: False}
    assert made.notes == ("the data set does not state heart_mask of 2 cases",)
    with pytest.raises(UnknownNameError, match=r"unknown finding of this data set 'nodule_mask'.*heart_mask"):
        make_study(tmp_path / "run", replace(mine, finding="nodule_mask"), tmp_path / "other")


REFUSED = {
    "too many cases": ({"cases": 17}, "--cases 17: the run has images of 16"),
    "an enhancer that did not run": (
        {"enhancers": ("original", "clahe,gamma")},
        "unknown enhancer of this run 'clahe'",
    ),
    "an enhancer that did not run, and one image without it": (
        {"enhancers": ("original", "nosuch")},
        "unknown enhancer of this run 'nosuch'",
    ),
    "an unknown design": ({"design": "guessing"}, "unknown design 'guessing'"),
    "one image to rank": ({"enhancers": ("original", "gamma")}, "a ranking needs 2 enhancers to be judged"),
    "no readers": ({"readers": 0}, "--readers must be 1 or more"),
    "a finding for a ranking": ({"finding": "lesion_mask"}, "--finding is for detection, not for ranking"),
    "a detection of nothing": ({"design": "detection"}, "detection needs --finding"),
    "ranks that do not suffice": ({"ties": False, "grades": 2, "reference": "none"}, "cannot have different ranks"),
    "too many grades": ({"design": "rating", "grades": 12}, "--grades must lie between 2 and 9"),
    "graded preferences": ({"design": "preference", "grades": 5}, "a preference has no grades"),
    "a reference beside a rating": (
        {"design": "rating", "reference": "original"},
        "--reference is shown beside a ranking",
    ),
    "tiny images": ({"size": 10}, "--size must be 64 or more"),
    "too many repeats": ({"repeats": 5}, "--repeats 5: there are 4 trials"),
    "another task": ({"task": "hnn"}, "unknown task 'hnn'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_made_is_said_and_nothing_written(run, tmp_path, name):
    different, words = REFUSED[name]
    with pytest.raises(UsageError, match=words):
        make_study(run, asked(**different), tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_study_is_never_overwritten(run, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "answers.csv").write_text("an hour's work")
    with pytest.raises(UsageError, match="holds something already: a study is never overwritten"):
        make_study(run, asked(), tmp_path / "study")
    assert (tmp_path / "study" / "answers.csv").read_text() == "an hour's work"


def test_a_page_that_no_browser_could_hold_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr("radbench.reader_study.making.LARGEST_PAGE", 10_000)
    with pytest.raises(UsageError, match=r"a reader's page would have \d+ MB.*--size 1024"):
        make_study(run, asked(), tmp_path / "study")


def test_what_is_no_run_is_refused(run, tmp_path):
    with pytest.raises(UsageError, match="is no run's folder"):
        make_study(tmp_path, asked(), tmp_path / "study")


def test_a_run_whose_plan_is_no_longer_that_of_its_table_is_refused(run, tmp_path, monkeypatch):
    changed = tmp_path / "changed"
    shutil.copytree(run, changed)
    from radbench.engine.keep.journal import RunFolder

    (last,) = RunFolder(changed).events("run")
    RunFolder(changed).record("run", **{k: v for k, v in last.items() if k not in ("event", "crc")} | {"plan": "other"})
    with pytest.raises(UsageError, match="have changed since, so that its images are no longer those of its table"):
        make_study(changed, asked(), tmp_path / "study")


def test_a_plugin_file_that_a_run_names_is_not_loaded_unless_it_is_named(tmp_path, monkeypatch):
    marker = tmp_path / "loaded"
    plugin = tmp_path / "sharper.py"
    plugin.write_text(
        "from radbench import EnhancerSpec, hookimpl\n"
        f"open({str(marker)!r}, 'a').write('x')\n"
        "@hookimpl\n"
        "def radbench_enhancers():\n"
        "    return [EnhancerSpec(name='sharper', factory='sharper:sharper', summary='Steeper')]\n"
        "def sharper(images):\n"
        "    return images**2\n"
    )
    radbench.run("sharper,gamma", "grabcut", limit=4, debug=True, out=tmp_path / "run", plugins=[plugin])
    marker.unlink()
    mine = asked(enhancers=("original", "sharper", "gamma"), cases=2)
    with pytest.raises(
        UsageError, match=r"used the plugin file '.*sharper\.py': name it with --plugin, if you trust it"
    ):
        make_study(tmp_path / "run", mine, tmp_path / "study")
    assert not marker.exists()
    made = make_study(tmp_path / "run", replace(mine, plugin_files=(str(plugin.resolve()),)), tmp_path / "study")
    assert made.key.enhancers == ("sharper", "gamma")


def test_what_of_the_run_is_left_out_is_said(run, tmp_path):
    from radbench.engine.keep.journal import RunFolder

    changed = tmp_path / "changed"
    shutil.copytree(run, changed)
    file = next(p for p in (changed / "cases").iterdir() if "unsharp" in p.name)
    text = file.read_text().splitlines()
    at = text[0].split(",").index("status")
    cells = text[1].split(",")
    cells[at] = "error"
    file.write_text("\n".join([text[0], ",".join(cells), *text[2:]]) + "\n")
    assert RunFolder(changed).read_cases(file.stem)[0]["status"] == "error"
    made = make_study(changed, asked(cases=15), tmp_path / "study")
    assert made.notes == ("1 case of the run did not go well with every enhancer",)
    assert text[1].split(",")[0] not in {case.case_id for case in made.key.cases.values()}


def test_the_command_says_where_all_lies_and_names_nothing_else(run, tmp_path, monkeypatch, capsys):
    words = ["bench", "reader-study", "make", str(run), "-e", "original,unsharp,gamma", "--cases", "3"]
    monkeypatch.setattr("sys.argv", [*words, "--readers", "1", "--out", str(tmp_path / "study")])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    said = capsys.readouterr().out
    key = read_key(tmp_path / "study")
    assert said.startswith(f"study {key.study}: 3 cases, 5 trials for each reader")
    assert str(tmp_path / "study" / "readers" / "reader-1.html") in said
    assert key.seed not in said
    assert sorted(p.name for p in (tmp_path / "study").iterdir()) == ["answers", "key", "readers"]
    page = Path(tmp_path / "study" / "readers" / "reader-1.html").read_text()
    assert all(case.case_id not in page for case in key.cases.values())
