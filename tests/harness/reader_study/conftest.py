"""A small run that studies are made of."""

from __future__ import annotations

import pytest

import radbench


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """Return a folder with a run of three enhancers on 16 lesions of eight patients, and the cache that it filled."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADBENCH_CACHE", str(folder / "cache"))
        patch.setenv("RADBENCH_CONFIG", str(folder / "config"))
        radbench.run("unsharp,gamma", "grabcut", limit=16, debug=True, out=folder / "run")
    return folder


@pytest.fixture
def run(place, monkeypatch):
    """Return that run's folder, its cache being the one that is used."""
    monkeypatch.setenv("RADBENCH_CACHE", str(place / "cache"))
    return place / "run"
