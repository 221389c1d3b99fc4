"""Which damage does each metric reward? Dose-response curves of known damage on radiographs and phantoms.

    python benchmarks/metric_audit.py --radiographs FOLDER [--cases 12] [--processes 2]

Every damage of ``benchmarks/controls.py`` is done at rising strengths to radiographs of a folder (by name, at most so
many), to phantom-cxr's and to phantom-lesions', and scored by everything that ``image-quality`` and ``fidelity`` offer;
on the lesions by CNR, gCNR and contrast order as well, inside their masks against the ring round them. Means over
images, the change from the undamaged image with its 95 % interval over patients, and the share of images whose score
got better go to ``results/metric_audit.csv``. ``docs/make_metric_audit.py`` draws them.
"""

from __future__ import annotations

import argparse
import csv
import math
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import controls
import numpy as np
import torch
from machine import describe_machine
from torch import Tensor

from radbench.contracts import Case, Sample, TaskContext
from radbench.contracts.specs import MetricSpec
from radbench.engine.plan.pairs import open_dataset
from radbench.metrics.contrast import contrast_to_noise, ring_around
from radbench.metrics.rank_contrast import contrast_order, gcnr
from radbench.metrics.specs import CNR, CONTRAST_ORDER, GCNR
from radbench.registry.registry import load_registry
from radbench.stats.both import paired_difference
from radbench_fidelity.fidelity import Fidelity
from radbench_fidelity.plugin import radbench_tasks as fidelity_tasks
from radbench_quality.plugin import radbench_tasks as quality_tasks
from radbench_quality.quality import ImageQuality

RESULT = Path(__file__).with_name("results") / "metric_audit.csv"
DOSES: dict[str, tuple[float, ...]] = {
    "noise": (2.0, 4.0, 8.0, 16.0),
    "sharpen": (0.5, 1.0, 2.0, 4.0),
    "clip": (0.005, 0.02, 0.05, 0.1),
    "compress": (4.0, 8.0, 12.0, 16.0),
    "blur": (0.5, 1.0, 2.0, 4.0),
}
UNITS = {
    "noise": "grey levels of 255",
    "sharpen": "amount, sigma 2 pixels",
    "clip": "share of pixels at either end",
    "compress": "slope",
    "blur": "sigma in pixels",
}
COLUMNS = ("images", "cases", "damage", "strength", "unit", "metric", "direction", "original", "value")
COLUMNS += ("change", "change_low", "change_high", "better")
REGIONS = {"cnr": contrast_to_noise, "gcnr": gcnr, "contrast_order": contrast_order}


def specs() -> dict[str, MetricSpec]:
    """What is audited, by name."""
    found = [*quality_tasks()[0].metrics, *fidelity_tasks()[0].metrics, CNR, GCNR, CONTRAST_ORDER]
    return {spec.name: spec for spec in found}


def scores(case: Case, image: Tensor) -> dict[str, float]:
    """Every metric of one image, ``[1,H,W]``, held to its case."""
    sample, context = Sample(case, image), TaskContext("cpu", 0)
    evidence = dict(ImageQuality(ImageQuality.Config()).score(sample, context))
    evidence |= Fidelity(Fidelity.Config(region="image")).score(sample, context)
    found = {name: float(value[""] if isinstance(value, dict) else value) for name, value in evidence.items()}
    if "lesion_mask" in case.targets:
        inside = case.targets["lesion_mask"][0].numpy()
        diameter = 2.0 * math.sqrt(max(1.0, float(inside.sum())) / math.pi)
        # The ring of nodule-visibility: a quarter of the diameter away, half of it wide.
        ring = ring_around(inside, np.ones_like(inside), max(1.0, diameter / 4), max(2.0, diameter / 2))
        found |= {name: metric(image[0].numpy(), inside, ring) for name, metric in REGIONS.items()}
    return found


def audited(work: tuple[str, Case]) -> list[dict[str, Any]]:
    """Score a case under every dose; the noise of a case is the same at every strength."""
    torch.set_num_threads(1)
    images, case = work
    # As 8 bits have it: what a reader is shown, and what radiographs of a folder are.
    case = Case(case.case_id, case.patient_id, (case.image * 255).round() / 255, targets=dict(case.targets))
    found = [{"images": images, "case": case.case_id, "patient": case.patient_id, "damage": "", "strength": 0.0}]
    found[0]["scores"] = scores(case, case.image)
    for damage, strengths in DOSES.items():
        for strength in strengths:
            torch.manual_seed(int.from_bytes(case.case_id.encode()[-4:], "big"))
            image = getattr(controls, damage)(case.image[None], strength)[0]
            found.append({**found[0], "damage": damage, "strength": strength, "scores": scores(case, image)})
    return found


def cases(folder: str, limit: int) -> Iterator[tuple[str, Case]]:
    """The cases of the three data sets, the first of each test split."""
    registry = load_registry()
    sets = {"phantom-cxr": "phantom-cxr[look=hospital]", "phantom-lesions": "phantom-lesions"}
    if folder:
        sets = {"radiographs": f'folder[root="{folder}",data_csv=false]', **sets}
    for images, name in sets.items():
        opened = open_dataset(registry, name, "quick").opened
        for entry in opened.split("test")[:limit]:
            yield images, opened.dataset.load(entry.case_id)


def rows(found: list[dict[str, Any]]) -> Iterator[list[Any]]:
    """The table's rows: means over cases, with intervals over patients."""
    told = specs()
    for images in dict.fromkeys(one["images"] for one in found):
        own = [one for one in found if one["images"] == images]
        before = {one["case"]: one["scores"] for one in own if not one["damage"]}
        for damage, strengths in DOSES.items():
            for strength in strengths:
                at = [one for one in own if (one["damage"], one["strength"]) == (damage, strength)]
                for metric, spec in told.items():
                    mine = [one for one in at if not math.isnan(one["scores"].get(metric, math.nan))]
                    if not mine:
                        continue
                    values = np.array([one["scores"][metric] for one in mine])
                    originals = np.array([before[one["case"]][metric] for one in mine])
                    change = paired_difference(values, originals, [one["patient"] for one in mine])
                    with np.errstate(invalid="ignore"):  # Of two infinite PSNRs neither is the better.
                        gain = (values - originals) * (1 if spec.direction == "higher" else -1)
                    numbers = (originals.mean(), values.mean(), change.value, change.low, change.high)
                    yield [
                        *(images, len(mine), damage, strength, UNITS[damage], metric, spec.direction),
                        *(f"{number:.6g}" for number in numbers),
                        f"{(gain > 1e-9).mean():.3f}",
                    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--radiographs", default="", metavar="FOLDER", help="a folder of radiographs")
    parser.add_argument("--cases", type=int, default=12, help="of each set")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    started = time.perf_counter()
    with multiprocessing.Pool(given.processes) as pool:
        found = [one for of in pool.imap(audited, cases(given.radiographs, given.cases)) for one in of]
    RESULT.parent.mkdir(exist_ok=True)
    with RESULT.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows(found))
    print(f"wrote {RESULT}: {len(found)} images scored in {time.perf_counter() - started:.0f} s; {describe_machine()}")


if __name__ == "__main__":
    main()
