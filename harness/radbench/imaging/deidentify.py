"""De-identification of a DICOM object: the Basic Application Level Confidentiality Profile of PS3.15, Annex E.

The table of attributes is that of the package dicom-anonymizer (edition 2026c); how it is applied is here: at every
level of nesting, and in doubt the stricter of what an entry allows.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement

_EDITION = "dicomfields_2026c"

_Action = Literal["dummy", "empty", "remove", "uid", "references"]

_ACTIONS: dict[str, _Action] = {
    "D_TAGS": "dummy",
    "Z_TAGS": "empty",
    "X_TAGS": "remove",
    "U_TAGS": "uid",
    # Which of several holds depends on whether the attribute is required: a dummy is allowed either way.
    "Z_D_TAGS": "dummy",
    "X_Z_TAGS": "empty",
    "X_D_TAGS": "dummy",
    "X_Z_D_TAGS": "dummy",
    "X_Z_U_STAR_TAGS": "references",
}

_DUMMIES: dict[str, Any] = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), "ANONYMIZED"),
    **dict.fromkeys(("DS", "IS"), "0"),
    **dict.fromkeys(("FL", "FD", "SL", "SS", "UL", "US", "SV", "UV"), 0),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), b"\0\0"),
    "AS": "000Y",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "UR": "http://anonymized.invalid",
}
"""A value of each representation that says nothing."""


class Deidentifier:
    """Takes out of DICOM objects what says whose they are: of several with the same keys, so that they stay together.

    Patients get made-up names and identifiers, instances, series, studies and frames of reference made-up UIDs: the
    same for the same as long as this object lives, and nobody can lead them back, since the secret dies with it. Dates
    and times, names, places, free text and private elements go. What is drawn into the pixels stays.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def __call__(self, dataset: Dataset) -> Dataset:
        """Return a de-identified copy.

        Args:
            dataset: an image with its file's meta header.
        """
        import copy

        from radbench import __version__

        patient = str(dataset.get("PatientID", "") or dataset.get("PatientName", "") or "")
        cleaned = copy.deepcopy(dataset)
        cleaned.remove_private_tags()
        self._clean(cleaned)
        cleaned.PatientName = cleaned.PatientID = f"Anonymous-{self._digest('patient', patient)[:8].hex()}"
        cleaned.PatientIdentityRemoved = "YES"
        cleaned.DeidentificationMethod = f"radbench {__version__}, PS3.15 E, basic profile; pixels as they were"
        cleaned.DeidentificationMethodCodeSequence = [_basic_profile()]
        cleaned.LongitudinalTemporalInformationModified = "REMOVED"
        cleaned.file_meta.MediaStorageSOPInstanceUID = cleaned.SOPInstanceUID
        return cleaned

    def _clean(self, dataset: Dataset) -> None:
        for element in [*dataset]:
            action = _action_of(element.tag.group, element.tag.element)
            # Curves and overlays go whole: what the profile leaves of them is their texts, and sizes of nothing.
            drawn = 0x5000 <= element.tag.group <= 0x50FF or 0x6000 <= element.tag.group <= 0x60FF
            if drawn or action == "remove" or element.VR == "UN":
                del dataset[element.tag]
            elif action == "uid" and element.VR == "UI":
                element.value = self._uids(element.value)
            elif element.VR == "SQ":
                if action in (None, "references", "uid"):
                    for item in element.value or ():
                        self._clean(item)
                else:
                    element.value = []
            elif action == "dummy":
                element.value = self._uids(element.value) if element.VR == "UI" else _DUMMIES.get(element.VR, "")
            elif action in ("empty", "references"):
                _empty(element)

    def _uids(self, value: Any) -> Any:
        from pydicom.multival import MultiValue

        if isinstance(value, MultiValue | list | tuple):
            return [self._uid(str(one)) for one in value]
        return self._uid(str(value)) if value else value

    def _uid(self, uid: str) -> str:
        # Under 2.25, as a UUID of version 8 (PS3.5 B.2, RFC 9562).
        number = int.from_bytes(self._digest("uid", uid)[:16], "big")
        number = number & ~(0xF << 76) | (0x8 << 76)
        return f"2.25.{number & ~(0x3 << 62) | (0x2 << 62)}"

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self._secret, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256)


def _empty(element: DataElement) -> None:
    element.value = b"" if element.VR.startswith("O") else None


@cache
def _table() -> tuple[dict[tuple[int, int], _Action], tuple[tuple[tuple[int, int, int, int], _Action], ...]]:
    """Return what becomes of single attributes, and of those of repeating groups (group, element and their masks)."""
    from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector

    lists = dicom_anonymization_database_selector(_EDITION)
    entries = [(tag, action) for name, action in _ACTIONS.items() for tag in lists[name]]
    single = {tag: action for tag, action in entries if len(tag) == 2}
    return single, tuple((tag, action) for tag, action in entries if len(tag) == 4)


def _action_of(group: int, element: int) -> _Action | None:
    single, repeating = _table()
    if (group, element) in single:
        return single[group, element]
    for (in_group, in_element, group_mask, element_mask), action in repeating:
        if group & group_mask == in_group & group_mask and element & element_mask == in_element & element_mask:
            return action
    return None


def _basic_profile() -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = "113100", "DCM"
    item.CodeMeaning = "Basic Application Confidentiality Profile"
    return item
