"""Images that are harmed, cut short, or lie about their size: read within the contract, or refused in a sentence."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import numpy as np
import pytest

from radbench.contracts import RadbenchError, validate_case
from radbench.contracts.case import Case
from radbench.imaging import count_frames, read_image, read_mask, read_volume, write_derived_dicom
from radbench.imaging.frames import is_nifti_file

from .harm import MUTATIONS, Tally, boundaries, mutated
from .sound_files import IMAGES, put

SECONDS = 20.0
"""What no small file may take; two orders above what they do take."""


def options_of(path: Path) -> dict:
    """Return what a reader has to be told of a sound file."""
    if is_nifti_file(path):
        return {"slice_number": 1, "window": (0.0, 255.0)}
    return {"frame": 1}


def outcome(path: Path, **options) -> str:
    """Read a file in every way; return how it ended, and fail where it ended in any other way."""
    began, how = time.monotonic(), "read"
    ways = [
        lambda: validate_case(Case("x", "x", (read := read_image(path, **options)).image, read.spacing_mm)),
        lambda: read_mask(path, **{k: v for k, v in options.items() if k != "window"}),
    ]
    if is_nifti_file(path):
        ways.append(lambda: read_volume(path))
    if path.suffix == ".dcm":
        ways.append(lambda: again(path, options))
    for way in ways:
        try:
            way()
        except RadbenchError as error:
            how = "refused" if way is ways[0] else how
            said = str(error)
            assert said.isprintable(), repr(said)
            assert len(said) < 600, said
    assert count_frames(path) >= 1
    assert time.monotonic() - began < SECONDS
    return how


def again(path: Path, options: dict) -> None:
    image = read_image(path, **options).image
    write_derived_dicom(path.with_name("derived.dcm"), image, path, "harmed", **options)
    read_image(path.with_name("derived.dcm"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*IMAGES])
def test_a_harmed_image_is_read_or_refused_in_a_sentence(tmp_path, name, capsys):
    data, options = IMAGES[name](), options_of(tmp_path / name)
    assert outcome(put(tmp_path, name), **options) == "read"
    tally = Tally(f"{name} harmed")
    for _, harmed in mutated(data, name, -(-MUTATIONS // len(IMAGES))):
        tally.add(outcome(put(tmp_path, name, harmed), **options))
    with capsys.disabled():
        print(f"\n{tally}", end="")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [n for n in IMAGES if n != "film.img"])
def test_a_cut_image_is_never_taken_for_another_one(tmp_path, name, capsys):
    """What a cut file still gives is what the whole one gives, or it is refused."""
    data, options = IMAGES[name](), options_of(tmp_path / name)
    whole = read_image(put(tmp_path, name), **options).image
    tally = Tally(f"{name} cut")
    for length in boundaries(data):
        put(tmp_path, name, data[:length])
        with contextlib.suppress(RadbenchError):
            found = read_image(tmp_path / name, **options).image
            assert np.array_equal(found, whole), f"cut to {length} of {len(data)} bytes"
            tally.add("read as the whole")
            continue
        tally.add("refused")
    assert tally.counts["refused"] > 0
    with capsys.disabled():
        print(f"\n{tally}", end="")
