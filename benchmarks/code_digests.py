"""The digests of every source file and of every built-in factory's files, to be compared between Pythons.

    python benchmarks/code_digests.py [--json]

It needs no package, so that any Python can run it beside the checkout. Keys hold such digests: if two Pythons gave
different ones, rows of one could not be verified or merged on the other.
"""

import argparse
import hashlib
import json
import platform
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
ROOTS = [CHECKOUT / name for name in ("harness", "plugins", "datasets")]
sys.path[:0] = [str(root) for root in ROOTS]

from radbench.engine.keep.code import code_of  # noqa: E402
from radbench.engine.keep.syntax import scan  # noqa: E402


def digests_of() -> dict[str, dict[str, str]]:
    """Return the digests of files by their names, with docstrings and without, and of factories."""
    files = {file.relative_to(root).as_posix(): file for root in ROOTS for file in sorted(root.rglob("*.py"))}
    scans = {name: scan(file.read_bytes()) for name, file in files.items()}
    factories: dict[str, str] = {}
    for name in [name for name in files if name.endswith("/plugin.py")]:
        for factory in (text for text in scans[name].texts if ":" in text):
            # Which other distributions are installed is the environment's affair, not the Python's.
            modules = sorted(code_of([factory.partition(":")[0]]).modules)
            said = [(module, scans[file].digest) for module in modules if (file := _file(module, files))]
            factories[factory] = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    return {
        "files": {name: found.digest for name, found in scans.items()},
        "with docstrings": {name: found.documented for name, found in scans.items()},
        "factories": factories,
    }


def _file(module: str, files: dict[str, Path]) -> str:
    path = module.replace(".", "/")
    return next((name for name in (f"{path}.py", f"{path}/__init__.py") if name in files), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="everything, for another program")
    given = parser.parse_args()
    found = digests_of()
    if given.json:
        print(json.dumps(found))
        return
    print(f"Python {platform.python_version()}\n\n| | digest |\n|---|---|")
    for what, digests in found.items():
        together = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()
        print(f"| {len(digests)} {what}, together | {together[:16]} |")
    for factory, digest in sorted(found["factories"].items()):
        print(f"| {factory} | {digest[:16]} |")


if __name__ == "__main__":
    main()
