"""Planning a study: its runs become requests; what no plugin here offers, or what has no data yet, says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from radbench.contracts.errors import PluginError, UnknownNameError, UsageError
from radbench.contracts.variants import parse_variant
from radbench.engine.keep.digests import digest
from radbench.engine.plan.pairs import Plan, make_plan
from radbench.engine.plan.parts import Part
from radbench.engine.plan.request import Request
from radbench.engine.plan.resolver import Resolver
from radbench.engine.plan.seeds import seeds_of
from radbench.registry.discovery import plugin_paths
from radbench.registry.registry import Registry
from radbench.studies.figure import Figure
from radbench.studies.study import PROFILES, Run, Study, Table


@dataclass(frozen=True)
class Wish:
    """How a study is to be run, apart from what its file says.

    Attributes:
        profile: "quick" or "paper".
        datasets: by the run's name, the data set in place of the study's; "" for all runs.
        seeds: in place of the study's; none for those.
        shown: tables and figures of these names alone; none for all.
        limit: at most so many cases of each data set, 0 for all.
        precision: of trainings.
    """

    profile: str = "quick"
    datasets: Mapping[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    shown: tuple[str, ...] = ()
    limit: int = 0
    precision: str = "float32"

    def folder_name(self, study: str) -> str:
        """Return what a study's folder is called: the same wish finds the same again."""
        own = [dict(self.datasets), list(self.seeds), self.limit, self.precision]
        plain = own == [{}, [], 0, "float32"]
        return f"study-{study}-{self.profile}{'' if plain else f'-{digest(own)[:8]}'}"


@dataclass(frozen=True)
class PlannedRun:
    """A run of a study on this machine.

    Attributes:
        name: in the study.
        run: as the study has it.
        request: as it is asked for; None where nothing of it can be.
        enhancers, tasks: by how the study writes them, the parts that they are here.
        dataset: what is scored, as it is asked for; "" for each task's own.
        missing: by how the study writes it, why an enhancer or a task is not there.
        reason: why nothing of it can be run, a sentence; "" where it can.
    """

    name: str
    run: Run
    request: Request | None = None
    enhancers: Mapping[str, Part] = field(default_factory=dict)
    tasks: Mapping[str, Part] = field(default_factory=dict)
    dataset: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


def plan_study(registry: Registry, study: Study, wish: Wish, folder: Path | None = None) -> list[PlannedRun]:
    """Return the runs of a study as they can be done here.

    Args:
        registry: of the plugins that there are, those of the study's files among them.
        study: it.
        wish: how it is to be run.
        folder: that the study's plugin files lie in.

    Raises:
        UsageError: a table, a figure or a run that was asked for is not there, the profile is unknown, or a plugin has
            another version than the study wants.
    """
    if wish.profile not in PROFILES:
        raise UsageError(f"profile '{wish.profile}' must be quick or paper")
    for name in wish.datasets:
        if name and name not in study.runs:
            raise UnknownNameError("run", name, study.runs)
    check_versions(study)
    files = plugin_files(study, folder)
    wanted = study.runs_of((*tables_of(study, wish), *figures_of(study, wish))) if wish.shown else [*study.runs]
    return [_planned(registry, name, study.runs[name], wish, files) for name in wanted]


def tables_of(study: Study, wish: Wish) -> tuple[Table, ...]:
    """Return the tables that are asked for.

    Raises:
        UsageError: there is neither a table nor a figure of a name.
    """
    check_shown(study, wish)
    return tuple(one for one in study.tables if not wish.shown or one.name in wish.shown)


def figures_of(study: Study, wish: Wish) -> tuple[Figure, ...]:
    """Return the figures that are asked for.

    Raises:
        UsageError: there is neither a table nor a figure of a name.
    """
    check_shown(study, wish)
    return tuple(one for one in study.figures if not wish.shown or one.name in wish.shown)


def check_shown(study: Study, wish: Wish) -> None:
    """See that what is asked for is there.

    Raises:
        UsageError: there is neither a table nor a figure of a name.
    """
    known = [one.name for one in study.shown]
    for name in wish.shown:
        if name not in known:
            raise UnknownNameError("table or figure", name, known)


def plugin_files(study: Study, folder: Path | None) -> tuple[str, ...]:
    """Return the plugin files that a study names, by their full paths.

    Raises:
        UsageError: a shipped study cannot have any, or one is not there.
    """
    return plugin_paths([(folder or Path()) / name for name in study.files])


def check_versions(study: Study) -> None:
    """See that the distributions that a study names are here in the versions that it wants.

    Raises:
        UsageError: one is missing, has another version, or the study's wish cannot be read.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    for name, wanted in study.plugins.items():
        try:
            here = version(name)
        except PackageNotFoundError:
            raise UsageError(f"study '{study.name}' wants {name} {wanted}, which is not installed") from None
        try:
            fits = SpecifierSet(wanted).contains(here, prereleases=True)
        except InvalidSpecifier as error:
            raise UsageError(f"study '{study.name}', plugins.{name}: '{wanted}' must read >=0.2 or ==1.4.1") from error
        if not fits:
            raise UsageError(f"study '{study.name}' wants {name} {wanted}, and {here} is installed")


def _planned(registry: Registry, name: str, run: Run, wish: Wish, files: tuple[str, ...]) -> PlannedRun:
    resolver = Resolver(registry, wish.profile)
    missing: dict[str, str] = {}
    enhancers = _parts(resolver, "enhancer", run, wish.profile, missing)
    tasks = _parts(resolver, "task", run, wish.profile, missing)
    dataset = wish.datasets.get(name, wish.datasets.get("", "")) or run.dataset.of(wish.profile)
    there = PlannedRun(name, run, None, enhancers, tasks, dataset, missing)
    if not tasks or not enhancers:
        # Of enhancers and tasks, the kind that there is none of.
        return _without(there, next(missing[one] for one in (run.enhancers if tasks else run.tasks) if one in missing))
    seeds = wish.seeds or seeds_of(run.seeds.of(wish.profile))
    # Kept as the study writes them: a label need not give a part back that lies in a folder of this machine.
    request = Request(
        tuple(run.label(name, wish.profile) for name in enhancers),
        tuple(run.label(name, wish.profile) for name in tasks),
        dataset,
        wish.profile,
        seeds,
        wish.limit,
        plugin_files=files,
        precision=wish.precision,
    )
    return PlannedRun(name, run, request, enhancers, tasks, dataset, missing)


def _without(run: PlannedRun, reason: str) -> PlannedRun:
    return PlannedRun(run.name, run.run, None, run.enhancers, run.tasks, run.dataset, run.missing, reason)


def _parts(resolver: Resolver, kind: str, run: Run, profile: str, missing: dict[str, str]) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for name in run.enhancers if kind == "enhancer" else run.tasks:
        label = run.label(name, profile)
        try:
            found[name] = resolver.part(kind, label)
        except UnknownNameError as error:
            own = error.kind == kind and error.name == parse_variant(label).name
            missing[name] = f"{kind} '{error.name}' is not installed here" if own else str(error)
        except (UsageError, PluginError) as error:
            missing[name] = str(error)
    return found


def plan_of(registry: Registry, run: PlannedRun) -> Plan | str:
    """Return the plan of a run, or why there is none: its data are not here."""
    if run.request is None:
        return run.reason
    try:
        return make_plan(registry, run.request)
    except (UsageError, PluginError) as error:
        return str(error)
