"""A study of even greys for the tests: what its file holds, and how it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radbench.engine.run.reporting import Silent
from radbench.engine.run.running import Options
from radbench.registry.registry import load_registry
from radbench.studies.planning import Wish
from radbench.studies.running import StudyRun, run_study
from radbench.studies.study import load_study

PLUGIN = Path(__file__).parents[1] / "leaderboard" / "board_plugin.py"

STUDY = """
name = "greys"
title = "Greys"
citation = "Nobody 2020"
summary = "how grey films are"
plugins = { radbench = ">=0.2" }
files = ["studied_plugin.py"]
notes = ["Made up."]

[runs.films]
enhancers = ["original", "more", "gone", "learnt"]
tasks = ["grey"]
dataset = { quick = "films[root=films]", paper = "films[root=nowhere]" }
data = "a thousand films (§1)"
learnt = { learnt = "other films (§2)" }

[runs.films.variants]
more = { quick = "plus[amount=0.2]", paper = "plus[amount=0.4]" }
learnt = { quick = "learnt[trained_on='films[root=films]']", paper = "learnt" }

[runs.other]
enhancers = ["original", "more", "gone"]
tasks = ["of-no-plugin"]
variants = { more = { quick = "plus[amount=0.2]", paper = "plus[amount=0.4]" } }

[[tables]]
name = "table-1"
place = "Table 1"
caption = "Greys"
spread = "standard deviation"
columns = [{ heading = "grey %", run = "films", task = "grey", metric = "mean", scale = 100, digits = 1 }]

[[tables.rows]]
name = "Film"
enhancer = "original"
printed = [31.0]
spread = [2.0]

[[tables.rows]]
name = "More"
enhancer = "more"
printed = [30.0]
spread = [3.0]

[[tables.rows]]
name = "Learnt"
enhancer = "learnt"
printed = [45.5]
spread = [3.0]
note = "As told by hand."

[[tables.rows]]
name = "Gone"
enhancer = "gone"
printed = [99.0]
spread = [1.0]

[[tables]]
name = "table-2"
place = "Table 2"
caption = "Of another task"
columns = [{ heading = "x", run = "other", task = "of-no-plugin", enhancer = "original", metric = "x" }]
rows = [{ name = "Film", printed = [1.0] }]

[[tables]]
name = "table-3"
place = "Table 3"
caption = "What readers say"
kind = "reader-study"
columns = [{ heading = "Reader 1", digits = 1 }]
rows = [{ name = "best", printed = [50.0] }]
command = "bench reader-study make RUN"

[[figures]]
name = "figure-1"
place = "Figure 1"
caption = "Greys"
against = "Film"
panels = [
  { heading = "grey %", run = "films", task = "grey", metric = "mean", scale = 100 },
  { heading = "x", run = "other", task = "of-no-plugin", metric = "x" },
]
entries = [
  { name = "Film", enhancer = "original" },
  { name = "More", enhancer = "more" },
  { name = "Gone", enhancer = "gone" },
]
notes = ["By hand."]

[[figures]]
name = "figure-2"
place = "Figure 2"
caption = "Films"
kind = "images"
cases = 2
panels = [{ heading = "films", run = "films", task = "grey" }]
entries = [
  { name = "As it came", enhancer = "more", layer = "case" },
  { name = "More", enhancer = "more" },
  { name = "Bones", enhancer = "more", layer = "bone_image" },
  { name = "Gone", enhancer = "gone" },
]

[[figures]]
name = "figure-3"
place = "Figure 3"
caption = "Of another task"
panels = [{ heading = "x", run = "other", task = "of-no-plugin", metric = "x" }]
entries = [{ name = "Film", enhancer = "original" }]
"""


def ran(folder: Path, wish: Wish = Wish(), **more: Any) -> StudyRun:  # noqa: B008
    study, base = load_study(str(folder / "study.toml"))
    options = Options("cpu", 1, debug=True, out=folder / "out")
    return run_study(load_registry([folder / "studied_plugin.py"]), study, wish, options, Silent(), base, **more)
