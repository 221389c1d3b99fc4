"""What keeping an enhanced image costs: size and time of ways to compress it, on real radiographs and the phantom's.

    python benchmarks/keeping.py [--images FOLDER]

Each image is kept as it came, as `original` is, and enhanced by wls (float32, little of it repeats) with a mask. Sizes
are parts of the plain file's; times are processor milliseconds per MiB of it.
"""

import argparse
import json
import lzma
import time
import zlib

import numpy as np
from machine import describe_machine
from safetensors.torch import save

import radbench


def shuffled(data: bytes) -> bytes:
    """Put the first bytes of all numbers before the second ones."""
    n = len(data) // 4 * 4
    return np.frombuffer(data[:n], np.uint8).reshape(-1, 4).T.tobytes() + data[n:]


WAYS = {
    "zlib, level 1": (lambda d: zlib.compress(d, 1), zlib.decompress),
    "zlib, level 6": (lambda d: zlib.compress(d, 6), zlib.decompress),
    "zlib, level 1, bytes apart": (lambda d: zlib.compress(shuffled(d), 1), zlib.decompress),
    "lzma, level 0": (lambda d: lzma.compress(d, preset=0), lzma.decompress),
}


def images(folder: str | None) -> list:
    from radbench.engine.plan.resolver import Resolver
    from radbench.registry.registry import load_registry

    names = ["phantom-lesions"] + ([f"folder[root='{folder}']"] if folder else [])
    found = []
    for name in names:
        opened = Resolver(load_registry(), "quick").part("dataset", name).opened
        found += [opened.dataset.load(e.case_id).image for e in opened.split("test")[:8]]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", help="a folder of radiographs beside the phantom's slices")
    given = parser.parse_args()
    sums = {name: np.zeros(3) for name in WAYS}
    total = 0
    for image in images(given.images):
        better = radbench.enhance("wls", image[None]).image[0]
        for tensors in ({"image": image}, {"image": better, "lung_mask": better > 0.5}):
            data = save({k: v.contiguous() for k, v in tensors.items()})
            total += len(data)
            for name, (write, read) in WAYS.items():
                begun = time.process_time()
                small = write(data)
                written = time.process_time()
                read(small)
                sums[name] += len(small), written - begun, time.process_time() - written
    mib = total / 2**20
    result = {
        name: {
            "size": round(size / total, 3),
            "write_ms_per_mib": round(w / mib * 1e3, 1),
            "read_ms_per_mib": round(r / mib * 1e3, 1),
        }
        for name, (size, w, r) in sums.items()
    }
    print(json.dumps({"machine": describe_machine(), "mib": round(mib, 1), "ways": result}, indent=1))


if __name__ == "__main__":
    main()
