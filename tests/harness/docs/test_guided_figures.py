"""The figures on the guided U-Net: what they are drawn from, and where a star stands."""

import numpy as np
import pytest
from PIL import Image

from radbench.leaderboard.pairs import PairResult

MAKER = "make_guided_figures"
SET = "region[of=folder[root=…/chests],around=spine]"


def pair(enhancer, scores, patients=None):
    """Return a pair whose BRISQUE is given by case; LPC-SI and noise gain follow from it."""
    evidence = {
        f"c{k:02d}": {"brisque": value, "lpc_si": {"": value / 100}, "noise_gain": 1.0 + value}
        for k, value in enumerate(scores)
    }
    return PairResult(
        "image-quality", SET, "test", enhancer, "quick", None, evidence=evidence, patients=dict(patients or {})
    )


def place(maker, **scores):
    return maker.Place(
        SET, "quick", {name.replace("_", "-"): pair(name.replace("_", "-"), s) for name, s in scores.items()}
    )


def test_patients_count_once_each_with_the_mean_of_their_cases(maker):
    patients = {"c00": "p", "c02": "p", "c01": "q"}
    found = maker.Place(SET, "quick", {"original": pair("original", [1.0, 5.0, 4.0], patients)})
    assert sorted(found.scores("brisque")["original"]) == [2.5, 5.0]
    assert sorted(found.scores("lpc_si")["original"]) == pytest.approx([0.025, 0.05])


def test_a_star_is_where_all_patients_say_the_same(maker):
    ours = np.random.default_rng(0).normal(20, 5, 20)
    noise = np.resize([1.0, -1.0], 20) * np.linspace(1, 2, 20)
    scores = {"original": ours + 3, "fattal": ours + noise, "guided-unet": ours}
    assert maker.stars(scores, [*scores]) == {"original": True, "fattal": False}


def test_stars_are_corrected_for_the_comparisons_of_a_figure(maker):
    # Six patients of one sign: p = 2 / 64, which stands alone and not among two.
    ours, more = np.zeros(6), np.arange(1.0, 7.0)
    assert maker.stars({"original": more, "guided-unet": ours}, ["original", "guided-unet"]) == {"original": True}
    scores = {"original": more, "fattal": -more, "guided-unet": ours}
    assert maker.stars(scores, [*scores]) == {"original": False, "fattal": False}


def test_boxes_of_whoever_was_scored_are_drawn_and_who_lacks_is_named(maker, tmp_path, capsys):
    drawn = maker.boxes(place(maker, original=range(8), fattal=range(3, 11), guided_unet=range(1, 9)), tmp_path)
    assert drawn.name == "guided-boxes-folder-chests.png"
    # Methods and preprocessing have boxes to compare; of losses and rounds ours alone is there.
    assert np.asarray(Image.open(drawn).convert("L")).std() > 10
    assert "without guided-unet[boundary_loss=l2], " in capsys.readouterr().out
    assert maker.boxes(place(maker, fattal=range(8)), tmp_path) is None


def test_the_published_table_has_what_boxes_are_drawn_of(maker):
    for found in maker.places(maker.PUBLISHED):
        for metric in maker.METRICS:
            scores = found.scores(metric)
            assert {len(values) for values in scores.values()} == {len(scores["original"])}
            assert np.isfinite(scores["original"]).all()


def test_cases_are_the_first_or_those_that_are_named(maker, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for k, name in enumerate("abc"):
        Image.fromarray(np.full((20, 20), 40 * k, dtype=np.uint8)).save(folder / f"{name}.png")
    dataset = f'folder[root="{folder}"]'
    assert [case.case_id for case in maker.cases_of(dataset, ["2"], "quick")] == ["a", "b"]
    assert [case.case_id for case in maker.cases_of(dataset, ["c", "a"], "quick")] == ["c", "a"]
    with pytest.raises(SystemExit, match="has no test case d: there is a, b, c"):
        maker.cases_of(dataset, ["d"], "quick")


def test_spines_stand_in_a_row_a_case_and_a_column_an_enhancer(maker, tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray((rng.random((64, 32)) * 255).astype(np.uint8)).save(folder / "a.png")
    cases = maker.cases_of(f'folder[root="{folder}"]', ["1"], "quick")
    to = tmp_path / "out" / "spines.jpg"
    maker.spines(cases, {"original": "original", "blur[radius=0.2]": "blurred"}, "quick", "float32", to)
    drawn = np.asarray(Image.open(to).convert("L")).astype(float)
    left, right = np.array_split(drawn[40:-10], 2, axis=1)
    middle = (slice(20, -20), slice(40, -40))
    assert left[middle].std() > 3 * right[middle].std()
