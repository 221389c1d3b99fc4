"""Images that another program enhanced, matched by case id: images."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.contracts.case import CaseInfo
from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import local, param
from radbench.contracts.errors import CaseError, InvalidOutputError
from radbench.imaging import file_digests, find_images, read_image

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Images:
    """Reads the enhanced image of each case from a folder.

    The file of a case is the case id with any suffix that :func:`radbench.imaging.read_image` reads; an id
    with ``/`` lies in subfolders.

    Raises:
        DatasetError: the folder is missing, or two of its files give one case id.
    """

    class Config(BaseConfig):
        """Where the images lie."""

        root: Path = local(description="folder of the enhanced images")
        polarity: str = param(
            "declared",
            description="'declared': bright is what the file says; 'reversed': the other way",
            source="assumed",
            pattern="^(declared|reversed)$",
        )
        bits: int | None = param(
            None,
            description="the depth that counts as the whole range, where the files' own is larger (12 bits in 16)",
            source="assumed",
            ge=1,
            le=32,
        )

    def __init__(self, config: Config) -> None:
        self.config = config
        self.files = find_images(config.root)

    def enhance(self, images: Tensor, cases: Sequence[CaseInfo]) -> Tensor:
        """Return the file of every case.

        Args:
            images: ``[B,1,H,W]``; only their size and device are used.
            cases: their identities.

        Returns:
            float32 ``[B,1,H,W]`` in [0,1].

        Raises:
            CaseError: a case has no file, or its file cannot be read.
            InvalidOutputError: a file has another size than its case.
        """
        import torch

        return torch.stack([self._read(case, images.shape) for case in cases]).to(images.device)

    def fingerprint(self) -> str:
        """Return the SHA-256 over the names and contents of the folder's images, and of what they are read with."""
        digest = hashlib.sha256()
        for case_id, path in self.files.items():
            for file in (path, *_header_of(path)):
                digest.update(f"{case_id}\0{file.suffix.lower()}\0".encode())
                digest.update(bytes.fromhex(self._digests[file]))
        return digest.hexdigest()

    @cached_property
    def _digests(self) -> Mapping[Path, str]:
        return file_digests(self.config.root, [f for path in self.files.values() for f in (path, *_header_of(path))])

    def _read(self, case: CaseInfo, expected: torch.Size) -> Tensor:
        path = self.files.get(case.case_id)
        if path is None:
            raise CaseError(
                f"case '{case.case_id}' has no image in '{self.config.root}': a file named "
                f"'{case.case_id}' with an image suffix was expected; there are {len(self.files)} images"
                f"{self._examples()}"
            )
        read = read_image(path, digests=self._digests, polarity=self.config.polarity, bits=self.config.bits)
        image = read.image
        if noticed := read.provenance.get("noticed"):
            warnings.warn(f"case '{case.case_id}': '{path.name}': {noticed}", stacklevel=2)
        if image.shape != expected[1:]:
            raise InvalidOutputError(
                f"case '{case.case_id}': '{path}' is {image.shape[1]} x {image.shape[2]} (rows x columns), "
                f"the case is {expected[2]} x {expected[3]}; enhanced images must keep the size"
            )
        return image

    def _examples(self) -> str:
        return f", such as '{next(iter(self.files.values())).name}'" if self.files else ""


def _header_of(path: Path) -> list[Path]:
    """Return the ``.hdr`` beside an ``.img``, where there is one."""
    header = path.with_suffix(".hdr")
    return [header] if path.suffix.lower() == ".img" and header.exists() else []
