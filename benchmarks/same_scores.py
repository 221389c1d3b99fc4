"""Do the scores of the built-in enhancers and tasks move by a bit between two versions of radbench?

    python benchmarks/same_scores.py BEFORE AFTER                    compare two versions
    python benchmarks/same_scores.py --gather VERSION --keep FILE    gather one, to compare it later
    python benchmarks/same_scores.py BEFORE AFTER --only lesions lung-field

A version is a checkout's folder, a git revision of this repository, or a file that ``--keep`` wrote. Each does the
small runs of ``RUNS`` through its own command line, on one thread, with an empty cache. Then every score of every case
and every statistic of the leaderboard must be equal to the last bit. The exit status is 1 where a number differs or
stands on one side alone and no exception of ``EXCEPTIONS`` covers it, or where a run did not give what it should.
Numbers gathered on another processor or with other libraries may differ by rounding alone.
"""

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from machine import describe_machine

REPOSITORY = Path(__file__).resolve().parents[1]
ROOTS = ("harness", "plugins", "datasets")
SHOWN = 20

# what is run -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One small run. Versions spell labels differently, so its parts are matched by bare name: each occurs once.

    Every pair of an enhancer and a task must be scored; pairs that a version adds by itself are passed over.

    Attributes:
        sets: fields for all enhancers that have them. They reach the enhancer that a task on layers takes differences
            to, too, which is then the one that is scored, and no default U-Net that would have to be trained first.
        old: what is spelt otherwise below version 0.2.
    """

    enhancers: tuple[str, ...]
    tasks: tuple[str, ...]
    dataset: str
    sets: tuple[str, ...] = ()
    seed: int = 0
    limit: int = 0
    old: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Task and enhancer of every pair, by bare name."""
        return [(bare(t), bare(e)) for t in self.tasks for e in self.enhancers]

    def words(self, out: Path) -> list[str]:
        """Return the command line."""
        words = ["run", "--device", "cpu", "--jobs", "1", "--out", str(out), "--dataset", self.dataset]
        words += ["--enhancer", ",".join(self.enhancers), "--task", ",".join(self.tasks)]
        words += ["--seed", str(self.seed), "--limit", str(self.limit)]
        return words + [word for one in self.sets for word in ("--set", f"enhancer.{one}")]


CLASSICAL = ("original", "he", "gamma", "unsharp", "clahe", "wls")
# Nodules in half of the patients give both classes for the AUROC; MS-SSIM wants 176 pixels.
PLAIN = 'phantom-cxr[patients=20,split=[0.5,0.1,0.4],size=176,grid=[96,48,96],prevalence={"nodule":0.5}]'
MIXED = "phantom-cxr[patients=20,size=96,grid=[96,48,96],look=mixed]"
# Below 0.2 the data set says which lungs its lung_mask shows; since then each definition is a target of its own, and
# the learner and the task say which they mean.
MIXED_FIELD = MIXED.removesuffix("]") + ",lung_area=field]"
FOLDER = "folder[root=images,masks=masks,mask_target=lesion_mask]"

LUNG = ("size=64", "segmentation_epochs=12", "extraction_epochs=2")
LUNG_FIELD = (*LUNG, f"trained_on={MIXED}", "lung=field")
LUNG_FIELD_OLD = (*LUNG, f"trained_on={MIXED_FIELD}")
LUNG_PROJECTED_OLD = (*LUNG, f"trained_on={PLAIN}")
LUNG_PROJECTED = (*LUNG_PROJECTED_OLD, "lung=projected")
BONE = ("size=64", "epochs=2", "loss=l1", f"trained_on={PLAIN}")

RUNS = {
    "lesions": Run(CLASSICAL, ("grabcut", "image-quality"), "phantom-lesions", limit=12),
    # Since 0.2 what a measurement draws does not move with the seed: whatever the seed, it is what 0 was before.
    "lesions-seed": Run(("original", "clahe"), ("grabcut",), "phantom-lesions", seed=1, limit=8, old={"seed": 0}),
    "folder": Run(("original", "clahe", "images[root=darker]"), ("grabcut", "image-quality"), FOLDER),
    "radiographs": Run(CLASSICAL, ("image-quality",), PLAIN),
    # Its seed is 0: another one moves the training, and below 0.2 the measurement's draws, too.
    "nodules": Run(("original", "clahe", "bone-unet"), ("nodule-visibility[min_train_nodules=3]",), PLAIN, BONE),
    "bones": Run(("bone-unet",), ("bone-extraction",), PLAIN, BONE),
    "lung-projected": Run(
        ("lung-unet",),
        ("lung-segmentation[truth=projected]", "lung-extraction"),
        PLAIN,
        LUNG_PROJECTED,
        old={"tasks": ("lung-segmentation", "lung-extraction"), "sets": LUNG_PROJECTED_OLD},
    ),
    "lung-field": Run(
        ("lung-unet",),
        ("lung-segmentation[truth=field]",),
        MIXED,
        LUNG_FIELD,
        seed=1,
        old={"tasks": ("lung-segmentation",), "dataset": MIXED_FIELD, "sets": LUNG_FIELD_OLD},
    ),
    # The same network; but lung-extraction brings the *projected* lung to the papers' scale, which before was there
    # only without lung_area=field.
    "lung-field-extraction": Run(
        ("lung-unet",), ("lung-extraction",), MIXED, LUNG_FIELD, seed=1, old={"sets": LUNG_FIELD_OLD}
    ),
}


def write_pictures(folder: Path) -> None:
    """Write the folders images, masks and darker: four noisy ellipses, their masks, and them darkened."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    for case in range(4):
        (cy, cx), (a, b) = rng.uniform(40, 56, 2), rng.uniform(8, 16, 2)
        mask = ((y - cy) / a) ** 2 + ((x - cx) / b) ** 2 <= 1
        grey = 90 + 25 * mask + rng.normal(0, 16, mask.shape)
        for name, image in (("images", grey), ("masks", 255 * mask), ("darker", grey**2 / 255)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(folder / name / f"case{case}.png")


# what may differ -------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a number stands: ``where`` is "case ID", or "group NAME" with its facet; ``what`` names the column."""

    run: str
    task: str
    enhancer: str
    where: str
    what: str


@dataclass(frozen=True)
class Exemption:
    """A difference that is meant.

    Attributes:
        reason: why it is right, in a sentence; the report prints it.
        covers: whether a place with the number before and after (None: there is none) is a case of it.
    """

    reason: str
    covers: Callable[[Place, str | None, str | None], bool]


# What versions spell or draw differently stands with its reason in RUNS; a difference belongs here only where the
# number itself is meant to change.
_COSTS = ("noise_gain", "halo", "clipped", "ssim", "ms_ssim", "psnr")
EXCEPTIONS: tuple[Exemption, ...] = (
    Exemption(
        "image-quality tells what an enhancement costs, too",
        lambda place, before, after: (
            place.task == "image-quality"
            and before is None
            and place.what.partition(" ")[0].partition("/")[0] in _COSTS
        ),
    ),
    Exemption(
        "its secondary metrics are more than one, which Holm's step divides by",
        lambda place, before, after: place.task == "image-quality" and place.what == "lpc_si p_adjusted",
    ),
)


# gathering -------------------------------------------------------------------------------------------------


@dataclass
class Scores:
    """What one version gave.

    Attributes:
        named_groups: whether its groups read name=value, as they do since 0.2.
        faults: by run: why it did not give what it should, "" where it did.
        numbers: every number, as the shortest text that reads back equal.
    """

    version: str
    machine: str
    named_groups: bool
    faults: dict[str, str]
    numbers: dict[Place, str]


def scores_of(version: str, names: Sequence[str]) -> Scores:
    """Return the scores of a kept file, a checkout's folder or a git revision."""
    if Path(version).is_file():
        kept = json.loads(Path(version).read_text())
        numbers = {Place(*place): text for *place, text in kept.pop("numbers")}
        return Scores(**kept, numbers=numbers)
    with tempfile.TemporaryDirectory(prefix="same_scores_") as folder:
        checkout = Path(version).resolve()
        if not checkout.is_dir():
            checkout = Path(folder) / "checkout"
            archive = subprocess.run(["git", "-C", REPOSITORY, "archive", version], capture_output=True)
            if archive.returncode:
                raise SystemExit(f"'{version}' is no file, folder or git revision: {archive.stderr.decode().strip()}")
            with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
                tar.extractall(checkout, filter="data")
        return gather(version, checkout, Path(folder), names)


def keep(scores: Scores, file: Path) -> None:
    """Write scores to a file, one number a line."""
    facts = json.dumps({name: value for name, value in vars(scores).items() if name != "numbers"})
    lines = ",\n".join(json.dumps([*place, text]) for place, text in scores.numbers.items())
    file.write_text(f'{facts[:-1]}, "numbers": [\n{lines}\n]}}\n')


def gather(version: str, checkout: Path, folder: Path, names: Sequence[str]) -> Scores:
    """Do the runs with a checkout's code."""
    number = install(checkout, folder / "installed")
    old = tuple(map(int, number.split(".")[:2])) < (0, 2)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RADBENCH_")}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment |= {"RADBENCH_CACHE": str(folder / "cache"), "RADBENCH_RUNS": str(folder / "runs")}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (folder / "installed", *(checkout / r for r in ROOTS))))
    write_pictures(folder / "work")

    def python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(command, cwd=folder / "work", env=environment, capture_output=True, text=True)

    home = Path(python("import radbench; print(radbench.__file__)").stdout.strip())
    if not home.is_relative_to(checkout):
        raise SystemExit(f"'{version}' runs the code of {home}, not that of {checkout}")
    scores = Scores(version, describe_machine(), not old, {}, {})
    for name in names:
        run = replace(RUNS[name], **RUNS[name].old) if old else RUNS[name]
        started, out = time.perf_counter(), folder / "runs" / name
        done = python("from radbench.cli import main; main()", *run.words(out))
        read = done if done.returncode else python(_READ_CASES, str(out))
        found: dict[Place, str] = {}
        if not read.returncode:
            found.update(_case_numbers(name, run, json.loads(read.stdout)))
            found.update(_leaderboard_numbers(name, run, out / "leaderboard.csv"))
        scores.numbers |= found
        scores.faults[name] = _fault(run, read.returncode, found, read.stderr or done.stderr)
        told = f"{len(found)} numbers" if not scores.faults[name] else "FAILED"
        print(f"{version}: {name}: {told}, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return scores


def install(checkout: Path, folder: Path) -> str:
    """Write a checkout's entry points to where Python finds them before the installed ones; return its version.

    The package that is installed need not have the plugins of every version.
    """
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    told = folder / f"radbench-{project['version']}.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: radbench\nVersion: {project['version']}\n")
    points = [f"{name} = {value}" for name, value in project["entry-points"]["radbench"].items()]
    (told / "entry_points.txt").write_text("\n".join(["[radbench]", *points, ""]))
    return str(project["version"])


# Only the version itself knows what it calls the files of a pair.
_READ_CASES = """
import json, sys
from pathlib import Path
from radbench.leaderboard.view import RunFolder
folder = RunFolder(Path(sys.argv[1]))
pairs = [(e["task"], e["enhancer"], e["metrics"], folder.read_cases(e["pair"])) for e in folder.events("planned")]
print(json.dumps(pairs))
"""


def _case_numbers(name: str, run: Run, pairs: Sequence[Any]) -> Iterator[tuple[Place, str]]:
    for task, enhancer, metrics, cases in pairs:
        if (bare(task), bare(enhancer)) not in run.pairs:
            continue
        for case in cases:
            for metric in metrics:
                # Since 0.2 a metric may name an observation, and columns are of observations; before they were its own.
                column = metric.get("of") or metric["name"]
                for what, text in case.items():
                    if exact(text) and (what == column or what.startswith((f"{column}:", f"{column}/"))):
                        there = metric["name"] + what.removeprefix(column)
                        yield Place(name, bare(task), bare(enhancer), f"case {case['case_id']}", there), exact(text)


_STATISTICS = (
    *("value", "std", "ci_low", "ci_high", "n_cases", "n_patients", "delta", "delta_ci_low", "delta_ci_high"),
    *("p_value", "p_adjusted", "rank", "rank_low", "rank_high"),
)


def _leaderboard_numbers(name: str, run: Run, file: Path) -> Iterator[tuple[Place, str]]:
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            task, enhancer = bare(row["task"]), bare(row["enhancer"])
            if (task, enhancer) not in run.pairs:
                continue
            where = f"group {row['group']}" + (f", facet {facet}" if (facet := row.get("facet")) else "")
            for column in _STATISTICS:
                if exact(row[column]):
                    yield Place(name, task, enhancer, where, f"{row['metric']} {column}"), exact(row[column])


def _fault(run: Run, status: int, found: Mapping[Place, str], told: str) -> str:
    scored = {(p.task, p.enhancer) for p in found if p.where.startswith("case")}
    lacking = [f"{enhancer} x {task}" for task, enhancer in run.pairs if (task, enhancer) not in scored]
    if not status and not lacking:
        return ""
    what = f"exit status {status}" if status else f"no scores of {', '.join(lacking)}"
    return f"{what}: {told.strip()[-2000:]}"


def bare(label: str) -> str:
    """Return a label without its fields."""
    return label.partition("[")[0]


def exact(text: str) -> str:
    """Return a number as the shortest text that reads back equal, and "" where there is none (empty or NaN)."""
    try:
        number = float(text or "nan")
    except ValueError:  # a list, as it stands
        return text
    return "" if number != number else repr(number)


# comparing -------------------------------------------------------------------------------------------------


def compare(before: Scores, after: Scores, names: Sequence[str]) -> bool:
    """Print how two versions' scores differ; return whether they are the same but for what is declared."""
    sides = {"before": before, "after": after}
    if before.machine != after.machine:
        print(f"not the same machine: rounding may differ\n  before: {before.machine}\n  after:  {after.machine}")
    faults = [(n, side, s.faults.get(n, "not gathered")) for n in names for side, s in sides.items()]
    faults = [fault for fault in faults if fault[2]]
    for name, side, why in faults:
        print(f"run '{name}' failed {side}: {why}")
    broken = {name for name, _, _ in faults}
    plain = before.named_groups != after.named_groups
    left, right = (_comparable(s, [n for n in names if n not in broken], plain) for s in sides.values())
    different = [p for p in {**left, **right} if left.get(p) != right.get(p)]
    meant = {p: [e for e in EXCEPTIONS if e.covers(p, left.get(p), right.get(p))] for p in different}
    open_ones = [place for place in different if not meant[place]]
    alone = [sum(p not in other for p in ours) for ours, other in ((left, right), (right, left))]
    print(f"{len(left.keys() & right.keys())} numbers compared; {len(different) - sum(alone)} differ,", end=" ")
    print(f"{alone[0]} only before, {alone[1]} only after")
    for exemption in EXCEPTIONS:
        print(f"  {sum(exemption in found for found in meant.values())} are meant: {exemption.reason}")
    for place in open_ones[:SHOWN]:
        print(f"  {' | '.join(place)}: {left.get(place, 'nothing')} -> {right.get(place, 'nothing')}")
    if len(open_ones) > SHOWN:
        print(f"  and {len(open_ones) - SHOWN} more")
    return not faults and not open_ones and bool(left)


def _comparable(scores: Scores, names: Sequence[str], plain: bool) -> dict[Place, str]:
    """Return the numbers of some runs; where only one version names its groups, group values stand alone."""
    found: dict[Place, str] = {}
    for place, text in scores.numbers.items():
        if place.run in names:
            where = place.where
            if plain and where.startswith("group ") and "=" in where:
                where = "group " + where.partition("=")[2]
            here = place._replace(where=where)
            if here in found:
                raise SystemExit(f"{scores.version}: {' | '.join(here)} stands there twice")
            found[here] = text
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", metavar="BEFORE AFTER", help="what to compare")
    parser.add_argument("--gather", metavar="VERSION", help="gather one version's scores")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="where to keep them")
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS), metavar="RUN", help=", ".join(RUNS))
    given = parser.parse_args()
    if len(given.versions) != (0 if given.gather else 2) or (given.gather and not given.keep):
        parser.error("give BEFORE and AFTER, or --gather VERSION and --keep FILE")
    if given.gather:
        scores = scores_of(given.gather, given.only)
        keep(scores, given.keep)
        print(f"{len(scores.numbers)} numbers kept in {given.keep}")
        for name, why in scores.faults.items():
            print(f"run '{name}' failed: {why}" if why else f"run '{name}': ok")
        return int(any(scores.faults.values()))
    before, after = (scores_of(version, given.only) for version in given.versions)
    return 0 if compare(before, after, given.only) else 1


if __name__ == "__main__":
    sys.exit(main())
