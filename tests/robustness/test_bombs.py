"""Small files that claim or unfold to something huge: refused before memory is taken, in a process that has little."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian

from radbench.contracts import RadbenchError
from radbench.imaging import read_image
from radbench.imaging.limits import LIMITS

from .sound_files import dicom, nifti, put

MEBIBYTES = 1000
"""More than the libraries take by themselves; each of these files would unfold to several gibibytes."""


def png(side: int, depth: int = 8, colour: int = 0) -> bytes:
    """Return a PNG of zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = 1 + side * {0: 1, 2: 3, 6: 4}[colour] * depth // 8
    packer = zlib.compressobj(9)
    # Rows enough that a reader which does not look at the claim begins.
    body = b"".join(packer.compress(bytes(row)) for _ in range(min(side, 2000))) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def with_dimensions(*shape: int) -> bytes:
    """Return a NIfTI file whose header claims a shape."""
    data = bytearray(nifti(np.zeros((4, 4, 4), np.int16)))
    struct.pack_into("<8h", data, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    return bytes(data)


def far_offset() -> bytes:
    data = bytearray(nifti(np.zeros((4, 4, 4), np.int16)))
    struct.pack_into("<f", data, 108, 1e12)
    return gzip.compress(bytes(data))


def endless_pages(loops: bool) -> bytes:
    """Return a TIFF of 100,000 pages, or of pages that lead back to the first."""
    entries = [
        (256, 3, 1, 1),
        (257, 3, 1, 1),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (278, 3, 1, 1),
    ]
    entries += [(279, 4, 1, 1)]
    size = 2 + 12 * len(entries) + 4
    count = 2 if loops else 100_000
    out = bytearray(b"II*\0" + struct.pack("<I", 16) + bytes(8))
    for page in range(count):
        out += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
        last = page == count - 1
        out += struct.pack("<I", (16 if loops else 0) if last else 16 + (page + 1) * size)
    return bytes(out)


def many_samples() -> bytes:
    """Return a planar TIFF whose header claims 60,000 samples of 8000 x 8000."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((3, 4, 4), np.uint16), photometric="rgb", planarconfig="separate")
    data = bytearray(stream.getvalue())
    (at,) = struct.unpack_from("<I", data, 4)
    for entry in range(struct.unpack_from("<H", data, at)[0]):
        tag = struct.unpack_from("<H", data, at + 2 + 12 * entry)[0]
        claim = {256: 8000, 257: 8000, 277: 60000}.get(tag)
        if claim:
            struct.pack_into("<HI", data, at + 4 + 12 * entry, 4 if tag != 277 else 3, 1)
            struct.pack_into("<I", data, at + 10 + 12 * entry, claim)
    return bytes(data)


def many_frames() -> bytes:
    pictures = [Image.new("L", (1, 1), n % 256) for n in range(400)]
    stream = io.BytesIO()
    pictures[0].save(stream, "GIF", save_all=True, append_images=pictures[1:], disposal=2, optimize=False)
    head, rest = stream.getvalue()[:13], stream.getvalue()[13:-1]
    table = 3 * 2 ** ((head[10] & 7) + 1) if head[10] & 0x80 else 0
    return head + rest[:table] + rest[table:] * 100 + b";"


def deflated(megabytes: int) -> bytes:
    """Return a deflated DICOM file with so many mebibytes of zeros after its elements."""
    data = dicom(DeflatedExplicitVRLittleEndian)
    begins = 144 + struct.unpack_from("<I", data, 140)[0]
    plain = zlib.decompress(data[begins:], -15)
    element = struct.pack("<HH2sHI", 0x7FE1, 0x1010, b"OB", 0, megabytes * 2**20)
    packer = zlib.compressobj(9, wbits=-15)
    more = packer.compress(plain + element)
    more += b"".join(packer.compress(bytes(2**20)) for _ in range(megabytes)) + packer.flush()
    return data[:begins] + more


def without_group_length(data: bytes) -> bytes:
    """Return a DICOM file whose meta header does not say how long it is."""
    return data[:132] + data[144:]


def long_extension() -> bytes:
    """Return a NIfTI file of which a gibibyte of extension comes before the pixels."""
    data = bytearray(nifti(np.zeros((4, 4, 4), np.int16)))
    size = 2**30
    struct.pack_into("<f", data, 108, 352.0 + size)
    packed = gzip.compress(bytes(data[:348]) + b"\1\0\0\0" + struct.pack("<ii", size, 0), 1)
    return packed + b"".join(gzip.compress(bytes(2**24), 1) for _ in range(64)) + gzip.compress(bytes(data[352:]))


BOMBS = {
    "claim.png": (lambda: png(60_000), {}, "pixels"),
    "colour.png": (lambda: png(9_000, 16, 6), {}, "pixels"),
    "claim.nii": (lambda: with_dimensions(32767, 32767, 32767), {"slice_number": 1}, "voxels"),
    "claim.nii.gz": (lambda: gzip.compress(with_dimensions(30000, 30000, 30000)), {"slice_number": 1}, "voxels"),
    "slice.nii.gz": (
        lambda: gzip.compress(with_dimensions(32767, 32767, 1) + bytes(2**26)),
        {"slice_number": 1},
        "pixels",
    ),
    "offset.nii.gz": (far_offset, {"slice_number": 1}, "bytes"),
    "pages.tif": (lambda: endless_pages(loops=False), {"frame": 1}, "frames"),
    "samples.tif": (many_samples, {}, "not an image that can be read"),
    "frames.gif": (many_frames, {"frame": 1}, "frames"),
    "claim.dcm": (lambda: dicom(Rows=65535, Columns=65535), {}, "pixels"),
    "frames.dcm": (lambda: dicom(NumberOfFrames=2**30), {"frame": 1}, "frames"),
    "deflated.dcm": (lambda: deflated(1500), {}, "bytes"),
    "deflated-no-length.dcm": (lambda: without_group_length(deflated(1500)), {}, "bytes"),
    "deflated-no-preamble.dcm": (lambda: deflated(1500)[132:], {}, "bytes"),
    "extension.nii.gz": (long_extension, {"slice_number": 1}, "bytes"),
}

PROGRAM = """
import sys
from radbench.contracts import RadbenchError
from radbench.imaging import read_image, read_mask, count_frames
path, options = sys.argv[1], eval(sys.argv[2])
for read in (read_image, read_mask):
    try:
        read(path, **options)
        print("READ")
    except RadbenchError as error:
        print(error)
count_frames(__import__("pathlib").Path(path))
status = open("/proc/self/status").read().split()
print(int(status[status.index("VmHWM:") + 1]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc: not present")
@pytest.mark.parametrize("name", [*BOMBS])
def test_a_bomb_is_refused_before_it_takes_memory(tmp_path, name):
    make, options, what = BOMBS[name]
    path = put(tmp_path, name, make())
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(path), repr(options)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **({"RADBENCH_MAX_BYTES": str(2**28)} if what == "bytes" else {})},
    )
    assert done.returncode == 0, done.stderr
    *said, peak = done.stdout.splitlines()
    words = f" {what}, more than the " if what in LIMITS else what
    assert len(said) == 2
    assert all(line.startswith(f"'{name}' ") and words in line for line in said), said
    assert int(peak) < MEBIBYTES


def test_pages_that_lead_in_a_circle_end(tmp_path):
    path = put(tmp_path, "circle.tif", endless_pages(loops=True))
    assert read_image(path, frame=2).image.shape == (1, 1, 1)


@pytest.mark.parametrize("value", ["0", "many", "-1", "1.5"])
def test_a_limit_that_is_no_number_is_refused(tmp_path, monkeypatch, value):
    monkeypatch.setenv("RADBENCH_MAX_PIXELS", value)
    with pytest.raises(RadbenchError, match=f"RADBENCH_MAX_PIXELS={value} must be a whole number from 1"):
        read_image(put(tmp_path, "grey.png"))


@pytest.mark.parametrize(
    ("name", "variable", "most", "options"),
    [
        ("grey.png", "PIXELS", 256, {}),
        ("explicit.dcm", "PIXELS", 256, {}),
        ("volume.nii.gz", "VOXELS", 768, {"slice_number": 1, "window": (0, 255)}),
        ("frames.gif", "FRAMES", 4, {"frame": 1}),
        ("pages.tif", "FRAMES", 4, {"frame": 1}),
    ],
)
def test_a_limit_counts_what_it_says(tmp_path, monkeypatch, name, variable, most, options):
    path = put(tmp_path, name)
    monkeypatch.setenv(f"RADBENCH_MAX_{variable}", str(most))
    read_image(path, **options)
    monkeypatch.setenv(f"RADBENCH_MAX_{variable}", str(most - 1))
    with pytest.raises(RadbenchError, match=f"claims {most} .* more than the {most - 1} .*RADBENCH_MAX_{variable}"):
        read_image(path, **options)
