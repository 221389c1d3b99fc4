"""How long a report of 500 cases x 12 enhancers with images takes, how large it is, how soon a browser answers.

python benchmarks/report.py [--cases 500] [--side 256]

A run on made-up images comes first and is not counted. The page is opened in the system's Chromium, driven by
Playwright, where both are there: until all of it is parsed, and until a table is sorted by its heading.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

from machine import describe_machine

_PLUGIN = """
import hashlib
import torch
from radbench import Case, CaseEntry, Config, DatasetSpec, MetricSpec, TaskSpec, hookimpl, param

@hookimpl
def radbench_datasets():
    return [DatasetSpec(name="grains", factory="many_cases:Grains", summary="noise", targets=("lesion_mask",))]

@hookimpl
def radbench_tasks():
    metrics = tuple(MetricSpec(name, "higher", primary=name == "mean") for name in ("mean", "spread", "median"))
    return [TaskSpec(name="greys", factory="many_cases:Greys", summary="statistics of the greys", metrics=metrics)]

class Grains:
    class Config(Config):
        cases: int = param(500, "cases", source="assumed")
        side: int = param(256, "pixels", source="assumed")

    modality = "any"
    targets = frozenset({"lesion_mask"})

    def __init__(self, config):
        self.config = config

    def manifest(self):
        for k in range(self.config.cases):
            seal = hashlib.sha256(f"{k} {self.config.side}".encode()).hexdigest()
            yield CaseEntry(f"c{k:04}", f"p{k // 2:04}", "test", seal, {"side": "left" if k % 2 else "right"})

    def load(self, case_id):
        side, k = self.config.side, int(case_id[1:])
        draws = torch.Generator().manual_seed(k)
        image = torch.nn.functional.avg_pool2d(torch.rand(1, 1, side, side, generator=draws), 5, 1, 2)[0]
        y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        mask = ((x - side / 2 - k % 40) ** 2 + (y - side / 2) ** 2 < (side / 8) ** 2)[None]
        return Case(case_id, f"p{k // 2:04}", image, groups={"side": "left" if k % 2 else "right"},
                    targets={"lesion_mask": mask})

class Greys:
    class Config(Config):
        pass

    def __init__(self, config):
        pass

    def score(self, sample, context):
        image = sample.image
        return {"mean": float(image.mean()), "spread": float(image.std()), "median": float(image.median())}
"""


def make_run(home: Path, cases: int, side: int) -> Path:
    """Make the run that is reported."""
    import radbench

    plugin = home / "many_cases.py"
    plugin.write_text(_PLUGIN)
    enhancers = ",".join(["original", "blur", *(f"gamma[gamma={0.5 + 0.1 * k:.1f}]" for k in range(9)), "unsharp"])
    started = time.monotonic()
    rows = radbench.run(enhancers, "greys", f"grains[cases={cases},side={side}]", plugins=[plugin], out=home / "run")
    assert set(rows["status"]) == {"ok"}, rows.loc[rows["status"] != "ok", "error"].iloc[0]
    print(f"the run itself: {time.monotonic() - started:.0f} s")
    return home / "run"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--side", type=int, default=256)
    asked = parser.parse_args()
    print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ |= {"RADBENCH_CACHE": str(home / "cache"), "RADBENCH_CONFIG": str(home / "config")}
        run = make_run(home, asked.cases, asked.side)
        from radbench.report.writing import Wanted, report

        before, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        text = report([run], Wanted(figures=home / "figures"))
        took, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"report of {asked.cases} cases x 12 enhancers: {took:.1f} s, of which {used:.1f} s of processor time")
        print(f"page: {len(text.encode()) / 1e6:.2f} MB, sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}")
        page = home / "report.html"
        page.write_text(text, encoding="utf-8")
        open_in_browser(page)


def open_in_browser(page: Path) -> None:
    """Print how soon the page answers."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("no playwright: the page was not opened")
        return
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("no Chromium: the page was not opened")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        browser.new_page().goto("about:blank")
        for _ in range(3):
            shown = browser.new_page()
            shown.goto(page.as_uri())
            times = shown.evaluate(
                """() => {
                  const [t] = performance.getEntriesByType("navigation");
                  const begun = performance.now();
                  document.querySelector("table.sortable thead button").click();
                  document.querySelector("table.sortable").getBoundingClientRect();
                  return [t.domInteractive, t.loadEventEnd, performance.now() - begun];
                }"""
            )
            print("interactive after {:.0f} ms, loaded after {:.0f} ms, sorted in {:.0f} ms".format(*times))
            shown.close()
        browser.close()


if __name__ == "__main__":
    main()
