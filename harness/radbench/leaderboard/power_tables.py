"""Tables of power: what comparisons can show, as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence

from radbench.leaderboard.columns import ALL
from radbench.leaderboard.power import Foreseen, comparing_to
from radbench.leaderboard.table import Cell, Heading, Table, harmless
from radbench.leaderboard.tabulate import decimals

NOTHING = "–"


def power_tables(found: Sequence[Sequence[Foreseen]]) -> list[Table]:
    """Return a table for each set, metric, group and facet.

    Args:
        found: comparisons; those of one table together.
    """
    return [harmless(_table(own)) for own in found]


def _table(own: Sequence[Foreseen]) -> Table:
    first = own[0]
    where = [first.facet, "" if first.group == ALL else first.group]
    numbers = [n for one in own for n in (one.delta, one.delta_ci_low, one.delta_ci_high, one.detectable)]
    digits = decimals([abs(n) for n in numbers if n is not None])
    headings = [Heading("cases"), Heading("patients"), Heading("effective", remark="patients")]
    headings += [Heading("Δ", first.direction), Heading("standard error")]
    headings += [Heading("detectable", remark=f"at {_percent(first.power)}")]
    if first.difference is not None:
        headings.append(Heading("patients needed", remark=f"for {first.difference:g}"))
    return Table(
        title=", ".join(
            filter(None, (f"power, {first.metric}: {first.task} on {first.dataset}", f"{first.split} split", *where))
        ),
        headings=tuple(headings),
        rows=tuple((_name(one, own), _cells(one, digits)) for one in own),
        ranks=(),
        ranked_by="",
        notes=tuple(_notes(own)),
        remarks=_remarks(own),
        slug="power",
    )


def _remarks(own: Sequence[Foreseen]) -> tuple[str, ...]:
    """Return each note once, with those that it is of."""
    told: dict[str, list[str]] = {}
    for one in own:
        if one.note:
            told.setdefault(one.note, []).append(_name(one, own))
    return tuple(f"{', '.join(names)}: {note}." for note, names in told.items())


def _name(one: Foreseen, own: Sequence[Foreseen]) -> str:
    if one.n_seeds > 1:
        return f"{one.enhancer} ({one.n_seeds} seeds)"
    several = len({other.seed for other in own if other.enhancer == one.enhancer}) > 1
    return f"{one.enhancer} (seed {one.seed})" if several and one.seed is not None else one.enhancer


def _cells(one: Foreseen, digits: int) -> tuple[Cell, ...]:
    cells = [Cell(_whole(one.n_cases)), Cell(_whole(one.n_patients)), Cell(_number(one.effective_patients, 1))]
    has = one.delta_ci_low is not None and one.delta_ci_high is not None
    ends = f"{_number(one.delta_ci_low, digits)}, {_number(one.delta_ci_high, digits)}" if has else ""
    cells.append(Cell(_number(one.delta, digits, "+"), interval=ends))
    cells += [Cell(_number(one.standard_error, digits + 1)), Cell(_number(one.detectable, digits))]
    return (*cells, Cell(_whole(one.patients_needed))) if one.difference is not None else tuple(cells)


def _notes(own: Sequence[Foreseen]) -> list[str]:
    first = own[0]
    power = _percent(first.power)
    notes = [f"Δ: paired difference to {comparing_to(own)} [95 % interval, patients as clusters]."]
    if all(one.detectable is None for one in own):
        return notes if any(one.delta is not None for one in own) else []
    notes += [
        f"detectable: the smallest true difference whose 95 % interval leaves out zero (two-sided, 5 %) in {power} of "
        "such studies, with as many patients as here.",
    ]
    if first.difference is not None:
        notes.append(
            f"patients needed: so many patients like these, each with as many cases as here, show a true difference of "
            f"{first.difference:g} in {power} of such studies. Six are the fewest: below, nothing is tested."
        )
    notes.append(
        "Both are of one comparison by itself, not adjusted for others of its family, and take for granted that new "
        "differences vary as these do; what was observed as Δ plays no part in them."
    )
    if any(one.n_seeds > 1 for one in own):
        notes.append(
            "Of several seeds: as many as here, each time trained anew; more patients do not lessen their part."
        )
    return notes


def _percent(power: float) -> str:
    return f"{100 * power:g} %"


def _whole(number: int | None) -> str:
    return NOTHING if number is None else f"{number}"


def _number(number: float | None, digits: int, sign: str = "-") -> str:
    if number is None:
        return NOTHING
    text = f"{number:{sign}.{digits}f}"
    # A rounded zero has no side.
    return f"{0:.{digits}f}" if float(text) == 0.0 else text
