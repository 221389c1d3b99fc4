"""Lessons on disk: the time of writing them, and time and resident memory of an epoch's reading in a shuffled order.

    python benchmarks/lessons.py [--cases 112000] [--size 224] [--folder FOLDER]

A case's lesson is an image of bytes and 14 labels (float32), as a task on chest radiographs keeps them: 5.6 GB for
112,000 cases. They are written in pieces of 64 cases and read in batches of 16, which are put together as a training
would. A batch's time is given twice: for all of reading, checking and stacking, and for the same images merely copied
out of a mapped file of the same bytes without any check, whose pages then count as the process's memory.

An epoch reads from the system's cache as far as memory goes; the kept lessons are removed in the end.
"""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import torch
from machine import describe_machine
from torch import Tensor

from radbench.engine.keep.pieces import KeptLessons, write_piece

PIECE, BATCH, LABELS = 64, 16, 14


def made_up(cases: int, size: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield lessons that differ, without spending time on making them."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (size + 255, size), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 2, (LABELS,), generator=generator).float()
    for case in range(cases):
        # The case's number stands in the first pixels, so that a wrong place would be noticed.
        image = noise[case % 256 :][:size].clone()
        image[0, :4] = torch.tensor([case >> shift & 255 for shift in (0, 8, 16, 24)])
        yield f"case-{case:06d}", {"image": image[None], "labels": labels}


def write(folder: Path, cases: int, size: int) -> list[Path]:
    paths = []
    lessons = made_up(cases, size)
    for first in range(0, cases, PIECE):
        paths.append(folder / f"{first // PIECE:06d}.lessons")
        write_piece(paths[-1], [next(lessons) for _ in range(min(PIECE, cases - first))])
    return paths


def epoch(kept: KeptLessons) -> tuple[list[float], int]:
    """Read everything once; return seconds by batch and the most resident memory on the way."""
    order = torch.randperm(len(kept), generator=torch.Generator().manual_seed(1)).tolist()
    process, seconds, highest = psutil.Process(), [], 0
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        began = time.perf_counter()
        lessons = [kept[place] for place in places]
        batch = {name: torch.stack([lesson[name] for lesson in lessons]) for name in lessons[0]}
        seconds.append(time.perf_counter() - began)
        found = (batch["image"][:, 0, 0, :4].to(torch.int64) << torch.tensor([0, 8, 16, 24])).sum(1)
        if found.tolist() != places:
            sys.exit("lessons were read from a wrong place")
        if start % (64 * BATCH) == 0:
            highest = max(highest, process.memory_info().rss)
    return seconds, max(highest, process.memory_info().rss)


def mapped_epoch(paths: list[Path], kept: KeptLessons, size: int) -> tuple[list[float], int]:
    """Read the images alone, mapped and unchecked."""
    maps = [np.memmap(path, dtype=np.uint8, mode="r") for path in paths]
    beginning, bytes_of_one = len(b"RADBENCH lessons"), size * size + 4 * LABELS
    order = torch.randperm(len(kept), generator=torch.Generator().manual_seed(1)).tolist()
    seconds = []
    for start in range(0, len(order), BATCH):
        began = time.perf_counter()
        images = []
        for place in order[start : start + BATCH]:
            piece, number = divmod(place, PIECE)
            offset = beginning + number * bytes_of_one
            images.append(maps[piece][offset : offset + size * size])
        torch.from_numpy(np.stack(images))
        seconds.append(time.perf_counter() - began)
    return seconds, psutil.Process().memory_info().rss


def timed(work: Callable[[], object]) -> tuple[object, float, float]:
    """Return the result with wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=112_000)
    parser.add_argument("--size", type=int, default=224, help="side of the images in pixels")
    parser.add_argument("--folder", type=Path, help="for the lessons; without it the system's for temporary files")
    given = parser.parse_args()
    torch.set_num_threads(1)
    total = given.cases * (given.size**2 + 4 * LABELS)
    free = shutil.disk_usage(given.folder or tempfile.gettempdir()).free
    if free < 1.2 * total:
        sys.exit(f"{total / 1e9:.1f} GB of lessons do not fit: {free / 1e9:.1f} GB are free; give --folder or --cases")
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        before = psutil.Process().memory_info().rss
        paths, writing, writing_processor = timed(lambda: write(Path(name), given.cases, given.size))
        after_writing = psutil.Process().memory_info().rss
        kept, opening, _ = timed(lambda: KeptLessons(paths))
        opened = psutil.Process().memory_info().rss
        (batches, highest), reading, reading_processor = timed(lambda: epoch(kept))
        (mapped, mapped_memory), _, _ = timed(lambda: mapped_epoch(paths, kept, given.size))
    mib = 2**20
    ms = sorted(1e3 * s for s in batches)
    record = {
        "machine": describe_machine(),
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "cases": given.cases,
        "size": given.size,
        "gigabytes": total / 1e9,
        "pieces": len(paths),
        "writing_seconds": writing,
        "writing_processor_seconds": writing_processor,
        "opening_seconds": opening,
        "epoch_seconds": reading,
        "epoch_processor_seconds": reading_processor,
        "batch_ms": {"median": ms[len(ms) // 2], "mean": sum(ms) / len(ms), "p99": ms[int(0.99 * len(ms))]},
        "mapped_batch_ms": {"median": 1e3 * sorted(mapped)[len(mapped) // 2], "mean": 1e3 * sum(mapped) / len(mapped)},
        "resident_mib": {
            "before": before / mib,
            "after_writing": after_writing / mib,
            "opened": opened / mib,
            "highest_while_reading": highest / mib,
            "after_the_same_mapped": mapped_memory / mib,
            "highest_at_all": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        },
    }
    resident = record["resident_mib"]
    print(f"{record['machine']}\n\n| {given.cases} lessons of {given.size}^2, {total / 1e9:.1f} GB | |\n|---|---|")
    print(f"| written in {len(paths)} pieces | {writing:.1f} s ({writing_processor:.1f} s of the processor) |")
    print(f"| opened | {opening:.2f} s, +{(opened - after_writing) / mib:.0f} MiB resident |")
    print(f"| an epoch, shuffled | {reading:.1f} s, +{(highest - opened) / mib:.0f} MiB resident |")
    print(f"| a batch of {BATCH}: read, checked, stacked | {ms[len(ms) // 2]:.2f} ms |")
    print(
        f"| the same mapped, unchecked | {record['mapped_batch_ms']['median']:.2f} ms, "
        f"+{resident['after_the_same_mapped'] - resident['highest_while_reading']:.0f} MiB resident |"
    )
    file = Path(__file__).parent / "results" / "lessons.json"
    file.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
