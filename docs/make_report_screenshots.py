"""Make the pictures of docs/report.md: the report of a real run, and the site of the published leaderboards.

bench run --enhancer original,clahe,wls,blur --task grabcut,image-quality --null --limit 16 --out runs/report
python docs/make_report_screenshots.py runs/report leaderboards

It needs Playwright and a Chromium of the system's: pip install playwright, apt-get install chromium.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from radbench.report.site import site
from radbench.report.writing import Wanted, report

IMAGES = Path(__file__).parent / "images"
WIDTH, QUALITY = 1200, 82
PATIENCE = 300_000
"""Milliseconds; a busy machine takes its time."""


def take(page: Any, name: str, top: str, height: int) -> None:
    """Write what is seen of a page from an element on."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    for _ in range(2):
        # What lies above takes its height only when it has been seen.
        page.evaluate("at => document.querySelector(at).scrollIntoView()", top)
        page.wait_for_timeout(500)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(IMAGES / f"{name}.webp", quality=QUALITY, method=6)


def main() -> None:
    """Take all of them."""
    run, leaderboards = map(Path, sys.argv[1:3])
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("there is no Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        (home / "report.html").write_text(report([run], Wanted()), encoding="utf-8")
        site(leaderboards, home / "site")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(color_scheme="light")
        page.set_default_timeout(PATIENCE)
        page.goto((home / "report.html").as_uri())
        take(page, "report-words", "h1", 800)
        take(page, "report-figures", ".plates", 620)
        page.locator("select[data-part]").first.select_option("closer")
        take(page, "report-images", "#set-1-gallery h4:nth-of-type(2)", 620)
        page.goto((home / "site" / "index.html").as_uri())
        take(page, "report-site", "h1", 560)
        browser.close()


if __name__ == "__main__":
    main()
