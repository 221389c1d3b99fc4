"""Preparation of the whole collection at once: ``python -m radbench_lidc ROOT --profile paper``."""

from __future__ import annotations

import argparse
import sys

from radbench.contracts.errors import RadbenchError
from radbench_lidc.dataset import LidcIdri


def main(arguments: list[str] | None = None) -> int:
    """Prepare every scan that is not prepared yet, with progress; return 1 where something is wrong."""
    from rich.progress import Progress

    parser = argparse.ArgumentParser(prog="python -m radbench_lidc", description=__doc__)
    parser.add_argument("root", help="folder that LIDC-IDRI was downloaded to")
    parser.add_argument("--profile", choices=sorted(LidcIdri.Config.presets), default="quick")
    parser.add_argument("--workers", type=int, default=None, help="processes; one per core where left out")
    given = parser.parse_args(arguments)
    data = LidcIdri(LidcIdri.Config(root=given.root, **LidcIdri.Config.presets[given.profile]))
    try:
        entries = data.manifest()
        with Progress() as progress:
            task = progress.add_task(f"preparing lidc ({given.profile})", total=len(entries))
            faults = data.prepare(workers=given.workers, done=lambda _: progress.advance(task))
    except RadbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for fault in faults.values():
        print(f"fault: {fault}", file=sys.stderr)
    print(f"{len(entries) - len(faults)} of {len(entries)} scans are prepared")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
