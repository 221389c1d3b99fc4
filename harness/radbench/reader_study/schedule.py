"""Schedule: which cases, in which order, at which places, with which repeats: all that is drawn, from the seed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from radbench.contracts.errors import UsageError

REPEAT_SHARE = 0.1
"""Share of the trials that are shown again where nobody says how many [assumed]."""

LEAST_APART = 10
"""Trials between a trial and its repeat, where there are so many: nobody should remember the answer [assumed]."""


@dataclass(frozen=True)
class Trial:
    """One screen that is answered.

    Attributes:
        token: names it; drawn, and says nothing.
        case: token of its case.
        images: tokens of the images, in the order that they are shown in.
        part: of the study, from 0; readers rest between parts.
        repeats: token of the trial that it repeats, "" for none.
    """

    token: str
    case: str
    images: tuple[str, ...]
    part: int = 0
    repeats: str = ""


def drawing(seed: str, *about: object) -> random.Random:
    """Return a source of draws for one purpose: what is drawn for one never moves what is drawn for another."""
    text = "\x1f".join([seed, *map(str, about)])
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))


def token(draws: random.Random, kind: str) -> str:
    """Return a name that says nothing; a letter first, so that no spreadsheet takes it for a number."""
    return f"{kind}{draws.getrandbits(48):012x}"


def choose_cases(
    patients: Mapping[str, str], count: int, seed: str, positive: Mapping[str, bool] | None = None
) -> list[str]:
    """Return the ids of the cases that are read, in a drawn order: of different patients as far as there are.

    Args:
        patients: patient id of each case id.
        count: how many; of a detection, half of them with the finding.
        seed: of the draw.
        positive: whether each case has the finding, where one is to be detected.

    Raises:
        UsageError: there are fewer.
    """
    if count < 1:
        raise UsageError(f"--cases must be 1 or more, got {count}")
    if positive is None:
        if count > len(patients):
            raise UsageError(f"--cases {count}: the run has images of {len(patients)} by every enhancer")
        return _drawn(patients, count, seed, "cases")
    with_it = {c: p for c, p in patients.items() if positive[c]}
    without = {c: p for c, p in patients.items() if not positive[c]}
    halves = count - count // 2, count // 2
    for there, wanted, what in ((with_it, halves[0], "with"), (without, halves[1], "without")):
        if wanted > len(there):
            raise UsageError(
                f"--cases {count} takes {wanted} cases {what} the finding, and the run has {len(there)}: ask for at "
                f"most {2 * min(len(with_it), len(without))}"
            )
    found = _drawn(with_it, halves[0], seed, "positive") + _drawn(without, halves[1], seed, "negative")
    drawing(seed, "mixed").shuffle(found)
    return found


def _drawn(patients: Mapping[str, str], count: int, seed: str, about: str) -> list[str]:
    draws = drawing(seed, about)
    by_patient: dict[str, list[str]] = {}
    for case in sorted(patients):
        by_patient.setdefault(patients[case], []).append(case)
    for cases in by_patient.values():
        draws.shuffle(cases)
    order = sorted(by_patient)
    draws.shuffle(order)
    # The first of every patient, then the second of those that have one, and so on.
    rounds = max(map(len, by_patient.values()))
    return [by_patient[p][k] for k in range(rounds) for p in order if k < len(by_patient[p])][:count]


def trials_of(design: str, cases: Mapping[str, Sequence[str]], repeats: int, seed: str, reader: int) -> list[Trial]:
    """Return a reader's trials in order.

    Ranking: one per case with all images, at drawn places. Preference: one per case and pair. Rating and detection: one
    per image; a case is seen once in each of as many parts as there are images of it, and by the cyclic Latin square
    each part has all enhancers equally often, the reader's number turning the square.

    Args:
        design: its name.
        cases: by token of the case, the tokens of its judged images, in the order of the enhancers.
        repeats: how many trials are shown again.
        seed: of the draws.
        reader: number of the reader, from 1.

    Raises:
        UsageError: more repeats than trials.
    """
    draws = drawing(seed, "trials", reader)
    order = list(cases)
    draws.shuffle(order)
    shown: list[tuple[int, str, list[str]]] = []
    if design == "ranking":
        shown = [(0, case, [*cases[case]]) for case in order]
    elif design == "preference":
        shown = [(0, case, [*pair]) for case in order for pair in combinations(cases[case], 2)]
        draws.shuffle(shown)
    else:
        parts = max(map(len, cases.values()))
        for part in range(parts):
            of_part = [(part, case, [cases[case][(k + part + reader - 1) % parts]]) for k, case in enumerate(order)]
            draws.shuffle(of_part)
            shown += of_part
    found = []
    for part, case, images in shown:
        draws.shuffle(images)
        found.append(Trial(token(draws, "t"), case, tuple(images), part))
    if design == "preference":
        found = _spread(found)
    return _with_repeats(found, repeats, draws)


def _spread(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials with no two of one case in a row, as far as there are others."""
    left: list[Trial] = [*trials]
    found: list[Trial] = []
    while left:
        last = found[-1].case if found else ""
        k = next((k for k, trial in enumerate(left) if trial.case != last), 0)
        found.append(left.pop(k))
    return found


def _with_repeats(trials: list[Trial], count: int, draws: random.Random) -> list[Trial]:
    if not 0 <= count <= len(trials):
        raise UsageError(f"--repeats {count}: there are {len(trials)} trials to show again")
    apart = min(LEAST_APART, len(trials) // 2)
    # Those that come early enough for their repeat to be well apart from them, others only where these run out.
    early = [t for k, t in enumerate(trials) if k + apart <= len(trials)]
    late = [t for t in trials if t not in early]
    draws.shuffle(early)
    draws.shuffle(late)
    found = [*trials]
    for first in (early + late)[:count]:
        images = [*first.images]
        draws.shuffle(images)
        at = found.index(first)
        place = draws.randint(min(at + 1 + apart, len(found)), len(found))
        part = found[place - 1].part
        again = Trial(token(draws, "t"), first.case, tuple(images), part, first.token)
        found.insert(place, again)
    return _in_parts(found)


def _in_parts(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials whose parts never go back."""
    most, found = 0, []
    for trial in trials:
        most = max(most, trial.part)
        found.append(replace(trial, part=most))
    return found


def usual_repeats(trials: int) -> int:
    """Return how many trials are shown again where nobody says: a tenth, and two at least."""
    return min(trials, max(2, round(REPEAT_SHARE * trials)))
