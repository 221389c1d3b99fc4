"""Judged: answers without their blinding, as tables of readers, cases and enhancers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radbench.reader_study.answers import Answers
from radbench.reader_study.key import Key

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """What readers said of each image.

    Attributes:
        key: of the study.
        readers: their numbers, those with answers.
        cases: tokens, in the key's order.
        patients: of the cases.
        values: float64 ``[R,C,E]``, what each reader said of each case by each enhancer when it was first shown; NaN
            where it was not answered. Of a preference it is empty.
        repeated: (reader's place, case's place, enhancer's place, first, second) of what was shown again.
        chosen: of a preference, (reader's place, case's place, first enhancer, second enhancer, +1 for the first, 0, or
            -1, whether the first stood at the left, whether it is a repeat).
        seconds: by reader's place, of each trial.
    """

    key: Key
    readers: tuple[int, ...]
    cases: tuple[str, ...]
    patients: tuple[str, ...]
    values: Array
    repeated: tuple[tuple[int, int, int, float, float], ...]
    chosen: tuple[tuple[int, int, int, int, int, bool, bool], ...]
    seconds: tuple[tuple[float, ...], ...]

    @property
    def enhancers(self) -> tuple[str, ...]:
        """Labels of the judged ones."""
        return self.key.enhancers

    @property
    def answered(self) -> tuple[int, ...]:
        """Places of the cases that a reader said something of."""
        seen = np.asarray((~np.isnan(self.values)).any(axis=(0, 2)))
        seen[[case for _, case, *_ in self.chosen]] = True
        return tuple(int(case) for case in np.flatnonzero(seen))


def unblind(key: Key, answers: Answers) -> Judged:
    """Join answers with the key."""
    readers, cases = tuple(answers.by_reader), tuple(key.cases)
    place_of = {name: i for i, name in enumerate(cases)}
    enhancer_of = {name: i for i, name in enumerate(key.enhancers)}
    values = np.full((len(readers), len(cases), len(key.enhancers)), np.nan)
    preference = key.design.name == "preference"
    repeated, chosen = [], []
    for r, reader in enumerate(readers):
        mine = answers.by_reader[reader]
        for trial in key.readers[reader]:
            answer = mine.get(trial.token)
            if answer is None:
                continue
            case = place_of[trial.case]
            said = {enhancer_of[key.image_of[image][1]]: answer.grades[image] for image in trial.images}
            if preference:
                (a, b), left = sorted(said), enhancer_of[key.image_of[trial.images[0]][1]]
                chosen.append((r, case, a, b, int(np.sign(said[a] - said[b])), left == a, bool(trial.repeats)))
            elif not trial.repeats:
                for e, value in said.items():
                    values[r, case, e] = value
            elif trial.repeats in mine:
                first = mine[trial.repeats].grades
                before = {enhancer_of[key.image_of[image][1]]: grade for image, grade in first.items()}
                repeated += [(r, case, e, before[e], value) for e, value in said.items()]
    return Judged(
        key=key,
        readers=readers,
        cases=cases,
        patients=tuple(key.cases[c].patient_id for c in cases),
        values=values,
        repeated=tuple(repeated),
        chosen=tuple(chosen),
        seconds=tuple(tuple(a.seconds for a in answers.by_reader[reader].values()) for reader in readers),
    )
