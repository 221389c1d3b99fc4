"""Testing: radbench's conformance suite and fixtures for pytest, for a plugin's own tests.

``-p radbench.testing`` (in ``addopts``) or ``pytest_plugins = ["radbench.testing"]`` gives the fixtures
``radbench_folders``, ``bench``, ``workshop`` and ``bring_to_life``. The suite is a decorator::

    from radbench.testing import conformance

    @conformance("my_method")
    def test_conformance(check):
        check()
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from radbench.conformance.findings import Finding, Outcome

if TYPE_CHECKING:
    from radbench.conformance.subject import Check, Subject
    from radbench.conformance.workshop import Workshop

__all__ = ["Trial", "bench", "bring_to_life", "conformance", "radbench_folders", "workshop"]


@dataclass
class Trial:
    """A check of a part, to be called in a test.

    Attributes:
        subject: the part.
        check: what is tried.
        strict: whether remarks fail, too.
        known: why a part need not hold, by check (``sizes``) or by variant and check (``my-method sizes``).
    """

    subject: Subject
    check: Check
    strict: bool = False
    known: dict[str, str] = field(default_factory=dict)

    def __call__(self) -> Finding:
        """Try it: a test fails where it does not hold, and is skipped where it cannot be tried.

        One that ``known`` says need not hold is an expected failure, and fails once it holds.

        Returns:
            what was found out.
        """
        from radbench.conformance.suite import finding

        found = finding(self.subject, self.check)
        if found.outcome is Outcome.NOT_TRIED:
            pytest.skip(f"{found.subject}: {found.sentence}")
        bad = found.outcome is Outcome.BROKEN or (self.strict and found.outcome is Outcome.REMARK)
        of_part = f"{self.subject.variant} {self.check.name}"
        why = self.known.get(of_part, self.known.get(self.check.name))
        if bad and why is not None:
            pytest.xfail(f"{why}: {found.sentence}")
        if bad:
            pytest.fail(f"{found.subject}, {found.check}: {found.sentence}", pytrace=False)
        if why is not None:
            pytest.fail(
                f"{found.subject}, {found.check}: it holds, though known says that it need not ({why}): "
                f"take it out of known, or name the parts that it is of, as in '{of_part}'",
                pytrace=False,
            )
        return found


def conformance(
    plugin: str | Path,
    variants: Iterable[str] = (),
    *,
    checks: Iterable[str] = (),
    without: Iterable[str] = (),
    cases: int = 4,
    profile: str = "quick",
    strict: bool = False,
    known: dict[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Return a decorator that gives a test, as ``check``, every check of every part of a plugin.

    Args:
        plugin: a file, or the name of an installed plugin, package or distribution.
        variants: of what it offers (``my-method[epochs=1]``); none for everything.
        checks: names of the checks to try; none for all that apply.
        without: names of checks to leave out.
        cases: at most so many cases of a split are loaded, or learnt from.
        profile: "quick" or "paper".
        strict: whether remarks fail, too.
        known: why a part need not hold, by check (``sizes``) or by variant and check (``my-method sizes``): what
            does not hold is an expected failure, and what holds all the same fails, so that the list stays true.

    Raises:
        UsageError: there is no such plugin, or it offers no such name.
    """
    from radbench.conformance.subject import Subject
    from radbench.conformance.suite import checks_of, files_of, offered, plugin_of
    from radbench.conformance.workshop import Workshop

    shop = Workshop(files_of(str(plugin)), Path(_scratch()), profile, cases)
    chosen, left_out = {*checks}, {*without}
    trials = []
    for kind, variant in offered(shop.registry, plugin_of(shop.registry, str(plugin)), variants):
        subject = Subject(kind, variant, shop)
        for check in checks_of(shop.registry, kind, variant):
            if (not chosen or check.name in chosen) and check.name not in left_out:
                trial = Trial(subject, check, strict, known or {})
                trials.append(pytest.param(trial, id=f"{kind}-{variant}-{check.name}"))
    return pytest.mark.parametrize("check", trials)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _scratch() -> str:
    # Removed when the interpreter ends.
    _KEPT.append(tempfile.TemporaryDirectory(prefix="radbench-conformance-"))
    return _KEPT[-1].name


@pytest.fixture
def radbench_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep caches, settings and runs of a test in a folder of its own; return it."""
    for name in ("cache", "config", "runs"):
        monkeypatch.setenv(f"RADBENCH_{name.upper()}", str(tmp_path / name))
    return tmp_path


@pytest.fixture
def bench(
    radbench_folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Return a function that runs ``bench`` with these words in this process: exit status, and what was printed."""
    from radbench.cli import main

    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        capsys.readouterr()
        status: Any = 0
        try:
            main()
        except SystemExit as left:
            status = left.code or 0
        said = capsys.readouterr()
        return int(status), said.out + said.err

    return call


@pytest.fixture
def workshop(radbench_folders: Path) -> Iterator[Workshop]:
    """Return where parts of installed plugins are tried, with this process set as a worker is."""
    from radbench.conformance.workshop import Workshop

    shop = Workshop((), radbench_folders)
    with shop.at_work():
        yield shop


@pytest.fixture
def bring_to_life(workshop: Workshop) -> Callable[..., Any]:
    """Return a function that gives an enhancer as the harness calls it, by name or variant.

    What it returns takes float32 ``[B,1,H,W]`` and gives an :class:`radbench.Enhancement`, checked; one that learns was
    trained shortly before, on few cases.
    """

    def alive(variant: str) -> Any:
        return workshop.enhancer(workshop.part("enhancer", variant))

    return alive
