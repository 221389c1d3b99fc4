"""The ``bench`` application: its verbs, of which only the one that is called is imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

import radbench


@dataclass(frozen=True)
class Verb:
    """A verb: the module and function behind it (or the typer application of its own verbs), one line, an example."""

    home: str
    help: str
    example: str


VERBS = {
    "list": Verb("listing:list_", "List enhancers, tasks, data sets and plugins.", "bench list enhancers --json"),
    "info": Verb("info:info", "What something does, and the source of each of its settings.", "bench info clahe"),
    "plan": Verb(
        "plan:plan",
        "The pairs of a run: which apply, which do not and why.",
        "bench plan --enhancer all --task grabcut",
    ),
    "run": Verb(
        "run:run",
        "Score enhancers under tasks and print the leaderboard.",
        "bench run --enhancer clahe --task image-quality --dataset 'folder[root=my-images]'",
    ),
    "train": Verb(
        "train:train",
        "Train enhancers that learn, and keep their weights.",
        "bench train lung-unet,'lung-unet[nodule_weight=0]'",
    ),
    "enhance": Verb(
        "enhance:enhance",
        "Apply an enhancer to an image, a DICOM file or a folder.",
        "bench enhance 'clahe[clip_limit=0.02]' chest.dcm enhanced.dcm",
    ),
    "views": Verb(
        "views:views",
        "Show a radiograph from other azimuths.",
        "bench views xraysyn chest.png views/ --from -9 --to 9 --steps 21",
    ),
    "leaderboard": Verb(
        "leaderboard:leaderboard",
        "Print leaderboards as a paper would.",
        "bench leaderboard runs/my-run --format latex",
    ),
    "power": Verb(
        "power:power",
        "The smallest difference that was within reach, and the patients that one needs.",
        "bench power runs/my-run --task grabcut --difference 0.02",
    ),
    "report": Verb(
        "report:report",
        "One page on what a run shows, with figures and images.",
        "bench report runs/my-run --figures figures",
    ),
    "site": Verb(
        "site:site",
        "Published leaderboards as pages for any static host.",
        "bench site leaderboards site",
    ),
    "publish": Verb("publish:publish", "Merge a run into the published leaderboards.", "bench publish runs/my-run"),
    "merge": Verb(
        "merge:merge", "Join runs of several machines into one.", "bench merge runs/one runs/other --out merged"
    ),
    "verify": Verb(
        "verify:verify",
        "Run published rows again, and say of each whether it is what was published.",
        "bench verify leaderboards/grabcut.csv --sample 3",
    ),
    "study": Verb(
        "study:app", "A paper's comparisons, run here and printed beside its figures.", "bench study run lung-unet-2018"
    ),
    "card": Verb(
        "card:card",
        "Write what a paper attaches: what was compared, on what, with which result.",
        "bench card runs/my-run",
    ),
    "reader-study": Verb(
        "reader_study:app",
        "Make blinded pages for readers of a run's images, and analyse their answers.",
        "bench reader-study make RUN --enhancers original,clahe --reference none --cases 4 --out study",
    ),
    "data": Verb("data:app", "List, check, add, remove and make data sets.", "bench data check phantom-lesions"),
    "cache": Verb("cache:app", "What is kept to save time: what, how big; take away, check.", "bench cache info"),
    "plugin": Verb("plugin:app", "Begin a plugin, and check one.", "bench plugin new my-method --kind learner"),
}

_EXAMPLES = """\b
Examples:
  bench run --enhancer original,clahe,wls,unsharp --task grabcut
  bench run --enhancer all --task image-quality --dataset 'folder[root=my-radiographs]'
  bench leaderboard --format latex
  bench enhance clahe my-radiographs enhanced/"""


def make_app(called: str | None) -> typer.Typer:
    """Return the application.

    Args:
        called: the verb on the command line; the others are there by name and help alone. None: all of them whole,
            for completion.
    """
    app = typer.Typer(
        name="bench",
        help="Does an enhancer help a task, by how much, and how sure are we?",
        epilog=_EXAMPLES,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(bench)
    for name, verb in VERBS.items():
        what: Callable[[], None] | typer.Typer = _unused
        if called in (None, name):
            module, _, attribute = verb.home.partition(":")
            what = getattr(importlib.import_module(f"radbench.cli.{module}"), attribute)
        epilog = f"Example:  {verb.example}"
        if isinstance(what, typer.Typer):
            app.add_typer(what, name=name, short_help=verb.help, epilog=epilog)
        else:
            app.command(name, short_help=verb.help, epilog=epilog)(what)
    return app


def _unused() -> None:
    """Stand for a verb that was not called."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"radbench {radbench.__version__}")
        raise typer.Exit


def bench(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Does an enhancer help a task, by how much, and how sure are we?"""
