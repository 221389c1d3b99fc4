"""The ``bench`` application: its verbs and what they have in common."""

from __future__ import annotations

from typing import Annotated

import typer

import radbench
from radbench.cli import data, enhance, info, leaderboard, listing, plan, publish, run

app = typer.Typer(
    name="bench",
    help="Does an enhancer help a task, by how much, and how sure are we?",
    epilog="\b\nExamples:\n"
    "  bench run --enhancer original,clahe,wls,unsharp --task grabcut\n"
    "  bench run --enhancer all --task image-quality --dataset 'folder[root=my-radiographs]'\n"
    "  bench leaderboard --format latex\n"
    "  bench enhance clahe my-radiographs enhanced/",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list", epilog="Example:  bench list enhancers --json")(listing.list_)
app.command(
    "info",
    short_help="What something does, and the source of each of its settings.",
    epilog="Example:  bench info clahe",
)(info.info)
app.command(
    "plan",
    short_help="The pairs of a run: which apply, which do not and why.",
    epilog="Example:  bench plan --enhancer all --task grabcut",
)(plan.plan)
app.command(
    "run",
    short_help="Score enhancers under tasks and print the leaderboard.",
    epilog="Example:  bench run --enhancer clahe --task image-quality --dataset 'folder[root=my-images]'",
)(run.run)
app.command(
    "enhance",
    short_help="Apply an enhancer to an image, a DICOM file or a folder.",
    epilog="Example:  bench enhance 'clahe[clip_limit=0.02]' chest.dcm enhanced.dcm",
)(enhance.enhance)
app.command(
    "leaderboard",
    short_help="Print leaderboards as a paper would.",
    epilog="Example:  bench leaderboard runs/my-run --format latex",
)(leaderboard.leaderboard)
app.command(
    "publish", short_help="Merge a run into the published leaderboards.", epilog="Example:  bench publish runs/my-run"
)(publish.publish)
app.add_typer(data.app, name="data", epilog="Example:  bench data check phantom-lesions")


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
