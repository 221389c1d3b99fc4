"""What all tests share: folders of their own for caches, settings and runs; the real data where they are present."""

import copy
import functools
import os
import time
from pathlib import Path

import pytest

from radbench.engine.keep import readings

ROOT = Path(__file__).resolve().parents[1]


def pytest_make_parametrize_id(val, argname):
    """Name bytes by their place: their content may hold a time, and every worker must see the same tests."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Keep a test from seeing the user's caches, settings and runs, and another test's."""
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RADBENCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("RADBENCH_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="session", autouse=True)
def read_once():
    """Parse a source file, and list what is installed, once for all tests: the cache of each begins empty.

    Both go by a digest of what is read, so that what a test changes is read again.
    """
    known, remembered = {}, readings.Readings.remembered

    def recalled(self, key, find):
        def find_once():
            if key not in known:
                known[key] = find()
            return copy.deepcopy(known[key])

        return remembered(self, key, find_once if key.startswith("installed ") else find)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readings, "scan", functools.cache(readings.scan))
        patch.setattr(readings.Readings, "remembered", recalled)
        yield


@pytest.fixture(scope="session")
def real_data():
    """Return the folder of real images, or skip."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data: not present")
    return folder


@pytest.fixture(scope="session")
def toy_plugin():
    """Return the file of the plugin that misbehaves in every way."""
    return ROOT / "tests" / "harness" / "engine" / "toy_plugin.py"


@pytest.fixture
def until():
    """Give a function that waits until something holds, and returns what that is."""

    def waited(holds):
        end = time.monotonic() + 200
        while not (found := holds()):
            assert time.monotonic() < end
            time.sleep(0.05)
        return found

    return waited


@pytest.fixture
def alive():
    """Give a function that tells whether a process is there."""

    def there(pid):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    return there
