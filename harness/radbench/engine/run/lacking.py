"""Lacking: which lessons and weights were made without cases that failed."""

from __future__ import annotations

from radbench.engine.keep.pieces import DamagedPieceError, read_header
from radbench.engine.keep.store import Store, StoreError


def lacks(store: Store, key: str) -> bool:
    """Tell whether weights that are there lack lessons of cases that failed."""
    try:
        return bool(store.weights_facts(key).get("lacked"))
    except StoreError:
        return False


def cases_lacking(store: Store, piece: str) -> set[str]:
    """Return the ids of the cases whose lessons failed; none where the piece is not there or cannot be read."""
    try:
        return {one.case_id for one in read_header(store.piece(piece)).empty if one.status}
    except DamagedPieceError:
        return set()


def is_damaged(store: Store, piece: str) -> bool:
    """Tell whether a piece is there and its header cannot be read."""
    try:
        read_header(store.piece(piece))
    except DamagedPieceError:
        return store.has_piece(piece)
    return False
