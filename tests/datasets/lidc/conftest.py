"""The real patient's scan, laid out as the collection is, once for all who read it."""

import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def real_collection(real_data, tmp_path_factory):
    """Return the collection's folder, or skip."""
    tool = real_data.parent / "tools" / "lidc_layout.py"
    if not tool.is_file():
        pytest.skip("needs ../shared/tools/lidc_layout.py: not present")
    out = tmp_path_factory.mktemp("real") / "LIDC-IDRI"
    subprocess.run([sys.executable, tool, out], check=True, capture_output=True)
    return out
