"""What answers say: the published table from its counts, SciPy's tests, made-up readers whose truth is known."""

from __future__ import annotations

import csv
import io
import json
import math
from itertools import combinations

import numpy as np
import pytest
import scipy.stats

from radbench.cli import main
from radbench.reader_study.results import FORMATS, analyse_study, joined_csv, render
from radbench.reader_study.sheets import in_latex
from radbench.stats import area_covariance, obuchowski_rockette, wilcoxon

from .made_study import ENHANCERS, made_folder, made_key, write_answers

PUBLISHED = {
    1: ((8.7, 34.8, 56.5), (17.4, 56.5, 26.1), (73.9, 8.7, 17.4)),
    2: ((32.4, 43.7, 53.5), (35.2, 42.3, 21.1), (32.4, 14.1, 25.4)),
}
"""Table I of Eidlin et al. in percent, by radiologist: rows scores 1 to 3, columns Fattal, Madmad and theirs. Those of
radiologist 1 are 23rds, and of radiologist 2 71sts; those of the second do not sum to 100 % along rows: ranks tie."""

COUNTS = {
    1: {"fattal": (2, 4, 17), "madmad": (8, 13, 2), "guided-unet": (13, 6, 4)},
    2: {"fattal": (23, 25, 23), "madmad": (31, 30, 10), "guided-unet": (38, 15, 18)},
}
"""The counts that these are the shares of."""


def ranks(counts):
    """Return each enhancer's rank of each case, with these counts."""
    return {name: [k + 1 for k, n in enumerate(of) for _ in range(n)] for name, of in counts.items()}


@pytest.fixture(scope="module")
def table_one(tmp_path_factory):
    key = made_key(cases=71)
    folder = made_folder(tmp_path_factory.mktemp("table") / "study", key, images=_grey(key))
    place = {name: k for k, name in enumerate(key.cases)}
    given = {reader: ranks(counts) for reader, counts in COUNTS.items()}
    # Radiologist 1 came as far as her 23rd trial; her cases are those that she was shown.
    first = {place[trial.case]: k for k, trial in enumerate(key.readers[1][:23])}
    write_answers(folder, key, 1, lambda c, e, again: given[1][e][first[c]], trials=23)
    write_answers(folder, key, 2, lambda c, e, again: given[2][e][c])
    return analyse_study(folder)


def _grey(key):
    tokens = [t for c in key.cases.values() for t in (*c.images.values(), c.reference) if t]
    return {name: np.full((8, 8), 0.5, dtype=np.float32) for name in tokens}


@pytest.mark.parametrize("reader", [1, 2])
def test_the_papers_table_comes_out_of_its_counts(table_one, reader):
    sheet = table_one.sheets[0]
    columns = [k for k, (who, _) in enumerate(sheet.headings) if who == f"Reader {reader}"]
    assert [sheet.headings[k][1] for k in columns] == list(ENHANCERS)
    for row, published in zip(sheet.rows, PUBLISHED[reader], strict=False):
        assert [row[k] for k in columns] == [f"{share} %" for share in published]


def test_the_shares_of_radiologist_1_are_of_23_images_and_of_no_71():
    def possible(share, n):
        return any(round(100 * k / n, 1) == share for k in range(n + 1))

    assert all(possible(share, 23) for row in PUBLISHED[1] for share in row)
    assert not all(possible(share, 71) for row in PUBLISHED[1] for share in row)
    assert all(possible(share, 71) for row in PUBLISHED[2] for share in row)


def test_a_reader_who_came_to_23_of_71_is_told_of(table_one):
    assert "reader 1: 23 of 71 trials answered; what is there counts" in table_one.summary


def made_values(readers=2, cases=20, seed=0, grades=3):
    draws = np.random.default_rng(seed)
    true = np.array([2.4, 1.8, 1.5])
    return np.clip(np.rint(true + draws.normal(0, 0.8, size=(readers, cases, 3))), 1, grades)


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
    key = made_key(cases=20, repeats=8)
    folder = made_folder(tmp_path_factory.mktemp("ranked") / "study", key, images=_grey(key))
    values = made_values()
    where = {name: k for k, name in enumerate(ENHANCERS)}
    for r in range(2):
        # What is shown again is judged one better, where there is better.
        write_answers(folder, key, r + 1, lambda c, e, again, r=r: max(1, values[r, c, where[e]] - again))
    return analyse_study(folder), values, folder


def test_friedmans_tests_are_scipys(ranked):
    results, values, _ = ranked
    blocks = results.analysis.blocks
    for r in range(2):
        expected = scipy.stats.friedmanchisquare(*values[r].T)
        assert blocks[r].friedman.statistic == pytest.approx(expected.statistic)
        assert blocks[r].friedman.p_value == pytest.approx(expected.pvalue)
    expected = scipy.stats.friedmanchisquare(*values.mean(axis=0).T)
    assert results.analysis.overall.p_value == pytest.approx(expected.pvalue)


def test_pairs_are_wilcoxons_tests_of_the_readers_mean_adjusted_by_holm(ranked):
    results, values, _ = ranked
    means = values.mean(axis=0)
    raw = []
    for pair, (a, b) in zip(results.analysis.pairs, combinations(range(3), 2), strict=True):
        assert (pair.first, pair.second) == (ENHANCERS[a], ENHANCERS[b])
        assert pair.difference.value == pytest.approx((means[:, a] - means[:, b]).mean())
        assert pair.p_value == pytest.approx(wilcoxon(means[:, a] - means[:, b]))
        raw.append(pair.p_value)
    order = np.argsort(raw)
    expected = np.maximum.accumulate(np.minimum(1, np.array(raw)[order] * np.array([3, 2, 1])))
    assert np.array([p.p_holm for p in results.analysis.pairs])[order] == pytest.approx(expected)


def test_readers_agree_as_scikit_learn_says(ranked):
    from sklearn.metrics import cohen_kappa_score

    results, values, _ = ranked
    (one,) = results.analysis.inter
    assert one.plain.kappa == pytest.approx(cohen_kappa_score(values[0].reshape(-1), values[1].reshape(-1)))
    expected = cohen_kappa_score(values[0].reshape(-1), values[1].reshape(-1), weights="quadratic")
    assert one.weighted.kappa == pytest.approx(expected)
    assert one.plain.n == 60


def test_a_readers_agreement_with_herself_is_of_the_repeats(ranked):
    from sklearn.metrics import cohen_kappa_score

    results, values, _ = ranked
    key = results.key
    place = {name: k for k, name in enumerate(key.cases)}
    for r, one in enumerate(results.analysis.intra):
        again = [place[t.case] for t in key.readers[r + 1] if t.repeats]
        first = values[r, again].reshape(-1)
        second = np.maximum(1, first - 1)
        assert one.plain.n == 24
        assert one.weighted.kappa == pytest.approx(
            cohen_kappa_score(first, second, weights="quadratic", labels=[1, 2, 3])
        )


def test_repeats_change_no_share_and_no_test(ranked):
    results, values, _ = ranked
    for r in range(2):
        for e in range(3):
            counted = tuple(int((values[r, :, e] == g).sum()) for g in (1, 2, 3))
            assert tuple(row[e] for row in results.analysis.blocks[r].counts) == counted


def test_the_w_of_readers_is_one_where_they_rank_alike(tmp_path):
    key = made_key(cases=7, readers=3)
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    for reader in (1, 2, 3):
        write_answers(folder, key, reader, lambda c, e, again: 1 + (c + ENHANCERS.index(e)) % 3)
    found = analyse_study(folder).analysis
    assert found.among_readers == pytest.approx(1.0)
    assert len(found.inter) == 3
    assert all(one.weighted.kappa == pytest.approx(1.0) for one in found.inter)


def test_cases_of_one_patient_count_as_one(tmp_path):
    key = made_key(cases=20, readers=1, patient=lambda k: f"patient {k // 2}")
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    values = made_values(1)
    write_answers(folder, key, 1, lambda c, e, again: values[0, c, ENHANCERS.index(e)])
    found = analyse_study(folder).analysis
    means = values[0].reshape(10, 2, 3).mean(axis=1)
    assert found.overall.statistic == pytest.approx(scipy.stats.friedmanchisquare(*means.T).statistic)
    assert found.overall.blocks == 10


def test_a_case_that_is_judged_in_part_is_left_out_of_the_tests_and_counted_in_the_shares(tmp_path):
    key = made_key("rating", cases=12, readers=1)
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    write_answers(folder, key, 1, lambda c, e, again: 1 + (c + ENHANCERS.index(e)) % 5, trials=30)
    found = analyse_study(folder).analysis
    assert sum(found.blocks[0].cases) == 30
    assert found.overall.blocks < 12


def one_of_many_cases(cases):
    """Return whose a case is: the first patient has all but twenty, and twenty others one each."""
    return lambda k: "patient 0" if k < cases - 20 else f"patient {k}"


@pytest.mark.parametrize("design", ["rating", "ranking"])
def test_what_is_better_goes_by_the_ranks_that_were_tested_and_not_by_the_mean(tmp_path, design):
    key = made_key(design, ENHANCERS[:2], cases=40, readers=1, patient=one_of_many_cases(40), grades=5)
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    # Twenty patients give the first one more, one patient of twenty cases gives it four less.
    said = {"fattal": (1, 4), "madmad": (5, 3)}
    write_answers(folder, key, 1, lambda c, e, again: said[e][c >= 20])
    results = analyse_study(folder)
    (pair,) = results.analysis.pairs
    assert pair.difference.value == pytest.approx(-1.5)
    # The ranks of twenty equal differences are 10.5 each, that of the largest is 21.
    assert pair.signed_ranks == pytest.approx(20 * 10.5 - 21)
    assert pair.p_holm == pytest.approx(scipy.stats.wilcoxon([1.0] * 20 + [-4.0], method="asymptotic").pvalue, abs=1e-3)
    better, worse = ("fattal", "madmad") if design == "rating" else ("madmad", "fattal")
    what = "grade" if design == "rating" else "rank"
    assert f"told apart by {what} (Wilcoxon's signed ranks, Holm): {better} better than {worse}" in results.summary
    (sheet,) = [s for s in results.sheets if s.label == "reader-pairs"]
    assert "they point two ways of fattal and madmad, and what is told apart goes by the test" in sheet.notes[-1]


def test_thirds_of_a_patient_that_cancel_out_are_no_difference(tmp_path):
    from radbench.reader_study.ordinal import signed_ranks

    key = made_key("rating", ENHANCERS[:2], cases=24, readers=3, patient=lambda k: f"patient {k // 3}")
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    # Readers' means of the three cases of a patient differ by 1/3, 1/3 and -2/3.
    first = ((3, 2, 2), (2, 3, 2), (2, 2, 2))
    second = ((2, 2, 2), (2, 2, 2), (3, 3, 2))
    for reader in range(3):
        write_answers(
            folder,
            key,
            reader + 1,
            lambda c, e, again, r=reader: (first if e == ENHANCERS[0] else second)[c % 3][r],
        )
    (pair,) = analyse_study(folder).analysis.pairs
    assert (pair.signed_ranks, pair.p_value) == (0.0, 1.0)
    assert signed_ranks(np.array([3.0, -1.0, 0.0, math.nan, -1.0])) == 3.0 - 1.5 - 1.5
    assert signed_ranks(np.array([math.nan])) == 0.0


def test_the_summary_counts_the_cases_that_were_answered_and_the_middle_time(tmp_path):
    key = made_key(cases=6, readers=1)
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    write_answers(folder, key, 1, lambda c, e, again: 1 + ENHANCERS.index(e), trials=2)
    file = next((folder / "answers").iterdir())
    from radbench.reader_study.answers import check_of

    lines = file.read_text().split()
    for k, milliseconds in ((range(1, 4), 1000), (range(4, 7), 4000)):
        for line in k:
            cells = lines[line].split(",")[:-1]
            cells[5] = str(milliseconds)
            lines[line] = ",".join([*cells, check_of(cells)])
    file.write_text("\n".join(lines))
    results = analyse_study(folder)
    assert "2 cases of 2 patients (of 6 in the study) of secret-data; median time 2.5 s" in results.summary[0]
    told = json.loads(render(results, "json"))
    assert (told["cases"], told["answered_cases"], told["answered_patients"]) == (6, 2, 2)


# preference -----------------------------------------------------------------------------------------------------------


def preferring(order, left_of=None):
    """Return what a reader says who prefers by an order of enhancers, best first."""
    return lambda pair: 2 if order.index(pair[0]) < order.index(pair[1]) else 0


@pytest.fixture(scope="module")
def preferred(tmp_path_factory):
    key = made_key("preference", cases=12, repeats=4)
    folder = made_folder(tmp_path_factory.mktemp("preferred") / "study", key, images=_grey(key))
    from radbench.reader_study.answers import COLUMNS, check_of

    place = {name: k for k, name in enumerate(key.cases)}
    said = {}
    for reader in (1, 2):
        lines = [",".join(COLUMNS)]
        for k, trial in enumerate(key.readers[reader]):
            a, b = sorted((key.image_of[image][1] for image in trial.images), key=ENHANCERS.index)
            draw = np.random.default_rng([reader, place[trial.case], ENHANCERS.index(a), ENHANCERS.index(b)]).random()
            sign = 1 if draw < 0.55 else 0 if draw < 0.7 else -1
            said[reader, place[trial.case], a, b] = sign
            for image in trial.images:
                value = 1 + sign if key.image_of[image][1] == a else 1 - sign
                cells = [key.study, str(reader), trial.token, image, str(value), "900", str(1_700_000_000 + k)]
                lines.append(",".join([*cells, check_of(cells)]))
        (folder / "answers" / f"{reader}.csv").write_text("\n".join(lines))
    return analyse_study(folder), said


def test_wins_ties_and_losses_are_those_that_were_said(preferred):
    results, said = preferred
    for pair in results.analysis.pairs:
        readers = (1, 2) if pair.who == "All" else (int(pair.who[-1]),)
        told = [said[r, c, pair.first, pair.second] for r in readers for c in range(12)]
        assert (pair.wins, pair.ties, pair.losses) == (told.count(1), told.count(0), told.count(-1))
        assert pair.share.value == pytest.approx(np.mean([(s + 1) / 2 for s in told]))
        if pair.who != "All" and pair.wins + pair.losses >= 6:
            assert pair.test.p_value == pytest.approx(scipy.stats.binomtest(pair.wins, pair.wins + pair.losses).pvalue)


def test_who_is_preferred_goes_by_the_patients_that_were_tested_and_not_by_the_cases(tmp_path):
    from radbench.reader_study.answers import COLUMNS, check_of

    key = made_key("preference", ENHANCERS[:2], cases=50, readers=1, patient=one_of_many_cases(50))
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    place = {name: k for k, name in enumerate(key.cases)}
    lines = [",".join(COLUMNS)]
    for trial in key.readers[1]:
        for image in trial.images:
            # Twenty patients choose the first, one patient of thirty cases the second.
            chosen = ENHANCERS[0] if place[trial.case] >= 30 else ENHANCERS[1]
            value = 2 if key.image_of[image][1] == chosen else 0
            cells = [key.study, "1", trial.token, image, str(value), "900", "1700000000"]
            lines.append(",".join([*cells, check_of(cells)]))
    (folder / "answers" / "1.csv").write_text("\n".join(lines))
    results = analyse_study(folder)
    (pair,) = results.analysis.pairs
    assert (pair.wins, pair.losses, pair.test.for_first, pair.test.for_second) == (20, 30, 20, 1)
    assert pair.p_holm == pytest.approx(scipy.stats.binomtest(20, 21).pvalue)
    assert "told apart by choice (Reader 1; sign test, Holm): fattal better than madmad" in results.summary
    (sheet,) = [s for s in results.sheets if s.label == "reader-preferences"]
    assert "they point two ways of fattal and madmad (Reader 1)" in sheet.notes[-1]
    assert "(of" not in results.summary[0]


def test_a_reader_who_answers_alike_agrees_with_herself_fully(preferred):
    results, _ = preferred
    assert [agreement.observed for _, agreement in results.analysis.intra] == [1.0, 1.0]


def test_the_side_is_told_of(preferred):
    results, _ = preferred
    for _, share, test in results.analysis.left:
        assert share == pytest.approx(test.for_first / (test.for_first + test.for_second))


# detection ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def detected(tmp_path_factory):
    key = made_key("detection", cases=60, readers=3, repeats=5)
    folder = made_folder(tmp_path_factory.mktemp("detected") / "study", key, images=_grey(key))
    draws = np.random.default_rng(4)
    positive = np.array([case.positive for case in key.cases.values()])
    signal = np.array([0.6, 1.2, 2.0])
    scores = draws.normal(size=(3, 60, 3)) + positive[None, :, None] * signal + draws.normal(size=(1, 60, 1))
    grades = np.digitize(scores, [-0.8, 0.2, 1.2, 2.2]) + 1.0
    for r in range(3):
        write_answers(folder, key, r + 1, lambda c, e, again, r=r: grades[r, c, ENHANCERS.index(e)])
    return analyse_study(folder), grades, positive


def test_areas_are_scikit_learns(detected):
    from sklearn.metrics import roc_auc_score

    results, grades, positive = detected
    assert len(results.analysis.areas) == 9
    for area in results.analysis.areas:
        column = grades[int(area.reader[-1]) - 1, :, ENHANCERS.index(area.enhancer)]
        assert area.estimate.value == pytest.approx(roc_auc_score(positive, column))


def test_all_readers_together_are_obuchowski_and_rockettes_analysis(detected):
    results, grades, positive = detected
    scores = np.stack([grades[r, :, e] for e in range(3) for r in range(3)])
    areas, covariance = area_covariance(positive.astype(float), scores)
    for which in ("random", "fixed"):
        expected = obuchowski_rockette(areas.reshape(3, 3), covariance, which)
        found = getattr(results.analysis, which)
        assert found.statistic == pytest.approx(expected.statistic)
        assert found.p_value == pytest.approx(expected.p_value)
    pairs = [c for c in results.analysis.compared if c.who == "random readers"]
    assert [(c.first, c.second) for c in pairs] == [*combinations(ENHANCERS, 2)]


@pytest.mark.parametrize("of_a_class", [2, 3, 9, 10])
def test_few_patients_have_neither_joint_p_nor_interval_as_areas_have_none(tmp_path, of_a_class):
    n = 2 * of_a_class
    key = made_key("detection", cases=n, readers=3)
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    draws = np.random.default_rng(1)
    positive = np.array([case.positive for case in key.cases.values()])
    scores = draws.normal(size=(3, n, 3)) + positive[None, :, None] * np.array([0.3, 1.0, 1.8])
    grades = np.digitize(scores, [-0.8, 0.2, 1.2, 2.2]) + 1.0
    for r in range(3):
        write_answers(folder, key, r + 1, lambda c, e, again, r=r: grades[r, c, ENHANCERS.index(e)])
    results = analyse_study(folder)
    found = results.analysis
    assert found.joint_rarer == of_a_class
    areas, covariance = area_covariance(
        positive.astype(float), np.stack([grades[r, :, e] for e in range(3) for r in range(3)])
    )
    for which in ("random", "fixed"):
        whole, mine = obuchowski_rockette(areas.reshape(3, 3), covariance, which), getattr(found, which)
        assert (mine.statistic, mine.freedom) == (pytest.approx(whole.statistic), pytest.approx(whole.freedom))
        assert mine.p_value == pytest.approx(whole.p_value if of_a_class >= 10 else math.nan, nan_ok=True)
        for kind, lowest in (("means", 0.0), ("differences", -1.0)):
            for one, expected in zip(getattr(mine, kind), getattr(whole, kind), strict=True):
                ends = max(lowest, expected.low), min(1.0, expected.high)
                if of_a_class < 3 or expected.standard_error == 0:
                    ends = math.nan, math.nan
                assert (one.low, one.high) == pytest.approx(ends, nan_ok=True)
                assert one.value == pytest.approx(expected.value)
        pairs = [c for c in found.compared if c.who == f"{which} readers"]
        assert [math.isnan(c.p_value) for c in pairs] == [of_a_class < 10] * 3
        assert [math.isnan(c.p_holm) for c in pairs] == [of_a_class < 10] * 3
        for c, d in zip(pairs, mine.differences, strict=True):
            assert (c.low, c.high) == pytest.approx((d.low, d.high), nan_ok=True)
        (sheet,) = [s for s in results.sheets if s.label == f"reader-{which}"]
        assert (sheet.rows[0][-1] == "–") == (of_a_class < 10)
        assert sheet.notes == (f"p is withheld below 10 patients of the rarer class; here are {of_a_class}.",)
    if of_a_class == 3:
        # The model alone would have gone beyond what an area can be.
        assert max(one.high for one in obuchowski_rockette(areas.reshape(3, 3), covariance).means) > 1.0
    if of_a_class < 10:
        assert any(line.startswith("not tested, for too few patients") for line in results.summary)


def test_readers_who_are_all_perfect_with_one_enhancer_have_no_interval_of_no_width(tmp_path):
    key = made_key("detection", cases=24, readers=2)
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    for reader in (1, 2):
        write_answers(
            folder,
            key,
            reader,
            lambda c, e, again, r=reader: 1 + 4 * (c % 2 == 0) if e == ENHANCERS[0] else 1 + (c * r + c // 5) % 5,
        )
    first = analyse_study(folder).analysis.random.means[0]
    assert first.value == 1.0
    assert math.isnan(first.low)
    assert math.isnan(first.high)


def test_a_detection_counts_the_cases_that_were_judged(tmp_path):
    key = made_key("detection", cases=30, readers=1)
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    write_answers(folder, key, 1, lambda c, e, again: 1 + c % 5, trials=7)
    judged = {trial.case for trial in key.readers[1][:7]}
    found = analyse_study(folder).analysis
    assert len(judged) == 7
    assert found.positives == sum(bool(key.cases[name].positive) for name in judged)
    assert found.negatives == 7 - found.positives


def test_one_reader_alone_has_areas_and_no_joint_analysis(tmp_path):
    key = made_key("detection", cases=30, readers=1)
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    write_answers(folder, key, 1, lambda c, e, again: 1 + (c + ENHANCERS.index(e)) % 5)
    results = analyse_study(folder)
    assert results.analysis.random is None
    assert "no analysis of all readers together: there is one reader" in results.summary


# what is printed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("design", ["ranked", "preferred", "detected", "table_one"])
def test_every_design_prints_in_every_format(request, design, format_):
    results = request.getfixturevalue(design)
    results = results[0] if isinstance(results, tuple) else results
    text = render(results, format_)
    assert "nan" not in text.lower().replace("nanmean", "")
    if format_ == "json":
        assert json.loads(text)["study"] == results.key.study
    else:
        assert all(name in text for name in ENHANCERS)
    if format_ == "latex":
        assert text.count(r"\begin{tabular}") == text.count(r"\bottomrule") == len(results.sheets)
        body = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        for line in body:
            assert "%" not in line.replace(r"\%", "")
            assert "[U+" not in line


def test_the_joined_file_says_who_is_whose_and_names_no_patient(ranked):
    results, values, _ = ranked
    rows = list(csv.DictReader(io.StringIO(joined_csv(results))))
    assert len(rows) == 2 * (20 + 8) * 3
    cases = {case.digest: k for k, case in enumerate(results.key.cases.values())}
    for row in rows:
        if not row["repeats"]:
            expected = values[int(row["reader"]) - 1, cases[row["case"]], ENHANCERS.index(row["enhancer"])]
            assert float(row["answer"]) == expected
    assert "secret" not in joined_csv(results)
    assert {row["patient"] for row in rows} == {str(k) for k in range(1, 21)}


def test_what_is_decided_is_said_in_words(ranked):
    results, _, _ = ranked
    said = " ".join(results.summary)
    for pair in results.analysis.pairs:
        if pair.p_holm <= 0.05:
            better = pair.first if pair.difference.value < 0 else pair.second
            worse = pair.second if better == pair.first else pair.first
            assert f"{better} better than {worse}" in said
        else:
            assert f"{pair.first} and {pair.second}" in said


def test_latex_keeps_the_blanks_round_a_sign():
    assert in_latex("a − b") == "a $-$ b"
    assert in_latex("[-1.2, -0.5] x-ray") == "[$-$1.2, $-$0.5] x-ray"
    assert in_latex("50 % of a_b") == r"50 \% of a\_b"


def test_too_few_patients_for_a_test_are_told_apart_from_no_difference(tmp_path):
    key = made_key(cases=5, readers=1)
    folder = made_folder(tmp_path / "study", key, images=_grey(key))
    write_answers(folder, key, 1, lambda c, e, again: 1 + ENHANCERS.index(e))
    said = [line for line in analyse_study(folder).summary if "told apart" in line or "not tested" in line]
    (line,) = said
    assert line.startswith("not tested, for too few patients say anything by rank (Wilcoxon's signed ranks, Holm)")


def test_the_command_prints_it_and_writes_the_joined_file(ranked, tmp_path, monkeypatch, capsys):
    _, _, folder = ranked
    joined = tmp_path / "all.csv"
    words = ["bench", "reader-study", "analyse", str(folder), "--format", "json", "--joined", str(joined)]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    told = json.loads(capsys.readouterr().out)
    assert told["design"]["name"] == "ranking"
    assert math.isclose(told["analysis"]["overall"]["freedom"], 2)
    assert joined.read_text().startswith("reader,trial,place")
