"""Tables: the sheets of each analysis, beginning with the paper's table of ranks, and verdicts in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from radbench.reader_study.agreeing import Agreed
from radbench.reader_study.detection import Detection
from radbench.reader_study.key import Key
from radbench.reader_study.ordinal import Ordinal
from radbench.reader_study.preferences import Preferences
from radbench.reader_study.sheets import Sheet, interval, number, p_value, percent
from radbench.stats.agreement import Agreement
from radbench.stats.areas import FEWEST_FOR_P, FEWEST_OF_A_CLASS
from radbench.stats.both import Estimate

LEVEL = 0.05
"""What is called told apart: p, adjusted by Holm for all pairs, at most this."""


def sheets_of(analysis: Ordinal | Preferences | Detection, key: Key) -> Iterator[Sheet]:
    """Yield the tables of an analysis."""
    if isinstance(analysis, Ordinal):
        yield from _ordinal(analysis, key)
    elif isinstance(analysis, Preferences):
        yield from _preferences(analysis)
    else:
        yield from _detection(analysis, key)


def verdicts(analysis: Ordinal | Preferences | Detection, key: Key) -> Iterator[str]:
    """Yield in sentences what is decided and what is not."""
    if isinstance(analysis, Ordinal):
        lower = key.design.better == "lower"
        what = "rank" if lower else "grade"
        # By what was tested: the mean difference may point the other way.
        pairs = [(p.first, p.second, -p.signed_ranks if lower else p.signed_ranks, p.p_holm) for p in analysis.pairs]
        yield from _decided(pairs, f"by {what} (Wilcoxon's signed ranks, Holm)")
    elif isinstance(analysis, Preferences):
        last = analysis.pairs[-1].who
        of_all = [p for p in analysis.pairs if p.who == last]
        yield from _decided(
            [(p.first, p.second, float(p.test.for_first - p.test.for_second), p.p_holm) for p in of_all],
            f"by choice ({last}; sign test, Holm)",
        )
    else:
        chosen = [c for c in analysis.compared if c.who == "random readers"]
        one = [c for c in analysis.compared if c.who.startswith("Reader")] if not chosen else []
        for who in dict.fromkeys(c.who for c in chosen or one):
            pairs = [(c.first, c.second, c.value, c.p_holm) for c in chosen or one if c.who == who]
            yield from _decided(pairs, f"by area under the curve ({who}, Holm)")
        if analysis.no_joint:
            yield f"no analysis of all readers together: {analysis.no_joint}"


def _decided(pairs: Iterable[tuple[str, str, float, float]], how: str) -> Iterator[str]:
    told, open_, untested = [], [], []
    for first, second, value, p in pairs:
        if math.isnan(p):
            untested.append(f"{first} and {second}")
        elif p <= LEVEL and value != 0:
            told.append(f"{first} better than {second}" if value > 0 else f"{second} better than {first}")
        else:
            open_.append(f"{first} and {second}")
    if told:
        yield f"told apart {how}: {'; '.join(told)}"
    if open_:
        yield f"not told apart {how}: {'; '.join(open_)}"
    if untested:
        yield f"not tested, for too few patients say anything {how}: {'; '.join(untested)}"


def _ordinal(analysis: Ordinal, key: Key) -> Iterator[Sheet]:
    ranking = key.design.name == "ranking"
    what = "rank" if ranking else "grade"
    headings = [("", "Scores" if ranking else "Grades")]
    headings += [(block.who, name) for block in analysis.blocks for name in key.enhancers]
    rows = []
    for k, answer in enumerate(key.design.answers):
        label = key.design.labels[k] if not ranking else ""
        cells = [
            percent(block.counts[k][e], block.cases[e]) for block in analysis.blocks for e in range(len(key.enhancers))
        ]
        rows.append((f"{answer:g} {label}".strip(), *cells))
    rows.append((f"mean {what}", *(_estimate(m, "") for block in analysis.blocks for m in block.means)))
    rows.append(("95 % interval", *(_ends(m) for block in analysis.blocks for m in block.means)))
    rows.append(("images", *(str(n) for block in analysis.blocks for n in block.cases)))
    ties = " Equal ranks were allowed, so that a row need not sum to 100 %." if ranking and key.design.ties else ""
    yield Sheet(
        f"Readers' assessment: share of each {what}",
        tuple(headings),
        tuple(rows),
        (
            f"Share of the images of each enhancer that were given each {what}; "
            + ("1 is the best." if ranking else f"{key.design.grades} is the best.")
            + ties
            + " Intervals take patients as clusters; there is none below six patients, nor where values differ too "
            "rarely.",
        ),
        "reader-ranks",
    )
    tests = [(block.who, block.friedman) for block in analysis.blocks if block.who != "All"]
    if len(tests) > 1:
        tests.append(("All, mean over readers", analysis.overall))
    among = (
        f" Kendall's W of the readers' {what}s of one case, averaged over cases: {number(analysis.among_readers)}."
        if len(tests) > 1
        else ""
    )
    yield Sheet(
        "Do the enhancers differ? Friedman's test over patients",
        (("", "reader"), ("", "chi-squared"), ("", "df"), ("", "p"), ("", "Kendall's W"), ("", "patients")),
        tuple(
            (who, number(f.statistic), str(f.freedom), p_value(f.p_value), number(f.concordance), str(f.blocks))
            for who, f in tests
        ),
        (f"Corrected for ties; W is of the patients, 0 none, 1 all in the same order.{among}",),
        "reader-friedman",
    )
    yield Sheet(
        f"Pairs of enhancers by mean {what}",
        (("", "pair"), ("", "difference"), ("", "p (Wilcoxon)"), ("", "p (Holm)")),
        tuple(
            (f"{p.first} − {p.second}", _estimate(p.difference), p_value(p.p_value), p_value(p.p_holm))
            for p in analysis.pairs
        ),
        (
            "Each patient with the mean over readers and cases; "
            + ("below zero the first is ranked better." if ranking else "above zero the first is graded better."),
            *_two_ways("The test goes by the ranks of the patients' differences", _opposed(analysis)),
        ),
        "reader-pairs",
    )
    yield from _agreement([*analysis.inter, *analysis.intra])


def _agreement(found: Iterable[Agreed]) -> Iterator[Sheet]:
    rows = tuple(
        (
            one.who,
            str(one.plain.n),
            percent(round(one.plain.observed * one.plain.n), one.plain.n) if one.plain.n else "–",
            _kappa(one.plain),
            _kappa(one.weighted),
        )
        for one in found
    )
    if rows:
        yield Sheet(
            "Agreement",
            (("", "who"), ("", "images"), ("", "exactly"), ("", "kappa"), ("", "weighted kappa")),
            rows,
            ("Cohen's kappa, plain and with quadratic weights; intervals by a jackknife over patients.",),
            "reader-agreement",
        )


def _preferences(analysis: Preferences) -> Iterator[Sheet]:
    yield Sheet(
        "Preferences",
        (
            ("", "reader"),
            ("", "pair"),
            ("", "first"),
            ("", "neither"),
            ("", "second"),
            ("", "share for the first"),
            ("", "p (sign)"),
            ("", "p (Holm)"),
        ),
        tuple(
            (
                p.who,
                f"{p.first} / {p.second}",
                str(p.wins),
                str(p.ties),
                str(p.losses),
                _estimate(p.share),
                p_value(p.test.p_value),
                p_value(p.p_holm),
            )
            for p in analysis.pairs
        ),
        (
            "The share counts 'neither' half; the sign test is exact, over patients.",
            *_two_ways("The test goes by patients, the share by cases", _opposed(analysis)),
        ),
        "reader-preferences",
    )
    names = dict.fromkeys(name for p in analysis.pairs for name in (p.first, p.second))
    yield Sheet(
        "Abilities (Bradley and Terry)",
        (("", "enhancer"), ("", "ability")),
        tuple((name, number(a, 3)) for name, a in zip(names, analysis.abilities, strict=True)),
        (
            "Their sum is 1; one is preferred to another with the probability of its share of both. None where the "
            "enhancers fall into two groups and none of the one was ever preferred to any of the other, nor where so "
            "few choices join the groups that the likelihood's maximum is not found.",
        ),
        "reader-abilities",
    )
    yield Sheet(
        "Does a reader favour a side?",
        (("", "reader"), ("", "left image chosen"), ("", "p (sign)")),
        tuple((who, percent_of(share), p_value(test.p_value)) for who, share, test in analysis.left),
        ("Images stand at drawn sides: half is what no habit gives.",),
        "reader-sides",
    )
    both = [*analysis.inter, *analysis.intra]
    if both:
        yield Sheet(
            "Agreement",
            (("", "who"), ("", "choices"), ("", "exactly"), ("", "weighted kappa")),
            tuple((who, str(a.n), percent_of(a.observed), _kappa(a)) for who, a in both),
            ("Cohen's kappa, quadratic weights: one for the first and one for neither is half a disagreement.",),
            "reader-agreement",
        )


def _opposed(analysis: Ordinal | Preferences) -> list[str]:
    """Return the pairs whose tested statistic and printed mean point two ways."""
    if isinstance(analysis, Ordinal):
        told = [(p.first, p.second, p.signed_ranks * p.difference.value) for p in analysis.pairs]
    else:
        told = [
            (p.first, f"{p.second} ({p.who})", (p.test.for_first - p.test.for_second) * (p.share.value - 0.5))
            for p in analysis.pairs
            if p.share is not None
        ]
    return [f"{first} and {second}" for first, second, product in told if product < -1e-9]


def _two_ways(how: str, pairs: list[str]) -> list[str]:
    return (
        [f"{how}: they point two ways of {'; '.join(pairs)}, and what is told apart goes by the test."] if pairs else []
    )


def percent_of(share: float) -> str:
    """Return a share in percent, "–" where there is none."""
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


def _detection(analysis: Detection, key: Key) -> Iterator[Sheet]:
    readers = list(dict.fromkeys(a.reader for a in analysis.areas))
    by = {(a.reader, a.enhancer): a.estimate for a in analysis.areas}
    rows = [(reader, *(_estimate(by.get((reader, e)), digits=3) for e in key.enhancers)) for reader in readers]
    for model in (analysis.random, analysis.fixed):
        if model is not None:
            cells = [interval(m.value, m.low, m.high, 3) for m in model.means]
            rows.append((f"mean, {model.readers} readers", *cells))
    joint = (
        ""
        if analysis.random is None
        else f" All readers together: {analysis.joint_cases[0]} and {analysis.joint_cases[1]} cases."
    )
    yield Sheet(
        f"Detection of {key.design.finding}: area under the ROC curve",
        (("", "reader"), *(("", name) for name in key.enhancers)),
        tuple(rows),
        (
            f"{analysis.positives} cases with the finding, {analysis.negatives} without.{joint} Patients are clusters.",
            f"There is no interval below {FEWEST_OF_A_CLASS} patients of the rarer class, nor of a mean that does not "
            "vary.",
        ),
        "reader-areas",
    )
    for model in (analysis.random, analysis.fixed):
        if model is not None:
            yield Sheet(
                f"Are all enhancers equal? Obuchowski and Rockette, {model.readers} readers",
                (("", ""), ("", "F" if model.readers == "random" else "chi-squared"), ("", "df"), ("", "p")),
                (
                    (
                        "all enhancers",
                        number(model.statistic),
                        _freedom(model.numerator_freedom, model.freedom),
                        p_value(model.p_value),
                    ),
                ),
                (f"p is withheld below {FEWEST_FOR_P} patients of the rarer class; here are {analysis.joint_rarer}.",),
                f"reader-{model.readers}",
            )
    if analysis.compared:
        yield Sheet(
            "Pairs of enhancers by area",
            (("", "readers"), ("", "pair"), ("", "difference"), ("", "p"), ("", "p (Holm)")),
            tuple(
                (
                    c.who,
                    f"{c.first} − {c.second}",
                    interval(c.value, c.low, c.high, 3),
                    p_value(c.p_value),
                    p_value(c.p_holm),
                )
                for c in analysis.compared
            ),
            (
                f"One reader: DeLong, clustered. p is withheld below {FEWEST_FOR_P} patients of the rarer class, the "
                f"interval below {FEWEST_OF_A_CLASS}.",
            ),
            "reader-pairs",
        )
    yield from _agreement([*analysis.inter, *analysis.intra])


def _freedom(numerator: int, freedom: float) -> str:
    return f"{numerator}, {freedom:.1f}" if math.isfinite(freedom) else str(numerator)


def _estimate(estimate: Estimate | None, joined: str = "both", digits: int = 2) -> str:
    if estimate is None:
        return "–"
    return interval(estimate.value, estimate.low, estimate.high, digits) if joined else number(estimate.value, digits)


def _ends(estimate: Estimate | None) -> str:
    if estimate is None or math.isnan(estimate.low):
        return "–"
    return f"{number(estimate.low)}–{number(estimate.high)}"


def _kappa(agreement: Agreement) -> str:
    return interval(agreement.kappa, agreement.low, agreement.high)
