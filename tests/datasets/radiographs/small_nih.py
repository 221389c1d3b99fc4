"""A small ChestX-ray14, opened, and lines of its tables changed."""

from radbench.contracts.dataset import check_manifest
from radbench_nih.config import NihConfig
from radbench_nih.dataset import NihChestXray14


def opened(root, **fields):
    return NihChestXray14(NihConfig(root=root, **{"pixels": None, **fields}))


def entries_of(root, **fields):
    entries = opened(root, **fields).manifest()
    check_manifest("nih-cxr14", entries)
    return entries


def rewritten(root, number, line, table="Data_Entry_2017.csv"):
    """Change a line of a table, counted from 1."""
    lines = (root / table).read_text().splitlines()
    lines[number - 1] = line
    (root / table).write_text("\n".join(lines) + "\n")
