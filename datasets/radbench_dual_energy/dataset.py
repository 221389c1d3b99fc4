"""The data set dual-energy: another data set's radiographs, each with its soft-tissue image from a folder beside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from radbench.contracts.case import ON_DEMAND, Case, LookedUp
from radbench.contracts.config import Config, PartName, local, param, part
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import CaseError, DatasetError, ImageReadError
from radbench.contracts.specs import DatasetSpec
from radbench.imaging import check_folder, file_digests, find_images, read_image
from radbench.imaging.stored import MAPPING_VERSION

TARGET = "soft_tissue_image"


class DualEnergyConfig(Config):
    """Whose radiographs, where their soft-tissue images lie, and how these are named and shown."""

    of: PartName = part("dataset", description="The data set of the radiographs: folder[root=PATH].")
    soft_tissue: Path = local(
        description="Folder of the soft-tissue images: that of case a/b is a/b with any image suffix. A case without "
        "is reported when it is loaded.",
    )
    renamed: tuple[str, str] | None = param(
        None,
        "[this,that]: the soft-tissue image has the case's id with that for this, where names tell the two apart.",
        source="assumed",
    )
    polarity: Literal["declared", "reversed"] = param(
        "declared",
        "Of the soft-tissue images. declared: as the format says; reversed: the other way.",
        source="assumed",
    )


class DualEnergy:
    """The cases of another data set with the target ``soft_tissue_image``.

    Case ids, patients, splits, groups, twins and all other targets are the other data set's.

    Args:
        config: whose radiographs, and where the others lie.
        parts: ``of``, the other data set, open.

    Raises (by its methods):
        DatasetError: the folder is missing, is a file, or holds the image of no case.
        CaseError: a case has no soft-tissue image, or one that cannot be read or is of another size.

    Attributes:
        modality: the other data set's.
        targets: the other data set's, and ``soft_tissue_image``.
        collection: the other data set's, where it names one.
        config: the configuration it was built from.
    """

    Config = DualEnergyConfig

    def __init__(self, config: DualEnergyConfig, parts: Any) -> None:
        self.config, self.of = config, parts.of
        self.modality: str = self.of.modality
        if hasattr(self.of, "collection"):
            self.collection: str = self.of.collection

    @property
    def targets(self) -> frozenset[str]:
        """The other data set's, and ``soft_tissue_image``."""
        return frozenset(self.of.targets) | {TARGET}

    def manifest(self) -> list[CaseEntry]:
        """List the other data set's cases; a digest covers that case's own, its soft-tissue image's and the options."""
        return [replace(entry, digest=self._digest(entry)) for entry in self.of.manifest()]

    def load(self, case_id: str) -> Case:
        """Load one case with its soft-tissue image, float32 ``[1,H,W]`` in [0,1], as its file shows it."""
        case = self.of.load(case_id)
        path = self._soft.get(self._name(case_id))
        if path is None:
            raise CaseError(
                f"case '{case_id}' has no soft-tissue image: there is no '{self._name(case_id)}.*' in "
                f"'{self.config.soft_tissue}'"
            )
        try:
            read = read_image(path, digests=self._digests, polarity=self.config.polarity)
        except ImageReadError as error:
            raise type(error)(f"case '{case_id}': {error}") from error
        if read.image.shape != case.image.shape:
            raise CaseError(
                f"case '{case_id}': soft-tissue image '{path.name}' is {read.image.shape[1]} x {read.image.shape[2]} "
                f"(rows x columns), its radiograph {case.image.shape[1]} x {case.image.shape[2]}; they must be equal"
            )
        ready = {name: case.targets[name] for name in case.targets if name not in ON_DEMAND} | {TARGET: read.image}
        later = {name: partial(case.targets.__getitem__, name) for name in case.targets if name in ON_DEMAND}
        return replace(
            case,
            targets=LookedUp(ready, later) if later else ready,
            provenance={**case.provenance, TARGET: dict(read.provenance)},
        )

    def _name(self, case_id: str) -> str:
        return case_id if self.config.renamed is None else case_id.replace(*self.config.renamed)

    @cached_property
    def _soft(self) -> Mapping[str, Path]:
        found = find_images(check_folder(self.config.soft_tissue))
        wanted: dict[str, str] = {}
        for entry in self.of.manifest():
            name = self._name(entry.case_id)
            if (other := wanted.setdefault(name, entry.case_id)) != entry.case_id:
                raise DatasetError(
                    f"cases '{other}' and '{entry.case_id}' would both have the soft-tissue image '{name}': renamed "
                    "must leave each a name of its own"
                )
        if not found.keys() & wanted.keys():
            example = next(iter(wanted), "")
            raise DatasetError(
                f"none of the {len(found)} images in '{self.config.soft_tissue}' is that of a case: it "
                f"has the case's name, for example '{example}', or renamed=[this,that] says how it differs"
            )
        return {name: path for name, path in found.items() if name in wanted}

    @cached_property
    def _digests(self) -> Mapping[Path, str]:
        return file_digests(check_folder(self.config.soft_tissue), self._soft.values())

    def _digest(self, entry: CaseEntry) -> str:
        path = self._soft.get(self._name(entry.case_id))
        soft = None if path is None else [self._digests[path], path.suffix.lower()]
        made_of = [entry.digest, soft, self.config.polarity, MAPPING_VERSION]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def spec_of_dual_energy(spec: DatasetSpec, config: DualEnergyConfig, parts: Mapping[str, Any]) -> DatasetSpec:
    """Return the spec: all but the soft-tissue image is the other data set's."""
    of = parts["of"]
    targets = (*(name for name in of.targets if name != TARGET), TARGET)
    return replace(spec, modality=of.modality, targets=targets, slow=of.slow, licence=of.licence, citation=of.citation)
