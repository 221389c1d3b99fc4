"""The ``bench`` application: its verbs and what they have in common."""

from __future__ import annotations

from typing import Annotated

import typer

import radbench
from radbench.cli import data, enhance, info, leaderboard, listing, plan, publish, run

app = typer.Typer(
    name="bench",
    help="Does an enhancer help a task, by how much, and how sure are we?",
    epilog="Start with:  bench run --enhancer original,clahe,wls,unsharp --task grabcut",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list", epilog="bench list enhancers --json")(listing.list_)
app.command("info", epilog="bench info clahe")(info.info)
app.command("plan", epilog="bench plan --enhancer all --task grabcut")(plan.plan)
app.command("run", epilog="bench run --enhancer clahe --task image-quality --dataset 'folder[root=my-images]'")(run.run)
app.command("enhance", epilog="bench enhance 'clahe[clip_limit=0.02]' chest.dcm enhanced.dcm")(enhance.enhance)
app.command("leaderboard", epilog="bench leaderboard runs/my-run --format latex")(leaderboard.leaderboard)
app.command("publish", epilog="bench publish runs/my-run")(publish.publish)
app.add_typer(data.app, name="data", epilog="bench data check phantom-lesions")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"radbench {radbench.__version__}")
        raise typer.Exit


@app.callback()
def bench(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Does an enhancer help a task, by how much, and how sure are we?"""
