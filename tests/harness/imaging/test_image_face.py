"""The public face: light to import, complete."""

from __future__ import annotations

import subprocess
import sys

import radbench.imaging


def test_importing_the_face_imports_nothing_heavy() -> None:
    code = (
        "import sys, radbench.imaging; "
        "print([m for m in ('torch', 'numpy', 'PIL', 'cv2', 'pydicom', 'nibabel', 'scipy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_name_of_the_face_exists() -> None:
    for name in radbench.imaging.__all__:
        assert getattr(radbench.imaging, name) is not None
