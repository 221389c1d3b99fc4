"""Results: the analysis of a study in tables, in a few sentences, and as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from radbench.contracts.errors import UnknownNameError
from radbench.contracts.printable import to_cell
from radbench.engine.keep.texts import counted
from radbench.reader_study.answers import Answers, read_answers
from radbench.reader_study.detection import Detection, analyse_detection
from radbench.reader_study.judged import Judged, unblind
from radbench.reader_study.key import Key, read_key
from radbench.reader_study.making import ANSWERS
from radbench.reader_study.ordinal import Ordinal, analyse_ordinal
from radbench.reader_study.preferences import Preferences, analyse_preferences
from radbench.reader_study.sheets import Sheet, as_latex, as_markdown, as_text
from radbench.reader_study.tables import sheets_of, verdicts

FORMATS = ("table", "markdown", "latex", "json")

Analysis = Ordinal | Preferences | Detection


@dataclass(frozen=True)
class Results:
    """What a study says.

    Attributes:
        key: of it.
        answers: as they were read.
        judged: without blinding.
        analysis: by the design.
    """

    key: Key
    answers: Answers
    judged: Judged
    analysis: Analysis

    @property
    def summary(self) -> tuple[str, ...]:
        """What was read by whom, in sentences, and what follows."""
        judged, key = self.judged, self.key
        middle = statistics.median(s for own in judged.seconds for s in own)
        answered = len(judged.answered)
        cases = f"{counted(answered, 'case')} of {counted(self._patients_answered, 'patient')}"
        if answered < len(judged.cases):
            cases += f" (of {len(judged.cases)} in the study)"
        return (
            f"{key.design.name} of {', '.join(key.enhancers)} by {counted(len(judged.readers), 'reader')}, {cases} of "
            f"{key.dataset}; median time {middle:.1f} s",
            *verdicts(self.analysis, key),
            *self.answers.notes,
        )

    @property
    def _patients_answered(self) -> int:
        return len({self.judged.patients[case] for case in self.judged.answered})

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """Its tables."""
        return tuple(sheets_of(self.analysis, self.key))


def analyse_study(folder: Path, files: Sequence[Path] = (), leave_out_damaged: bool = False) -> Results:
    """Analyse a study.

    Args:
        folder: of the study.
        files: of answers, or folders of them, beside those in the study's ``answers/``.
        leave_out_damaged: see :func:`radbench.reader_study.answers.read_answers`.

    Raises:
        UsageError: there is no key, or there are no answers.
        AnswersError: a file of answers is damaged or belongs to another study.
    """
    key = read_key(folder)
    own = folder / ANSWERS
    there = [own] if own.is_dir() and (not files or any(own.iterdir())) else []
    answers = read_answers(key, [*there, *files], leave_out_damaged)
    judged = unblind(key, answers)
    analyses: dict[str, Callable[[Judged], Analysis]] = {
        "ranking": analyse_ordinal,
        "rating": analyse_ordinal,
        "preference": analyse_preferences,
        "detection": analyse_detection,
    }
    return Results(key, answers, judged, analyses[key.design.name](judged))


def render(results: Results, format_: str) -> str:
    """Return results as text.

    Raises:
        UnknownNameError: another format than :data:`FORMATS`.
    """
    if format_ not in FORMATS:
        raise UnknownNameError("format", format_, FORMATS)
    if format_ == "json":
        return as_json(results)
    if format_ == "latex":
        return as_latex(results.sheets)
    if format_ == "markdown":
        return "\n".join(f"- {line}" for line in results.summary) + "\n\n" + as_markdown(results.sheets)
    return "\n".join(results.summary) + "\n\n" + as_text(results.sheets)


def as_json(results: Results) -> str:
    """Return the analysis as JSON: every number that the tables show and more, null where there is none."""
    key = results.key
    return (
        json.dumps(
            {
                "study": key.study,
                "design": _plain(key.design),
                "enhancers": list(key.enhancers),
                "identities": dict(key.identities),
                "reference": key.reference,
                "dataset": key.dataset,
                "dataset_fingerprint": key.fingerprint,
                "radbench_version": key.radbench,
                "readers": list(results.judged.readers),
                "cases": len(results.judged.cases),
                "patients": len(set(results.judged.patients)),
                "answered_cases": len(results.judged.answered),
                "answered_patients": results._patients_answered,
                "notes": list(results.answers.notes),
                "summary": list(results.summary),
                "analysis": _plain(results.analysis),
            },
            indent=1,
            allow_nan=False,
        )
        + "\n"
    )


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _plain(getattr(value, f.name))
            for f in fields(value)
            if f.name not in ("rule", "seeds_variance", "n_seeds")
        }
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def joined_csv(results: Results) -> str:
    """Return all answers without their blinding, a line per image: cases by digest, patients by running number."""
    key = results.key
    patients = {p: n for n, p in enumerate(dict.fromkeys(c.patient_id for c in key.cases.values()), 1)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "reader",
            "trial",
            "place",
            "repeats",
            "case",
            "patient",
            "positive",
            "enhancer",
            "answer",
            "seconds",
            "answered_unix",
        ]
    )
    for reader, own in results.answers.by_reader.items():
        for place, trial in enumerate(key.readers[reader], 1):
            answer = own.get(trial.token)
            for image in trial.images if answer else ():
                assert answer is not None
                case = key.cases[trial.case]
                positive = "" if case.positive is None else int(case.positive)
                writer.writerow(
                    [
                        reader,
                        trial.token,
                        place,
                        trial.repeats,
                        case.digest,
                        patients[case.patient_id],
                        positive,
                        to_cell(key.image_of[image][1]),
                        f"{answer.grades[image]:g}",
                        f"{answer.seconds:.3f}",
                        answer.answered,
                    ]
                )
    return text.getvalue()
