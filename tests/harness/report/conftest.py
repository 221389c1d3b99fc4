"""Pages that the tests of reports look at, each made once, and a browser where there is one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from radbench.report.writing import Wanted, report

from .made_boards import cad, pair, published

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}'
"""An enhancer's name and a facet that would do something."""


@pytest.fixture(scope="session")
def board(tmp_path_factory):
    """Return a folder of published leaderboards: dice with groups and controls, and a classifier's."""
    methods = [pair("original"), pair("wls", 0.05), pair("he", 0.0), pair("gamma", -0.05), pair("blur", -0.05)]
    controls = [pair("null[of=wls]", 0.03), pair(HOSTILE, 0.01)]
    folder = published(tmp_path_factory.mktemp("board"), *methods, *controls)
    return published(folder, cad("original", 0.3), cad("wls", 0.8))


@pytest.fixture(scope="session")
def page(board, tmp_path_factory):
    """Return the page on them."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(report([board], Wanted()), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """Return the folder of a small real run, and its cache's."""
    import radbench

    home = tmp_path_factory.mktemp("run")
    before = {name: os.environ.get(name) for name in ("RADBENCH_CACHE", "RADBENCH_CONFIG")}
    os.environ |= {"RADBENCH_CACHE": str(home / "cache"), "RADBENCH_CONFIG": str(home / "config")}
    try:
        radbench.run("gamma,null[of=gamma]", "grabcut", limit=3, debug=True, out=home / "run")
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return home / "run", home / "cache"


@pytest.fixture(scope="session")
def pictured(run_folder, tmp_path_factory):
    """Return the page on the run, with images."""
    run, cache = run_folder
    before = os.environ.get("RADBENCH_CACHE")
    os.environ["RADBENCH_CACHE"] = str(cache)
    try:
        text = report([run], Wanted())
    finally:
        if before is None:
            del os.environ["RADBENCH_CACHE"]
        else:
            os.environ["RADBENCH_CACHE"] = before
    file = tmp_path_factory.mktemp("pictured") / "report.html"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def browser():
    """Return a headless Chromium, or skip."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("needs a Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def opened(browser):
    """Return what opens a file in a window of its own, which is watched: an error, or a request, fails the test."""
    contexts, told = [], []

    def asked(request):
        if not request.url.startswith(("file:", "data:")):
            told.append(f"request: {request.url[:99]}")

    def open_(file: Path, width: int = 1200, height: int = 900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        # Other test processes share the cores.
        context.set_default_timeout(180_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: told.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: told.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (told.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", asked)
        page.goto(file.resolve().as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert told == []
