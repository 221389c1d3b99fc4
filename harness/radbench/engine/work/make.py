"""Make: a case is loaded from its data set and held against its contract and its line of the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radbench.contracts.case import Case, validate_case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import CaseError, ChangedInputError


def load(dataset: Any, listed: Mapping[str, str], entry: CaseEntry) -> Case:
    """Load a case.

    Args:
        dataset: an open data set.
        listed: the digest of each case by its id, as the data set lists them in this process.
        entry: the case as the plan knows it.

    Raises:
        CaseError: it breaks the contract, or is another one than the manifest says.
        ChangedInputError: it is another one than the plan says.
        Exception: whatever the data set raises.
    """
    import torch

    if listed.get(entry.case_id) != entry.digest:
        raise ChangedInputError(
            f"case '{entry.case_id}' is no longer the one that was planned: what it is read from was changed during "
            "the run; let nothing write there, and run again"
        )
    with torch.no_grad():
        case = dataset.load(entry.case_id)
    if not isinstance(case, Case):
        raise CaseError(f"case '{entry.case_id}': the data set gave {type(case).__name__}, not a Case")
    case = validate_case(case)
    if case.case_id != entry.case_id or case.patient_id != entry.patient_id:
        raise CaseError(f"the data set gave case '{case.case_id}' of '{case.patient_id}' for '{entry.case_id}'")
    return case
