"""Raw scores become rows: values by hand, families by definition, and nobody climbs by failing."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from pandas.testing import assert_frame_equal
from sklearn.metrics import average_precision_score, roc_auc_score

from radbench.contracts import MetricSpec, NotComparableError, SchemaError, Status
from radbench.contracts.evidence import Prediction
from radbench.leaderboard.aggregate import PairResult, leaderboard_rows
from radbench.leaderboard.privacy import publishable
from radbench.stats import adjusted_p_values, areas, holm_over_families, wilcoxon
from radbench.stats.both import clustered_mean, paired_difference, standardised_difference
from radbench.stats.power import detectable_difference
from radbench.stats.precision import average_precision, average_precision_difference
from radbench.stats.proportions import proportion

DICE = MetricSpec("dice", "higher")
RMSE = MetricSpec("rmse", "lower")
AP = MetricSpec("ap", "higher", of="finding", aggregation="ap")
AUROC = MetricSpec("auroc", "higher", of="finding", aggregation="auroc")


def pair(enhancer: str, dice: Any = (), **changes: Any) -> PairResult:
    """A pair whose k-th case has the k-th score; None leaves the case out."""
    evidence = {f"c{k:03}": {"dice": s} for k, s in enumerate(dice) if s is not None}
    facts: dict[str, Any] = {
        "task": "grabcut",
        "dataset": "phantom-lesions",
        "split": "test",
        "profile": "quick",
        "seed": 0,
        "metrics": (DICE,),
        "evidence": evidence,
        "expected_cases": len(dice),
        "dataset_fingerprint": "ab" * 32,
        "task_digest": "cd" * 8,
        "device": "cpu",
        "precision": "float32",
        "radbench_version": "0.1.0",
        "created_utc": "2025-11-21T08:00:00Z",
    }
    return PairResult(enhancer=enhancer, **{**facts, **changes})


def lesions(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Groups whose k-th case has the k-th kind of lesion."""
    return {f"c{k:03}": {"lesion": name} for k, name in enumerate(names)}


def rows(*pairs: PairResult, replicates: int = 400) -> pd.DataFrame:
    return leaderboard_rows(pairs, replicates)


def one(frame: pd.DataFrame, enhancer: str, group: str = "all", metric: str = "dice") -> pd.Series:
    found = frame[(frame.enhancer == enhancer) & (frame.group == group) & (frame.metric == metric)]
    assert len(found) == 1
    return found.iloc[0]


def noise(n: int, seed: int, shift: float = 0.0) -> list[float]:
    return [float(x) for x in np.clip(np.random.default_rng(seed).normal(0.7 + shift, 0.1, n), 0, 1)]


def test_value_std_and_delta_are_those_computed_by_hand() -> None:
    frame = rows(pair("original", [0.2, 0.4, 0.6, 0.8]), pair("clahe", [0.4, 0.5, 0.6, 0.9]))
    clahe = one(frame, "clahe")
    assert clahe["value"] == pytest.approx(0.6, abs=1e-15)
    assert clahe["std"] == pytest.approx(math.sqrt((0.04 + 0.01 + 0 + 0.09) / 3), abs=1e-15)
    assert clahe["delta"] == pytest.approx((0.2 + 0.1 + 0.0 + 0.1) / 4, abs=1e-15)
    assert (clahe["n_cases"], clahe["n_patients"]) == (4, 4)
    # Three non-zero differences, all positive: Wilcoxon's exact two-sided p is 2 / 2^3. Four patients are too few.
    assert clahe["p_wilcoxon"] == pytest.approx(0.25)
    assert clahe[["p_value", "ci_low", "ci_high", "delta_ci_low", "delta_ci_high"]].isna().all()
    assert clahe["p_test"] == ""


def test_intervals_and_tests_are_those_of_radbench_stats() -> None:
    a, b = noise(60, 1), noise(60, 2, 0.05)
    patients = {f"c{k:03}": f"p{k // 2:02}" for k in range(60)}
    who = list(patients.values())
    frame = rows(pair("original", a, patients=patients), pair("wls", b, patients=patients))
    wls, mean, difference = one(frame, "wls"), clustered_mean(b, who), paired_difference(b, a, who)
    assert (wls["value"], wls["ci_low"], wls["ci_high"]) == (pytest.approx(mean.value, rel=1e-15), mean.low, mean.high)
    assert wls["delta"] == pytest.approx(difference.value, rel=1e-12)
    assert (wls["delta_ci_low"], wls["delta_ci_high"]) == (difference.low, difference.high)
    assert (wls["p_value"], wls["p_test"]) == (difference.p_value, "t and bootstrap-t over patients")
    assert wls["p_wilcoxon"] == wilcoxon(np.subtract(b, a), who)
    assert wls["effect_size"] == standardised_difference(b, a, who).value
    assert wls["detectable"] == detectable_difference(difference)
    assert (wls["n_cases"], wls["n_patients"]) == (60, 30)


def test_the_paired_test_is_scipys_where_every_case_is_a_patient() -> None:
    a, b = noise(30, 3), noise(30, 4, 0.04)
    expected = scipy.stats.wilcoxon(np.subtract(b, a)).pvalue
    assert one(rows(pair("original", a), pair("wls", b)), "wls")["p_wilcoxon"] == pytest.approx(expected, rel=1e-12)


def test_a_star_goes_with_the_interval_that_stands_beside_it() -> None:
    """Skewed differences, mostly small losses: Wilcoxon's test speaks of those, the mean of the few gains."""
    dice = np.random.default_rng(7)
    a = dice.uniform(0.3, 0.5, 40)
    b = a + np.where(np.arange(40) < 36, -0.01, 0.2) + dice.normal(0, 0.001, 40)
    row = one(rows(pair("original", a.tolist()), pair("wls", b.tolist())), "wls")
    assert row["delta"] > 0
    assert row["p_wilcoxon"] < 0.05
    assert row["p_value"] > 0.05
    assert row["delta_ci_low"] < 0 < row["delta_ci_high"]


def test_what_lacks_cases_has_a_difference_and_no_test() -> None:
    whole, part = noise(30, 1), noise(30, 2, 0.1)
    skipped = pair("wls", part)
    kept = {case: found for case, found in skipped.evidence.items() if case != "c003"}
    frame = rows(
        pair("original", whole), dataclasses.replace(skipped, evidence=kept, failures={"c003": "it returned NaN"})
    )
    row = one(frame, "wls")
    assert math.isfinite(row["delta_ci_low"])
    assert row[["p_value", "p_wilcoxon", "p_adjusted", "rank"]].isna().all()
    assert one(rows(pair("original", whole), pair("wls", part)), "wls")["p_value"] < 0.05


def test_shares_have_the_interval_of_korn_and_graubard() -> None:
    hits = [float(k % 10 > 0) for k in range(60)]
    patients = {f"c{k:03}": f"p{k // 2}" for k in range(60)}
    row, expected = one(rows(pair("he", hits, patients=patients)), "he"), proportion(hits, [*patients.values()])
    assert (row["ci_low"], row["ci_high"]) == (expected.low, expected.high)
    assert 0 < row["ci_low"] < 0.9 < row["ci_high"] < 1


def test_original_is_compared_with_nothing() -> None:
    original = one(rows(pair("original", noise(9, 1)), pair("he", noise(9, 2))), "original")
    assert original[["delta", "delta_ci_low", "delta_ci_high", "p_value", "p_adjusted"]].isna().all()
    assert original["rank"] in (1, 2)


def test_without_original_there_are_no_differences() -> None:
    frame = rows(pair("he", noise(9, 1)), pair("wls", noise(9, 2)))
    assert frame["delta"].isna().all()
    assert sorted(frame["rank"]) == [1, 2]


def test_the_primary_metric_is_judged_alone_and_the_others_together() -> None:
    """Enhancers by max-T on the same resamples, secondary metrics by Holm over that, each group by itself."""
    loss, gain = MetricSpec("rmse", "lower"), MetricSpec("ssim", "higher")

    def three(enhancer: str, seed: int, shift: float) -> PairResult:
        columns = noise(40, seed, shift), noise(40, seed + 50, -shift), noise(40, seed + 90, shift / 2)
        scores = {
            f"c{k:03}": dict(zip(("dice", "rmse", "ssim"), given, strict=True))
            for k, given in enumerate(zip(*columns, strict=True))
        }
        groups = lesions("bone" if k % 2 else "liver" for k in range(40))
        return pair(enhancer, metrics=(DICE, loss, gain), evidence=scores, groups=groups, expected_cases=40)

    given = [three("original", 1, 0), three("he", 2, 0.02), three("wls", 3, 0.05), three("clahe", 4, 0.08)]
    frame = rows(*given)
    for group in ("all", "lesion=bone", "lesion=liver"):
        cases = [k for k in range(40) if group == "all" or (k % 2 == 1) == (group == "lesion=bone")]
        names, families = ["clahe", "he", "wls"], {}
        for metric in ("dice", "rmse", "ssim"):
            scores = {p.enhancer: np.array([p.evidence[f"c{k:03}"][metric] for k in cases]) for p in given}
            families[metric] = adjusted_p_values(np.stack([scores[n] - scores["original"] for n in names])).adjusted
        expected = {"dice": families["dice"]}
        expected |= zip(("rmse", "ssim"), holm_over_families([families["rmse"], families["ssim"]]), strict=True)
        for metric, adjusted in expected.items():
            found = [one(frame, name, group, metric) for name in names]
            np.testing.assert_allclose([row["p_adjusted"] for row in found], adjusted, rtol=1e-9)
            which = (
                "3 comparisons of the primary metric" if metric == "dice" else "6 comparisons of 2 secondary metrics"
            )
            assert {row["family"] for row in found} == {which}


def test_ranks_follow_the_direction_and_ties_share_the_better_rank() -> None:
    def rmse(enhancer: str, values: list[float]) -> PairResult:
        return pair(enhancer, metrics=(RMSE,), evidence={f"c{k}": {"rmse": v} for k, v in enumerate(values)})

    frame = rows(rmse("original", [3, 3]), rmse("a", [1, 2]), rmse("b", [2, 1]), rmse("c", [1, 1]))
    ranks = dict(zip(frame["enhancer"], frame["rank"], strict=True))
    assert ranks == {"c": 1, "a": 2, "b": 2, "original": 4}
    assert (frame["rank_low"] <= frame["rank"]).all()
    assert (frame["rank"] <= frame["rank_high"]).all()


def test_an_enhancer_that_skips_a_hard_case_is_not_ranked() -> None:
    skipper = pair("skipper", [0.9, 0.9, None], failures={"c002": "out of memory"})
    frame = rows(pair("original", [0.8, 0.8, 0.1]), skipper, pair("wls", [0.8, 0.8, 0.2]))
    row = one(frame, "skipper")
    assert row["value"] == pytest.approx(0.9)
    assert math.isnan(row["rank"])
    assert row["error"] == "1 of 3 cases failed ('c002'): out of memory"
    assert row["status"] == "ok"
    assert (one(frame, "wls")["rank"], one(frame, "original")["rank"]) == (1, 2)


def test_a_score_that_is_no_number_counts_as_no_answer() -> None:
    frame = rows(pair("original", [0.5, 0.5, 0.5]), pair("wls", [0.9, math.nan, math.nan]))
    row = one(frame, "wls")
    assert (row["n_cases"], row["value"]) == (1, 0.9)
    assert math.isnan(row["rank"])
    assert row["error"] == "2 of 3 cases have no dice ('c001', 'c002')"


def test_an_infinite_score_is_an_answer() -> None:
    """The PSNR of an exact copy: the mean is infinite and ranked, and no difference to it is a number."""
    psnr = MetricSpec("psnr", "higher")

    def scored(enhancer: str, *values: float) -> PairResult:
        return pair(enhancer, metrics=(psnr,), evidence={f"c{k}": {"psnr": v} for k, v in enumerate(values)})

    some = [30.0 + k for k in range(8)]
    frame = rows(scored("original", *[math.inf] * 8), scored("he", *some), scored("wls", *some[:7], math.inf))
    for name, rank in (("original", 1), ("wls", 1), ("he", 3)):
        row = one(frame, name, metric="psnr")
        assert (row["n_cases"], row["rank"], row["status"], row["error"]) == (8, rank, "ok", "")
        assert math.isnan(row["delta"])
        assert math.isinf(row["value"]) == math.isnan(row["ci_low"]) == (name != "he")


def test_cases_that_give_nobody_an_answer_are_counted_in_words() -> None:
    frame = rows(pair("original", [0.5, math.nan, 0.7, math.nan]), pair("a", [0.6, math.nan, 0.8, math.nan]))
    for enhancer in ("original", "a"):
        row = one(frame, enhancer)
        assert (row["n_cases"], row["error"]) == (2, "2 of 4 cases have no dice ('c001', 'c003')")
        assert not math.isnan(row["rank"])


def test_the_difference_is_taken_on_common_cases() -> None:
    frame = rows(pair("original", [0.5, 0.5, None, 0.1]), pair("wls", [0.6, 0.7, 0.9, None]))
    assert one(frame, "wls")["delta"] == pytest.approx(0.15)


def test_a_case_that_nobody_could_read_costs_nobody_the_rank() -> None:
    bad = {"c002": "truncated file"}
    frame = rows(pair("original", [0.5, 0.6, None], failures=bad), pair("wls", [0.6, 0.7, None], failures=bad))
    assert sorted(frame["rank"]) == [1, 2]
    assert set(frame["error"]) == {"1 of 3 cases failed ('c002'): truncated file"}


def test_an_incomplete_group_leaves_the_other_groups_ranked() -> None:
    groups = lesions(["bone", "bone", "liver", "liver"])
    frame = rows(
        pair("original", [0.5, 0.6, 0.7, 0.8], groups=groups), pair("wls", [0.6, 0.7, 0.8, None], groups=groups)
    )
    assert one(frame, "wls", "lesion=bone")["rank"] == 1
    assert one(frame, "wls", "lesion=bone")["error"] == ""
    assert math.isnan(one(frame, "wls", "lesion=liver")["rank"])
    assert math.isnan(one(frame, "wls", "all")["rank"])
    assert one(frame, "wls", "lesion=liver")["error"] == "1 of 2 cases has no dice ('c003')"


def test_group_rows_hold_the_group_alone() -> None:
    groups = lesions(["bone", "liver", "bone"])
    frame = rows(pair("original", [0.2, 0.9, 0.4], groups=groups))
    assert one(frame, "original", "lesion=bone")["value"] == pytest.approx(0.3)
    assert one(frame, "original", "lesion=liver")["n_cases"] == 1
    assert list(frame["group"]) == ["all", "lesion=bone", "lesion=liver"]


def test_a_group_called_all_is_not_taken_for_the_whole() -> None:
    frame = rows(pair("original", [0.2, 0.4], groups=lesions(["all", "bone"])))
    assert list(frame["group"]) == ["all", "lesion=all", "lesion=bone"]


def test_a_failed_pair_keeps_one_row_per_metric() -> None:
    crashed = pair("he", metrics=(DICE, RMSE), status=Status.CRASHED, error="signal 9", expected_cases=3)
    unknown = pair("x", metrics=(), status=Status.NOT_APPLICABLE, error="needs a lung mask")
    frame = rows(pair("original", [0.5, 0.6, 0.7]), crashed, unknown)
    he, x = frame[frame.enhancer == "he"], frame[frame.enhancer == "x"]
    assert list(he["metric"]) == ["dice", "rmse"]
    assert set(he["status"]) == {"crashed"}
    assert he["value"].isna().all()
    assert (x["metric"].item(), x["status"].item(), x["error"].item()) == ("", "not-applicable", "needs a lung mask")


def test_a_pair_that_scored_nothing_is_no_success() -> None:
    frame = rows(pair("original", [0.5, 0.6]), pair("he", [None, None], failures={"c000": "bad", "c001": "bad"}))
    he = one(frame, "he")
    assert (he["status"], he["error"]) == ("error", "2 of 2 cases failed ('c000', 'c001'): bad")


def test_failed_cases_are_counted_and_the_first_named() -> None:
    frame = rows(pair("original", [0.5] * 40), pair("he", [0.5] * 20 + [None] * 20))
    named = ", ".join(f"'c{k:03}'" for k in range(20, 25))
    assert one(frame, "he")["error"] == f"20 of 40 cases have no dice ({named} and 15 more)"


def test_no_row_that_is_published_names_a_path_a_file_a_case_or_a_patient() -> None:
    def failing(enhancer: str, why: str, **changes: Any) -> PairResult:
        patients, digests = {f"c{k:03}": f"Doe^Jane {k}" for k in range(3)}, {"c002": "5ca1ab1e00000000"}
        return pair(enhancer, [0.5, 0.6, None], failures={"c002": why}, patients=patients, digests=digests, **changes)

    pairs = [
        pair("original", [0.5, 0.6, 0.7]),
        failing("a", "case 'c002': '/home/jane/films/c002.png' is cut short"),
        failing("b", "'IM0001' of Doe^Jane 2 has dice, task 'grabcut', 17 frames; see ../jane/x y.dcm"),
        failing("c", "", lacking="2 cases that unet learns from failed: t07: no lung", private=("t07",)),
        pair(
            "d", status=Status.ERROR, error="OSError: [Errno 2] No such file or directory: '/data/d o e/x'", private=()
        ),
        pair(
            "e", status=Status.ERROR, error="RuntimeError: cannot open weights/net (net_pt), scans", private=("scans",)
        ),
    ]
    frame = publishable(rows(*pairs), pairs)
    errors = dict(zip(frame["enhancer"], frame["error"], strict=True))
    assert errors == {
        "original": "",
        "a": "1 of 3 cases failed (5ca1ab1e): case '…': '…' is cut short",
        "b": "1 of 3 cases failed (5ca1ab1e): '…' of … has dice, task 'grabcut', 17 frames; see …",
        "c": "2 cases that unet learns from failed: …: no lung; 1 of 3 cases failed (5ca1ab1e)",
        "d": "OSError: [Errno 2] No such file or directory: '…'",
        "e": "RuntimeError: cannot open weights/net (net_pt), …",
    }


def test_one_patient_has_a_value_and_no_interval() -> None:
    patients = {"c000": "p", "c001": "p"}
    row = one(rows(pair("original", [0.2, 0.4], patients=patients)), "original")
    assert row["value"] == pytest.approx(0.3)
    assert math.isnan(row["ci_low"])
    assert row["n_patients"] == 1


def test_the_order_of_pairs_and_cases_changes_nothing() -> None:
    groups = lesions(f"g{k % 3}" for k in range(30))
    pairs = [pair(e, noise(30, s), groups=groups, seed=seed) for s, e in enumerate("bca") for seed in (1, 0)]
    pairs += [pair("original", noise(30, 9), groups=groups, seed=seed) for seed in (0, 1)]
    expected = rows(*pairs)
    assert list(dict.fromkeys(expected["enhancer"])) == ["original", "a", "b", "c"]
    shuffler = random.Random(5)
    for _ in range(3):
        shuffler.shuffle(pairs)
        turned = [dataclasses.replace(p, evidence=dict(reversed(list(p.evidence.items())))) for p in pairs]
        assert_frame_equal(rows(*turned), expected, check_exact=True)


def test_adding_an_enhancer_leaves_the_others_values_and_intervals() -> None:
    few = [pair("original", noise(30, 1)), pair("wls", noise(30, 2))]
    alone, joined = one(rows(*few), "wls"), one(rows(*few, pair("he", noise(30, 3))), "wls")
    columns = ["value", "std", "ci_low", "ci_high", "delta", "delta_ci_low", "delta_ci_high", "p_value"]
    assert alone[columns].tolist() == joined[columns].tolist()


def test_sets_on_other_data_are_aggregated_apart_and_clashing_labels_refused() -> None:
    a, b = pair("original", [0.5, 0.6]), pair("original", [0.9, 0.9], dataset="folder[root=x]")
    assert list(rows(a, b)["rank"]) == [1, 1]
    with pytest.raises(NotComparableError, match="dataset_fingerprint"):
        rows(a, dataclasses.replace(a, dataset_fingerprint="ff"))
    with pytest.raises(SchemaError, match="occurs twice"):
        rows(a, a)


def test_no_pairs_make_an_empty_leaderboard() -> None:
    assert len(rows()) == 0


def test_a_file_name_that_is_no_text_is_shown_escaped() -> None:
    assert "\\udcff" in rows(pair("he", status=Status.ERROR, error="bad file \udcff.png"))["error"].item()


def curves(enhancer: str, labels: Any, scores: Any, **changes: Any) -> PairResult:
    evidence = {
        f"c{k:03}": {"finding": Prediction(float(y), float(s))}
        for k, (y, s) in enumerate(zip(labels, scores, strict=True))
        if s is not None
    }
    return pair(enhancer, metrics=(AP, AUROC), evidence=evidence, **changes)


RNG = np.random.default_rng(8)
LABELS = (RNG.random(80) < 0.3).astype(int)
BASE = (LABELS * 0.5 + RNG.random(80)).round(2)
BETTER = (LABELS * 0.9 + RNG.random(80)).round(2)
WHO = {f"c{k:03}": f"p{k // 2:02}" for k in range(80)}


def test_ap_and_auroc_are_scikit_learns_and_their_intervals_and_tests_those_of_radbench_stats() -> None:
    frame = rows(curves("original", LABELS, BASE, patients=WHO), curves("wls", LABELS, BETTER, patients=WHO))
    ap, auroc = one(frame, "wls", metric="ap"), one(frame, "wls", metric="auroc")
    assert ap["value"] == pytest.approx(average_precision_score(LABELS, BETTER), abs=1e-12)
    assert auroc["value"] == pytest.approx(roc_auc_score(LABELS, BETTER), abs=1e-12)
    who = list(WHO.values())
    alone = {"ap": average_precision(LABELS, BETTER, who, replicates=400), "auroc": areas.auroc(LABELS, BETTER, who)}
    paired = {
        "ap": average_precision_difference(LABELS, BETTER, BASE, who, replicates=400),
        "auroc": areas.auroc_difference(LABELS, BETTER, BASE, who),
    }
    for name, row in (("ap", ap), ("auroc", auroc)):
        assert (row["ci_low"], row["ci_high"]) == (pytest.approx(alone[name].low), pytest.approx(alone[name].high))
        assert row["delta"] == pytest.approx(paired[name].value, abs=1e-12)
        assert row["delta_ci_low"] == pytest.approx(paired[name].low, abs=1e-12)
        assert row["p_value"] == pytest.approx(paired[name].p_value)
    assert (ap["p_test"], auroc["p_test"]) == ("t with the bootstrap's error", "DeLong over patients")
    assert (frame["n_cases"] == 80).all()
    # One comparison of each metric: the primary one and the only secondary one.
    np.testing.assert_array_equal(frame["p_adjusted"], frame["p_value"])


def test_a_perfect_separation_of_few_positives_is_not_certain_and_has_no_p() -> None:
    labels = np.array([1] * 6 + [0] * 40)
    frame = rows(curves("original", labels, labels * 0.5), curves("wls", labels, 1.0 - labels))
    row = one(frame, "original", metric="auroc")
    assert (row["value"], row["ci_high"], row["n_positive"]) == (1.0, 1.0, 6)
    assert row["ci_low"] == pytest.approx(0.025 ** (1 / 6))
    assert math.isnan(one(frame, "wls", metric="auroc")["p_value"])


def test_curves_on_different_cases_are_compared_on_common_ones_and_not_ranked() -> None:
    holed = [None if k in (3, 4, 50) else s for k, s in enumerate(BETTER)]
    frame = rows(curves("original", LABELS, BASE), curves("wls", LABELS, holed))
    common = np.array([s is not None for s in holed])
    row = one(frame, "wls", metric="ap")
    expected = average_precision_score(LABELS[common], BETTER[common]) - average_precision_score(
        LABELS[common], BASE[common]
    )
    assert row["delta"] == pytest.approx(expected, abs=1e-12)
    assert math.isnan(row["rank"])
    assert row["error"] == "3 of 80 cases have no ap ('c003', 'c004', 'c050')"


def test_one_class_has_no_curve_and_says_so() -> None:
    frame = rows(curves("original", [0, 0, 0], [0.1, 0.2, 0.3]))
    assert frame["value"].isna().all()
    assert set(frame["error"]) == {"needs cases of both classes"}


def test_labels_that_differ_between_enhancers_are_named() -> None:
    frame = rows(curves("original", [0, 1, 0], [0.1, 0.2, 0.3]), curves("wls", [1, 1, 0], [0.1, 0.2, 0.3]))
    assert set(frame["error"]) == {"labels must be 0 or 1, and the same for every enhancer"}
