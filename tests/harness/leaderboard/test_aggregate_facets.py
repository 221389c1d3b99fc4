"""Facets, references, incomplete lessons and a task's own aggregations: what the rows of a table then hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.metrics import roc_auc_score

from radbench.contracts import MetricSpec, NotComparableError, Status
from radbench.contracts.evidence import Features, Prediction
from radbench.leaderboard.aggregate import PairResult
from radbench.stats import holm, mean_replicates, percentile_interval, wilcoxon
from radbench.stats.aggregations import FeatureSets, Numbers
from radbench.stats.both import clustered_mean, paired_difference

from .made_pairs import DICE, FINDINGS, LABELS, SCORES, N, cad, dice, noise, one, pair, rows


def test_each_facet_has_a_row_and_the_whole_is_their_mean() -> None:
    frame = rows(cad("original"), cad("he"), cad("wls"))
    assert list(frame[frame["enhancer"] == "he"]["facet"]) == ["", "mass", "nodule"] * 2
    by_hand = {f: roc_auc_score(LABELS[f], SCORES["wls"][f]) for f in FINDINGS}
    for facet, expected in by_hand.items():
        row = one(frame, "wls", metric="auroc", facet=facet)
        assert row["value"] == pytest.approx(expected, abs=1e-12)
        assert (row["n_positive"], row["aggregation"]) == (LABELS[facet].sum(), "auroc")
    whole = one(frame, "wls", metric="auroc")
    assert whole["value"] == pytest.approx(np.mean(list(by_hand.values())), abs=1e-12)
    assert whole["aggregation"] == "auroc, mean over facets"
    assert whole["n_positive"] == ((LABELS["mass"] + LABELS["nodule"]) > 0).sum()
    base = [roc_auc_score(LABELS[f], SCORES["original"][f]) for f in FINDINGS]
    assert whole["delta"] == pytest.approx(whole["value"] - np.mean(base), abs=1e-12)
    assert (whole["reference"], whole["p_test"]) == ("original", "t with the bootstrap's error")


def test_a_row_of_one_facet_is_that_of_the_facet_scored_alone() -> None:
    numbers = [
        *("value", "std", "ci_low", "ci_high", "delta", "delta_ci_low", "delta_ci_high", "p_value", "rank", "rank_low"),
        *("n_cases", "n_patients", "n_positive"),
    ]
    both, alone = rows(cad("original"), cad("he")), rows(cad("original", "", ["mass"]), cad("he", "", ["mass"]))
    for metric in ("ap", "auroc"):
        ours, theirs = one(both, "he", metric=metric, facet="mass"), one(alone, "he", metric=metric, facet="mass")
        assert ours[numbers].tolist() == theirs[numbers].tolist()


def test_facets_are_resampled_together() -> None:
    # The second facet mirrors the first: whatever patients are drawn, their mean is one half.
    values = noise(1)
    evidence = {f"c{k:02}": {"s": {"a": float(v), "b": float(1 - v)}} for k, v in enumerate(values)}
    row = one(rows(pair("original", evidence, MetricSpec("s", "higher", over_facets="mean"))), "original")
    assert row["value"] == pytest.approx(0.5)
    assert not row["ci_high"] - row["ci_low"] > 1e-12
    assert row["rank_low"] == row["rank_high"] == 1
    assert row["std"] < 1e-12


def test_the_mean_over_facets_of_numbers_is_tested_on_the_cases_means() -> None:
    def angles(enhancer: str, seed: int, shift: float) -> PairResult:
        values = np.random.default_rng(seed).normal(shift, 1, (N, 3))
        evidence = {
            f"c{k:02}": {"s": dict(zip(("-10", "0", "10"), map(float, v), strict=True))} for k, v in enumerate(values)
        }
        return pair(enhancer, evidence, MetricSpec("s", "lower", over_facets="mean"))

    a, b = (np.random.default_rng(seed).normal(shift, 1, (N, 3)) for seed, shift in ((1, 0), (2, 0.4)))
    frame = rows(angles("original", 1, 0), angles("he", 2, 0.4), replicates=400)
    row = one(frame, "he")
    assert row["p_wilcoxon"] == pytest.approx(wilcoxon((b - a).mean(axis=1)), rel=1e-9)
    assert row["p_value"] == pytest.approx(paired_difference(b.mean(axis=1), a.mean(axis=1)).p_value, abs=5e-4)
    assert row["std"] == pytest.approx(np.std(b.mean(axis=1), ddof=1))
    expected = clustered_mean(b.mean(axis=1))
    assert (row["value"], row["ci_low"]) == (pytest.approx(expected.value), pytest.approx(expected.low))
    assert list(frame[frame["enhancer"] == "he"]["facet"]) == ["", "-10", "0", "10"]


def test_without_a_rule_facets_have_no_whole_unless_the_task_gives_one() -> None:
    def layers(whole: bool) -> PairResult:
        given = {"lung": 0.5, "bone": 0.7} | ({"": 0.2} if whole else {})
        return pair("original", {f"c{k}": {"dice": given} for k in range(3)}, DICE)

    assert list(rows(layers(False))["facet"]) == ["bone", "lung"]
    frame = rows(layers(True))
    assert list(frame["facet"]) == ["", "bone", "lung"]
    assert one(frame, "original")["value"] == pytest.approx(0.2)


def test_a_bare_nan_takes_its_case_out_and_nothing_else() -> None:
    whole, holed = cad("original"), cad("he")
    holed.evidence["c03"]["findings"] = math.nan  # type: ignore[index]
    frame = rows(whole, holed, cad("wls"))
    assert one(frame, "wls", metric="auroc")["value"] == one(rows(cad("wls")), "wls", metric="auroc")["value"]
    known = np.arange(N) != 3
    for facet in FINDINGS:
        row = one(frame, "he", metric="auroc", facet=facet)
        assert row["value"] == pytest.approx(roc_auc_score(LABELS[facet][known], SCORES["he"][facet][known]))
        assert row["n_cases"] == N - 1
        assert row["error"].startswith(f"1 of {N} cases has no auroc ('c03')")
    # It names no facet, so there is none of the whole where no metric makes one of the facets.
    apart = cad("original", "")
    apart.evidence["c03"]["findings"] = math.nan  # type: ignore[index]
    assert set(rows(apart)["facet"]) == set(FINDINGS)


def test_a_facet_that_an_enhancer_does_not_give_is_said_and_leaves_its_whole_unranked() -> None:
    frame = rows(cad("original"), cad("he", findings=["mass"]), cad("wls"))
    assert one(frame, "he", metric="ap", facet="nodule")["error"] == "it gives nothing for 'nodule'"
    whole = one(frame, "he", metric="ap")
    assert whole["value"] == one(frame, "he", metric="ap", facet="mass")["value"]
    assert whole["delta"] == pytest.approx(one(frame, "he", metric="ap", facet="mass")["delta"], abs=1e-12)
    assert math.isnan(whole["rank"])
    assert whole["error"] == "not ranked: it has no value for 'nodule'"
    assert one(frame, "he", metric="ap", facet="mass")["rank"] > 0
    assert sorted(frame[(frame["metric"] == "ap") & (frame["facet"] == "")]["rank"].dropna()) == [1, 2]


def test_each_facet_is_judged_by_itself_and_its_primary_metric_alone() -> None:
    frame = rows(cad("original"), cad("he"), cad("wls"))
    tested = frame["p_value"].notna()
    for facet in ("", *FINDINGS):
        for metric, family in (("auroc", "the primary metric"), ("ap", "1 secondary metric")):
            table = frame[tested & (frame["facet"] == facet) & (frame["metric"] == metric)]
            assert len(table) == 2
            np.testing.assert_allclose(table["p_adjusted"], holm(table["p_value"]), rtol=1e-12)
            assert set(table["family"]) == {f"2 comparisons of {family}"}
    assert (frame.loc[~tested, "family"] == "").all()


def test_what_lacks_a_facet_is_not_tested() -> None:
    frame = rows(cad("original"), cad("wls"), cad("he", findings=["mass"]))
    row = one(frame, "he", metric="auroc")
    assert math.isfinite(row["delta"])
    assert row[["p_value", "p_adjusted", "rank"]].isna().all()
    assert one(frame, "wls", metric="auroc")["family"] == "1 comparison of the primary metric"


def test_several_places_of_a_case_count_as_one_case() -> None:
    labels, scores = [[0, 1], [0, 0, 1], [1], [0]], [[0.1, 0.9], [0.3, 0.2, 0.4], [0.35], [0.6]]
    evidence = {f"c{k}": {"auroc": Prediction(y, s)} for k, (y, s) in enumerate(zip(labels, scores, strict=True))}
    row = one(rows(pair("original", evidence, MetricSpec("auroc", "higher", aggregation="auroc"))), "original")
    assert row["value"] == pytest.approx(roc_auc_score(np.concatenate(labels), np.concatenate(scores)))
    assert (row["n_cases"], row["n_positive"]) == (4, 3)


def test_an_enhancer_that_skips_a_place_is_not_ranked() -> None:
    spec = MetricSpec("auroc", "higher", aggregation="auroc")

    def places(enhancer: str, hole: float) -> PairResult:
        evidence = {f"c{k}": {"auroc": Prediction([0, 1], [0.1 * k, 0.5])} for k in range(5)}
        return pair(enhancer, {**evidence, "c5": {"auroc": Prediction([0, 1], [hole, 0.5])}}, spec)

    row = one(rows(places("original", 0.3), places("he", math.nan)), "he")
    assert (row["n_cases"], row["error"]) == (6, "1 of 6 cases has no auroc ('c5')")
    assert math.isnan(row["rank"])


def test_labels_that_are_not_stated_leave_cases_out_for_everyone() -> None:
    spec = MetricSpec("ap", "higher", aggregation="ap")
    labels = [math.nan, *LABELS["mass"][1:]]
    evidence = {f"c{k:02}": {"ap": Prediction(y, SCORES["he"]["mass"][k])} for k, y in enumerate(labels)}
    row = one(rows(pair("original", evidence, spec)), "original")
    assert (row["n_cases"], row["error"], row["rank"]) == (N - 1, "", 1)


def test_differences_are_taken_to_the_enhancer_that_the_task_names() -> None:
    pairs = [dice(e, noise(k), baseline="lung-unet") for k, e in enumerate(("bone-unet", "lung-unet", "original"))]
    frame = rows(*pairs)
    assert list(frame["enhancer"]) == ["lung-unet", "original", "bone-unet"]
    assert one(frame, "bone-unet")["delta"] == pytest.approx((noise(0) - noise(1)).mean())
    assert set(frame["reference"]) == {"", "lung-unet"}
    assert math.isnan(one(frame, "lung-unet")["delta"])
    without = rows(pairs[0], pairs[2])
    assert without["delta"].isna().all()
    assert set(without["reference"]) == {""}


def test_what_stands_on_weights_that_lack_lessons_is_neither_tested_nor_ranked() -> None:
    lacking = dice("unet", noise(2, 0.3), lacking="3 of 50 cases gave no lesson")
    row = one(frame := rows(dice("original", noise(1)), lacking, dice("he", noise(3))), "unet")
    assert row["value"] == pytest.approx(noise(2, 0.3).mean())
    assert row["delta"] == pytest.approx((noise(2, 0.3) - noise(1)).mean())
    assert row[["p_value", "p_wilcoxon", "p_adjusted", "rank", "rank_low"]].isna().all()
    assert (row["error"], row["p_test"], row["status"]) == ("3 of 50 cases gave no lesson", "", "ok")
    assert sorted(frame["rank"].dropna()) == [1, 2]
    assert one(frame, "he")["p_adjusted"] == one(frame, "he")["p_value"]


def test_a_reference_that_lacks_lessons_tests_nobody() -> None:
    frame = rows(dice("original", noise(1), lacking="1 case gave no lesson"), dice("he", noise(3)))
    row = one(frame, "he")
    assert math.isnan(row["p_value"])
    assert row["error"] == "not tested, because of 'original': 1 case gave no lesson"
    assert row["rank"] == 1


def test_a_pair_that_never_knew_its_cases_stands_in_the_table_of_those_that_did() -> None:
    failed = dice("he", [], status=Status.NOT_APPLICABLE, error="needs a layer", cases_digest="")
    other = dice("original", noise(1), task="another")
    frame = rows(dice("original", noise(1)), failed, other)
    assert list(frame["enhancer"]) == ["original", "original", "he"]


@pytest.mark.parametrize("name", ["enhancer_digest", "cases_digest", "truth", "given", "limit"])
def test_one_label_with_two_meanings_is_refused(name: str) -> None:
    with pytest.raises(NotComparableError, match=f"another {name}"):
        rows(dice("unet", noise(1), seed=0), dice("unet", noise(2), seed=1, **{name: 7 if name == "limit" else "x"}))


def test_groups_of_several_names_overlap() -> None:
    groups = {f"c{k:02}": {"sex": "f" if k % 2 else "m", "view": "pa" if k < 10 else ""} for k in range(N)}
    frame = rows(dice("original", noise(1), groups=groups))
    assert list(frame["group"]) == ["all", "sex=f", "sex=m", "view=pa"]
    assert list(frame["n_cases"]) == [N, N // 2, N // 2, 10]
    assert one(frame, "original", group="view=pa")["value"] == pytest.approx(noise(1)[:10].mean())


def test_the_first_metric_decides_unless_another_says_so() -> None:
    evidence = {f"c{k}": {"a": 1.0, "b": 2.0} for k in range(3)}
    first = rows(pair("original", evidence, MetricSpec("a", "higher"), MetricSpec("b", "higher")))
    named = rows(pair("original", evidence, MetricSpec("a", "higher"), MetricSpec("b", "higher", primary=True)))
    assert first["primary"].tolist() == ["true", "false"]
    assert named["primary"].tolist() == ["false", "true"]


# A task's own aggregations, by import string.

HERE = __name__


def trimmed_mean(evidence: Numbers, share: float = 0.1) -> float:
    return float(scipy.stats.trim_mean(evidence.values[evidence.answered], share))


class Frechet:
    """The squared distance of the means of two sets of vectors, on few resamples."""

    takes = FeatureSets
    replicates = 20

    def value(self, evidence: FeatureSets) -> float:
        return float(((evidence.values.mean(axis=0) - evidence.references.mean(axis=0)) ** 2).sum())


def raises(evidence: Numbers) -> float:
    raise RuntimeError("no such luck")


def text(evidence: Numbers) -> Any:
    return "much"


class Wild:
    def value(self, evidence: Numbers) -> float:
        return 0.5

    def interval(self, *_: Any) -> tuple[float, float]:
        return 0.6, 0.7


class Nothing:
    pass


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    # pytest imports this module under a name of its own.
    import sys

    monkeypatch.setitem(sys.modules, "own_aggregations", sys.modules[HERE])


def own(attribute: str, *parameters: tuple[str, float]) -> MetricSpec:
    return MetricSpec("own", "higher", of="dice", aggregation=f"own_aggregations:{attribute}", parameters=parameters)


def with_own(attribute: str, *parameters: tuple[str, float]) -> pd.DataFrame:
    values = {"original": noise(1), "he": noise(2, 0.2), "wls": noise(3, 0.1)}
    spec = own(attribute, *parameters)
    return rows(
        *(pair(e, {f"c{k:02}": {"dice": float(s)} for k, s in enumerate(v)}, DICE, spec) for e, v in values.items())
    )


def test_a_function_of_the_evidence_is_an_aggregation() -> None:
    frame = with_own("trimmed_mean", ("share", 0.2))
    row = one(frame, "he", metric="own")
    expected = scipy.stats.trim_mean(noise(2, 0.2), 0.2)
    assert row["value"] == pytest.approx(expected)
    assert row["delta"] == pytest.approx(expected - scipy.stats.trim_mean(noise(1), 0.2))
    assert row["ci_low"] < row["value"] < row["ci_high"]
    assert row["std"] == pytest.approx(noise(2).std() / math.sqrt(N), rel=0.4)
    assert (row["aggregation"], row["p_test"]) == ("own_aggregations:trimmed_mean[share=0.2]", "paired bootstrap")
    assert (row["p_value"], row["rank"]) == (pytest.approx(1 / 301), 1)


def test_a_trimmed_mean_that_trims_nothing_has_the_means_values_and_bootstrap_intervals() -> None:
    frame = with_own("trimmed_mean", ("share", 0.0))
    columns = ["value", "delta", "rank_low", "rank_high"]
    for enhancer in ("original", "he", "wls"):
        ours, theirs = one(frame, enhancer, metric="own"), one(frame, enhancer, metric="dice")
        np.testing.assert_allclose(ours[columns].astype(float), theirs[columns].astype(float), rtol=1e-12)
    drawn = mean_replicates([noise(2, 0.2), noise(2, 0.2) - noise(1)], None, 300)
    expected = [end for one in drawn for end in percentile_interval(one, N)]
    row = one(frame, "he", metric="own")[["ci_low", "ci_high", "delta_ci_low", "delta_ci_high"]].astype(float)
    np.testing.assert_allclose(row, expected, rtol=1e-12)


def test_features_are_aggregated_with_as_many_resamples_as_the_aggregation_says() -> None:
    rng = np.random.default_rng(5)
    reference = rng.normal(size=(N, 2, 3))

    def features(enhancer: str, shift: float) -> PairResult:
        value = np.random.default_rng(6).normal(size=(N, 4, 3)) + shift
        evidence = {f"c{k:02}": {"f": Features(value[k], reference[k])} for k in range(N)}  # type: ignore[arg-type]
        return pair(enhancer, evidence, MetricSpec("fd", "lower", of="f", aggregation="own_aggregations:Frechet"))

    frame = rows(features("original", 1.0), features("he", 0.5), replicates=5000)
    value = np.random.default_rng(6).normal(size=(N, 4, 3)) + 0.5
    expected = ((value.reshape(-1, 3).mean(axis=0) - reference.reshape(-1, 3).mean(axis=0)) ** 2).sum()
    row = one(frame, "he")
    assert row["value"] == pytest.approx(expected)
    assert row["p_value"] == pytest.approx(1 / 21)
    assert (row["rank"], row["n_cases"]) == (1, N)
    assert row["n_positive"] is pd.NA


@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        ("raises", "aggregation 'own_aggregations:raises' raised RuntimeError: no such luck"),
        ("text", "must give a number, got str"),
        ("Wild", "gave the interval [0.6, 0.7] around 0.5"),
        ("Nothing", "offers no value(evidence)"),
        ("missing", "cannot be had: AttributeError"),
        ("Frechet", "takes features, and 'dice' was observed as numbers"),
    ],
)
def test_an_aggregation_that_is_wrong_says_so_in_its_rows_and_spoils_no_others(attribute: str, says: str) -> None:
    frame = with_own(attribute)
    broken = frame[frame["metric"] == "own"]
    assert broken["value"].isna().all()
    assert all(says in error for error in broken["error"])
    assert (broken["n_cases"] == N).all()
    assert frame[frame["metric"] == "dice"]["value"].notna().all()
    assert (frame[frame["metric"] == "dice"]["error"] == "").all()


def test_a_misspelt_aggregation_and_a_parameter_too_many_are_said() -> None:
    evidence = {"c0": {"dice": 0.5}}
    misspelt = rows(pair("original", evidence, MetricSpec("dice", "higher", aggregation="meen")))
    assert "unknown aggregation 'meen': did you mean 'mean'?" in misspelt["error"].item()
    extra = rows(pair("original", evidence, MetricSpec("dice", "higher", parameters=(("trim", 0.1),))))
    assert extra["error"].item() == "aggregation 'mean' takes no parameter 'trim'"
    unknown = with_own("trimmed_mean", ("shares", 0.2))
    assert "unexpected keyword argument 'shares'" in one(unknown, "he", metric="own")["error"]


def test_evidence_of_another_kind_than_the_aggregation_takes_is_said() -> None:
    mixed = {"c0": {"dice": 0.5}, "c1": {"dice": Prediction(1, 0.5)}}
    frame = rows(pair("original", mixed, DICE))
    assert "observed as numbers and as predictions" in frame["error"].item()
    ap = rows(pair("original", {"c0": {"dice": 0.5}}, MetricSpec("dice", "higher", aggregation="ap")))
    assert ap["error"].item() == "aggregation 'ap' takes predictions, and 'dice' was observed as numbers"
