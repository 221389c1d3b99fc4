"""Make the pictures of docs/reader-study.md: a reader's page in Chromium, while it is read.

bench run -e original,clahe,wls,fattal -t image-quality --dataset "folder[root=PATH,data_csv=false]" --out RUN
bench reader-study make RUN --enhancers original,clahe,wls,fattal --cases 12 --seed 7 --out STUDY
python docs/make_reader_screenshots.py STUDY

Needs playwright and a Chromium (Debian's, or ``playwright install chromium``).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
READY = (
    "document.querySelectorAll('.panel').length > 0 && "
    "[...document.querySelectorAll('.panel canvas')].every((canvas) => canvas.dataset.ready)"
)
TRIAL = 3


def shown(page: Page, name: str) -> None:
    """Take a picture once everything is drawn."""
    page.wait_for_function(READY)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.screenshot(path=IMAGES / name, type="jpeg", quality=82)
    print(IMAGES / name)


def main(study: Path) -> None:
    """Go to a trial, rank two of its images, then look at one alone in a narrower window."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 860})
        page.goto((study / "readers" / "reader-1.html").resolve().as_uri())
        page.keyboard.press("Enter")
        for _ in range(TRIAL):
            for key in ("1", "2", "3", "Enter"):
                page.keyboard.press(key)
        for key in ("2", "1"):
            page.keyboard.press(key)
        shown(page, "reader-ranking.jpg")
        for key in ("m", *"ccc", *"nn", *["+"] * 3):
            page.keyboard.press(key)
        shown(page, "reader-alone.jpg")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
