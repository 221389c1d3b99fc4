"""Study: what a study's TOML file holds - runs, tables, and the figures that a paper prints, with their place in it."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from radbench.contracts.errors import UnknownNameError, UsageError
from radbench.studies.figure import Figure
from radbench.studies.selecting import Name, Selector, Strict

Profile = Literal["quick", "paper"]
LEADERBOARDS = "leaderboards"
"""The folder of a study's, beside those of its runs, that they are published into."""

PROFILES: tuple[Profile, ...] = ("quick", "paper")


class ByProfile(Strict):
    """What differs by profile."""

    quick: str
    paper: str

    def of(self, profile: str) -> str:
        """Return what a profile has."""
        return self.quick if profile == "quick" else self.paper


class Run(Strict):
    """Enhancers under tasks on one data set.

    Attributes:
        enhancers, tasks: variants, or names of ``variants``; the task's reference is always there.
        variants: by a name of the study's own, what it stands for in each profile.
        dataset: by profile; "" for each task's own.
        seeds: by profile, as ``--seed`` takes them: "0", "0-4".
        data: what the paper scored on, in words with its place.
        learnt: by enhancer's name, what it learnt from in the paper, in words with its place.
    """

    enhancers: tuple[str, ...]
    tasks: tuple[str, ...]
    dataset: ByProfile = ByProfile(quick="", paper="")
    seeds: ByProfile = ByProfile(quick="0", paper="0")
    variants: Mapping[str, ByProfile] = {}
    data: str = ""
    learnt: Mapping[str, str] = {}

    def label(self, written: str, profile: str) -> str:
        """Return what an enhancer or a task stands for, as the study writes it, in a profile."""
        return self.variants[written].of(profile) if written in self.variants else written

    @model_validator(mode="before")
    @classmethod
    def _alike(cls, given: Any) -> Any:
        """Take one text for both profiles."""
        if isinstance(given, dict):
            for name in ("dataset", "seeds"):
                if isinstance(given.get(name), str):
                    given = {**given, name: {"quick": given[name], "paper": given[name]}}
            known = {one for name in ("enhancers", "tasks") for one in given.get(name, ())}
            for name in given.get("variants", {}):
                if name not in known:
                    raise ValueError(f"variant '{name}' is neither an enhancer nor a task of the run")
        return given


class Column(Selector):
    """A column of a printed table.

    Attributes:
        heading: as printed.
        scale: what the leaderboard's number is multiplied by to stand on the paper's scale.
        digits: decimals of ours.
        ordered: whether the paper's order of rows in it is looked at.
    """

    heading: str
    scale: float = 1.0
    digits: int = Field(3, ge=0, le=9)
    ordered: bool = True


class Row(Selector):
    """A row of a printed table.

    Attributes:
        name: as printed.
        printed: figures as the paper has them ("0.70"), one for each column; "" where it prints none.
        spread: standard deviations, likewise; none where the paper prints none.
        texts: what stands there instead of figures.
        note: what is to be known of it.
        only_printed: whether there is nothing here to set beside it.
    """

    name: str
    printed: tuple[str, ...] = ()
    spread: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    note: str = ""
    only_printed: bool = False

    @field_validator("printed", "spread", mode="before")
    @classmethod
    def _as_printed(cls, given: Any) -> Any:
        """Take numbers, too."""
        if not isinstance(given, list | tuple):
            return given
        found = [one if isinstance(one, str) else repr(one) for one in given]
        for text in found:
            if text and not _is_number(text):
                raise ValueError(f"{text!r} is no number as a paper prints it")
        return found


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


class Table(Strict):
    """A table as the paper prints it.

    Attributes:
        name: in the study: "table-1".
        place: in the paper: "Table 1", with the page or section where that helps.
        caption: what it shows, in our words.
        kind: scores, which leaderboards hold; a reader study, which people answer; an architecture, which code is held
            against.
        label: what its rows are.
        spread: what stands behind the figures there: "standard deviation over cases".
        check: of an architecture, the function that tells what our network has, by row and column:
            "package.module:function".
        command: of a reader study, the command that makes ours.
        notes: what is to be known: misprints, what the paper leaves open.
    """

    name: Name
    place: str
    caption: str
    kind: Literal["scores", "reader-study", "architecture"] = "scores"
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    label: str = "enhancer"
    spread: str = ""
    check: str = ""
    command: str = ""
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Table:
        for row in self.rows:
            for name in ("printed", "spread", "texts"):
                found = getattr(row, name)
                if found and len(found) != len(self.columns):
                    there = f"{len(found)} in '{name}' for the {len(self.columns)} columns of '{self.name}'"
                    raise ValueError(f"row '{row.name}' has {there}")
        return self

    def cells(self) -> Iterator[tuple[Row, Column, Cell]]:
        """Yield every cell, row by row."""
        for row in self.rows:
            for k, column in enumerate(self.columns):
                yield row, column, Cell.of(row, column, k)


class Cell(Selector):
    """A cell: which row of a leaderboard it shows, and what the paper prints.

    Attributes:
        printed, spread: the figures, as printed; "" where there is none.
        text: instead of them.
        only_printed: whether there is nothing here to set beside it.
    """

    printed: str = ""
    spread: str = ""
    text: str = ""
    only_printed: bool = False

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metric's names."""
        return tuple(self.metric.split("|"))

    @property
    def figure(self) -> float:
        """The printed figure, nan where there is none."""
        return float(self.printed or "nan")

    @staticmethod
    def of(row: Row, column: Column, place: int) -> Cell:
        """Return the cell where a row and a column meet."""
        names = ("run", "task", "enhancer", "metric", "group", "facet")
        found = {name: getattr(row, name) or getattr(column, name) for name in names}
        found["group"] = found["group"] or "all"
        return Cell(
            **found,
            printed=row.printed[place] if row.printed else "",
            spread=row.spread[place] if row.spread else "",
            text=row.texts[place] if row.texts else "",
            only_printed=row.only_printed,
        )


class Study(Strict):
    """A study.

    Attributes:
        name: of it; of a shipped one "lung-unet-2018".
        title, citation, bibtex: of the paper, or of one's own.
        summary: one line.
        plugins: the versions that distributions must have: radbench = ">=0.2".
        files: plugin files beyond the installed ones, from the study's folder.
        runs: by name.
        tables: in the paper's order, one at least.
        figures: likewise, those that can be drawn of runs.
        notes: of all tables.
    """

    name: Name
    title: str
    citation: str = ""
    bibtex: str = ""
    summary: str = ""
    plugins: Mapping[str, str] = {}
    files: tuple[str, ...] = ()
    runs: Mapping[Name, Run]
    tables: tuple[Table, ...] = Field(min_length=1)
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names(self) -> Study:
        if LEADERBOARDS in self.runs:
            raise ValueError(
                f"no run may be called '{LEADERBOARDS}': what is published lies in the folder of that name"
            )
        for table in self.tables:
            if table.kind == "scores":
                for row, column, cell in table.cells():
                    if row.only_printed:
                        continue
                    self._check(table, f"'{row.name}', '{column.heading}'", cell)
        for figure in self.figures:
            for panel in figure.panels:
                for entry in figure.entries:
                    metric = panel.metric or "none"
                    cell = Cell(run=panel.run, task=panel.task, enhancer=entry.enhancer, metric=metric)
                    self._check(figure, f"'{entry.name}', '{panel.heading}'", cell)
        names = [one.name for one in self.shown]
        if len({*names}) < len(names):
            raise ValueError("two tables or figures have one name")
        return self

    def _check(self, of: Table | Figure, where: str, cell: Cell) -> None:
        where = f"{where} of '{of.name}'"
        if cell.run not in self.runs:
            raise ValueError(f"{where} names no run that there is ({', '.join(self.runs)}), but '{cell.run}'")
        run = self.runs[cell.run]
        for name, known in (("task", run.tasks), ("enhancer", run.enhancers)):
            found = getattr(cell, name)
            if found not in known:
                raise ValueError(f"{where} names {name} '{found}', which run '{cell.run}' has not ({', '.join(known)})")
        if not cell.metric:
            raise ValueError(f"{where} names no metric")

    @property
    def shown(self) -> tuple[Table | Figure, ...]:
        """The tables, then the figures."""
        return (*self.tables, *self.figures)

    def table(self, name: str) -> Table:
        """Return a table by its name.

        Raises:
            UsageError: there is none of that name.
        """
        for one in self.tables:
            if one.name == name:
                return one
        raise UnknownNameError("table", name, [one.name for one in self.tables])

    def runs_of(self, shown: Iterable[Table | Figure]) -> list[str]:
        """Return the runs that tables and figures show, in the study's order."""
        wanted: set[str] = set()
        for one in shown:
            if isinstance(one, Figure):
                wanted |= {panel.run for panel in one.panels}
            elif one.kind == "scores":
                wanted |= {cell.run for row, _, cell in one.cells() if not row.only_printed}
        return [name for name in self.runs if name in wanted]


def shipped() -> list[str]:
    """Return the names of the studies that come with the package."""
    found = (entry.name for entry in files("radbench.studies").joinpath("shipped").iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def load_study(what: str) -> tuple[Study, Path | None]:
    """Return a study by the name of a shipped one or by its file, and the file's folder.

    Raises:
        UsageError: there is none, or it is not valid; the message says where.
    """
    path = Path(what)
    if path.suffix == ".toml" or path.is_file():
        try:
            return _parsed(path.read_text(encoding="utf-8"), str(path)), path.resolve().parent
        except OSError as error:
            raise UsageError(f"cannot read study '{path}': {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"study '{path}' is no UTF-8 text") from error
    if what not in shipped():
        raise UnknownNameError("study", what, shipped())
    text = files("radbench.studies").joinpath("shipped", f"{what}.toml").read_text(encoding="utf-8")
    return _parsed(text, what), None


def _parsed(text: str, source: str) -> Study:
    try:
        return Study.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"study '{source}' is no TOML: {error}") from error
    except ValidationError as error:
        first, *more = error.errors()
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        rest = f" (and {len(more)} more faults)" if more else ""
        raise UsageError(f"study '{source}'{f', {where}' if where else ''}: {what}{rest}") from error
