"""A row of the calibration table: the rate of one cell, and whether it keeps its bound."""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from machine import cpu_model


@dataclass(frozen=True)
class Mode:
    simulations: int
    family_simulations: int
    curve_simulations: int
    replicates: int
    family_replicates: int
    curve_replicates: int
    errors: float


MODES = {
    "quick": Mode(150, 60, 60, 399, 399, 200, 3.0),
    "middle": Mode(2000, 1000, 1000, 1999, 999, 400, 2.0),
    "long": Mode(5000, 5000, 5000, 4999, 4999, 2000, 2.0),
}


@dataclass(frozen=True)
class Row:
    group: str
    method: str
    cell: str
    rate: float
    error: float
    simulations: int
    bound: float | None
    at_least: bool
    holds: bool | None
    withheld: float


def row(group, method, cell, happened, bound, mode, *, at_least=False, withheld=None) -> Row:
    """Judge a rate: ``happened`` is bool [simulations]; the bound is the most, or the least, that it may be."""
    n, rate = len(happened), float(np.mean(happened))
    holds = None
    if bound is not None:
        slack = mode.errors * math.sqrt(bound * (1.0 - bound) / n)
        holds = rate >= bound - slack if at_least else rate <= bound + slack
    share = 0.0 if withheld is None else float(np.mean(withheld))
    return Row(group, method, cell, rate, math.sqrt(rate * (1 - rate) / n), n, bound, at_least, holds, share)


def print_row(one: Row) -> None:
    sign = ">=" if one.at_least else "<="
    bound = "" if one.bound is None else f"{sign} {one.bound:.3f}"
    mark = "" if one.holds is not False else "OUT"
    print(
        f"| {one.group} | {one.method} | {one.cell} | {one.rate:.3f} | {one.error:.3f} | {bound} "
        f"| {one.withheld:.2f} | {mark} |"
    )
    sys.stdout.flush()


def check(file: Path, mode: str) -> None:
    """Refuse a file whose rows were made in another way: they would not go together.

    Raises:
        SystemExit: it is of another mode, or of other settings.
    """
    old = json.loads(file.read_text()) if file.is_file() else {}
    if old and (old["mode"], old["settings"]) != (mode, asdict(MODES[mode])):
        raise SystemExit(f"{file} holds rows of mode '{old['mode']}', {old['settings']}: name another file")


def store(file: Path, mode: str, rows: list[Row], seconds: float, order: Sequence[str]) -> None:
    """Write the rows of a group; the other groups stay as they are there."""
    check(file, mode)
    old = json.loads(file.read_text()) if file.is_file() else {}
    (group,) = {one.group for one in rows}
    written = [one for one in old.get("rows", []) if one["group"] != group]
    written += [asdict(one) | {"rate": round(one.rate, 4), "error": round(one.error, 4)} for one in rows]
    written.sort(key=lambda one: order.index(one["group"]))
    made = {
        "machine": {"cpu": cpu_model(), "python": platform.python_version(), "numpy": version("numpy")},
        "mode": mode,
        "settings": asdict(MODES[mode]),
        "processor_seconds": old.get("processor_seconds", {}) | {group: round(seconds)},
        "judged": sum(one["holds"] is not None for one in written),
        "out_of_bounds": [f"{one['method']}: {one['cell']}" for one in written if one["holds"] is False],
        "rows": written,
    }
    file.write_text(json.dumps(made, indent=1) + "\n")
