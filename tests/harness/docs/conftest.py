"""The scripts that make the documents, as modules."""

import importlib
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def maker(request):
    """Return the script that the test module names as ``MAKER``."""
    with pytest.MonkeyPatch.context() as patch:
        # As python docs/SCRIPT.py finds what lies beside it.
        patch.syspath_prepend(DOCS)
        yield importlib.import_module(request.module.MAKER)
