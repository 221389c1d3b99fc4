"""The public face of radbench.stats stays light and complete."""

from __future__ import annotations

import subprocess
import sys

import pytest

import radbench.stats


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, radbench.stats; print([m for m in ('numpy', 'scipy', 'pandas', 'torch') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_public_name_is_there():
    for name in radbench.stats.__all__:
        assert callable(getattr(radbench.stats, name))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = radbench.stats.nonsense
