"""``bench reader-study``: make blinded pages for readers of a run's images, and analyse their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.options import Plugins
from radbench.cli.say import say
from radbench.contracts.errors import UsageError

app = typer.Typer(
    help="Make blinded pages for readers of a run's images, and analyse their answers.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(
    "make",
    epilog="Example:  bench reader-study make RUN --enhancers original,clahe --reference none --cases 4 --out study",
)
def make(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    enhancers: Annotated[
        list[str],
        typer.Option("--enhancers", "-e", help="The run's enhancers that are shown: a comma list, or several."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A folder that does not exist yet.")],
    cases: Annotated[int, typer.Option(min=1, metavar="N", help="Cases, drawn from the run's.")] = 71,
    readers: Annotated[int, typer.Option(min=1, metavar="N", help="Readers; each has a page and an order.")] = 2,
    design: Annotated[
        str, typer.Option(help="ranking (side by side), rating (one by one), preference (of two), detection.")
    ] = "ranking",
    repeats: Annotated[
        int,
        typer.Option(
            metavar="N", help="Trials that are shown again, for a reader's agreement with herself; -1: a tenth."
        ),
    ] = -1,
    grades: Annotated[
        int, typer.Option(metavar="N", help="The scale runs from 1 to N; 0: as many ranks as images, else 5.")
    ] = 0,
    ties: Annotated[
        bool, typer.Option("--ties/--no-ties", help="Whether equal ranks, or no difference, may be said.")
    ] = True,
    reference: Annotated[
        str,
        typer.Option(
            metavar="LABEL|none",
            help="Shown beside a ranking under a name and not ranked; else 'original', if it is among the enhancers.",
        ),
    ] = "",
    reference_name: Annotated[str, typer.Option(help="How readers see it named.")] = "Original",
    finding: Annotated[
        str, typer.Option(help="Of a detection: a mask such as nodule_mask, or a finding that the data set states.")
    ] = "",
    title: Annotated[str, typer.Option(help="What readers see above everything.")] = "Reader study",
    question: Annotated[str, typer.Option(help="What they are asked, instead of the usual.")] = "",
    seed: Annotated[
        str,
        typer.Option(
            help="What everything is drawn from; who guesses it can unblind the pages. Else one is drawn, and kept in "
            "the key."
        ),
    ] = "",
    bits: Annotated[int, typer.Option(min=8, max=16, help="Greys of the pages' images.")] = 16,
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Longer side at the most; 0: as they are.")] = 0,
    task: Annotated[str, typer.Option(help="Whose images, where the run's tasks look at different ones.")] = "",
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """Make a page for each reader, and apart from them the key.

    A page is one file that works from any folder without a network, keeps every answer in the browser at once, and
    gives them as a CSV file. Neither it nor its name says which image is whose; key/key.json does: keep it to
    yourself. Put what the readers send back into answers/.
    """
    from radbench.cli.progress import Progress
    from radbench.engine.keep.texts import counted
    from radbench.reader_study.making import Asked, make_study
    from radbench.registry.discovery import plugin_paths

    asked = Asked(
        enhancers=tuple(enhancers),
        cases=cases,
        readers=readers,
        design=design,
        repeats=repeats,
        grades=grades,
        ties=ties,
        question=question,
        finding=finding,
        reference=reference,
        reference_name=reference_name,
        title=title,
        seed=seed,
        bits=bits,
        size=size,
        task=task,
        plugin_files=plugin_paths(plugin),
    )
    progress = Progress()

    def tell(done: int, total: int) -> None:
        if done == 1:
            progress.begin(total, "cases")
        progress.advance(1, "packed")

    try:
        made = make_study(run, asked, out, tell)
    finally:
        progress.close()
    key = made.key
    trials = sorted({len(own) for own in key.readers.values()})
    say(f"study {key.study}: {counted(len(key.cases), 'case')}, {', '.join(map(str, trials))} trials for each reader")
    for note in made.notes:
        say(f"# {note}", err=True)
    for page in made.pages:
        say(f"  {page}")
    say(f"largest page: {made.largest / 1e6:.1f} MB; send each reader one of them, and nothing else of the folder")
    say(f"key: {made.folder / 'key' / 'key.json'} (who has it is not blinded)")
    say(
        f"answers: put the readers' files into {made.folder / 'answers'}, then: "
        f"bench reader-study analyse {made.folder}"
    )


@app.command("analyse", epilog="Example:  bench reader-study analyse study")
def analyse(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The folder that 'make' wrote, with its key.")],
    answers: Annotated[
        list[Path], typer.Argument(metavar="[ANSWERS]...", help="Readers' files beside those in its answers/.")
    ] = [],  # noqa: B006
    format_: Annotated[str, typer.Option("--format", "-f", help="table, markdown, latex or json.")] = "table",
    joined: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all answers, unblinded, into one CSV file, too.")
    ] = None,
    leave_out_damaged: Annotated[
        bool, typer.Option("--leave-out-damaged", help="Go on without lines that were changed or damaged.")
    ] = False,
) -> None:
    """Join the readers' answers with the key, and print what they say.

    Rankings and ratings: the share of each answer, means, Friedman's test, pairs by Wilcoxon's with Holm, Kendall's W.
    Preferences: shares, sign tests with Holm, abilities. Detection: areas under the curve, and all readers together by
    Obuchowski and Rockette. Each with kappa, between readers and within each.
    """
    from radbench.contracts.atomic import replace_file
    from radbench.engine.keep.private import privately
    from radbench.reader_study.results import FORMATS, analyse_study, joined_csv, render

    if format_ not in FORMATS:
        raise UsageError(f"--format '{format_}' must be one of {', '.join(FORMATS)}")
    results = analyse_study(study, answers, leave_out_damaged)
    if joined is not None:
        try:
            with privately():
                replace_file(joined, joined_csv(results).encode())
        except OSError as e:
            raise UsageError(f"cannot write '{joined}': {e.strerror or e}") from e
    if format_ in ("latex", "json"):
        for line in results.answers.notes:
            say(f"# {line}", err=True)
        typer.echo(render(results, format_), nl=False)
    else:
        say(render(results, format_).rstrip("\n"))
