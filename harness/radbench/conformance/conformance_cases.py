"""Cases for trying plugins on: a plugin file with a data set that has every truth but volumes, and an enhancer that has
every layer."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

from radbench.contracts.case import IMAGE_TARGETS, MASK_TARGETS
from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.enhancement import LAYERS, THICKNESSES
from radbench.contracts.errors import CaseError
from radbench.contracts.specs import DatasetSpec, EnhancerSpec
from radbench.registry.hookspecs import hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.case import Case
    from radbench.contracts.enhancement import Enhancement

DATASET = "conformance-cases"
LAYERED = "conformance-layers"
GIVEN = (*sorted(MASK_TARGETS), *sorted(IMAGE_TARGETS), "recist", "findings", "boxes", "hu")
_SPLITS = {"train": 12, "validation": 4, "test": 6}


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Offer the cases."""
    summary = "Made-up cases with every truth, to try plugins on"
    return [DatasetSpec(DATASET, "conformance_cases:MadeCases", summary, targets=GIVEN)]


@hookimpl
def radbench_enhancers() -> list[EnhancerSpec]:
    """Offer the enhancer."""
    summary = "The image itself as every layer, to try tasks on"
    return [EnhancerSpec(LAYERED, "conformance_cases:with_layers", summary, layers=tuple(sorted(LAYERS)))]


def with_layers(images: Tensor) -> Enhancement:
    """Return the images with themselves as every layer."""
    from radbench.contracts.enhancement import Enhancement

    return Enhancement(images, {name: images * (20 if name in THICKNESSES else 1) for name in sorted(LAYERS)})


class MadeCases:
    """Smooth bright and dark shapes with noise, a patient to every case; each test case has a twin without a lesion."""

    class Config(BaseConfig):
        """Which cases."""

        masks: Literal["drawn", "empty", "full"] = param("drawn", "what the masks mark", source="assumed")
        image: Literal["drawn", "constant"] = param("drawn", "what the images show", source="assumed")
        height: int = param(96, "rows", source="assumed", ge=1)
        width: int = param(80, "columns", source="assumed", ge=1)

    modality = "any"
    targets = frozenset(GIVEN)

    def __init__(self, config: Config) -> None:
        self.config = config
        self._splits = {
            f"{kind}{split}-{i}": split
            for split, count in _SPLITS.items()
            for i in range(count)
            for kind in (("", "plain-") if split == "test" else ("",))
        }

    def manifest(self) -> list[CaseEntry]:
        """List the cases."""
        found = []
        for case_id, split in self._splits.items():
            digest = hashlib.sha256(f"{case_id} {self.config.model_dump_json()}".encode()).hexdigest()
            twin = f"plain-{case_id}" if split == "test" and not case_id.startswith("plain-") else ""
            found.append(CaseEntry(case_id, _patient(case_id), split, digest, _groups(case_id), twin))
        return found

    def load(self, case_id: str) -> Case:
        """Make a case."""
        from radbench.contracts.case import Case

        if case_id not in self._splits:
            raise CaseError(f"there is no case '{case_id}'")
        image, inside = made_image(self.config.height, self.config.width, _patient(case_id))
        if self.config.image == "constant":
            image = image.new_full(image.shape, 0.5)
        plain = case_id.startswith("plain-") or self.config.masks == "empty"
        mask = inside.new_zeros(inside.shape) if plain else inside | (self.config.masks == "full")
        targets: dict[str, Any] = {name: mask.clone() for name in MASK_TARGETS}
        targets |= {name: (image * mask).contiguous() for name in IMAGE_TARGETS}
        targets["recist"] = _recist(self.config.height, self.config.width)
        odd = int(_patient(case_id).rpartition("-")[2]) % 2
        targets["findings"] = {"nodule": 0.0 if plain else 1.0, "effusion": float(odd)}
        targets["boxes"] = {} if plain else {"nodule": _box(self.config.height, self.config.width)}
        targets["hu"] = image * 2000 - 1000
        return Case(
            case_id,
            _patient(case_id),
            image,
            spacing_mm=(0.8, 0.8),
            groups=_groups(case_id),
            provenance={"generator": DATASET},
            targets=targets,
        )


def made_image(height: int, width: int, salt: str) -> tuple[Tensor, Tensor]:
    """Return an image, float32 ``[1,H,W]`` in [0,1], and a mask, bool ``[1,H,W]``, that holds its middle pixel."""
    import numpy as np
    import torch

    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(salt.encode()).digest()[:8], "big"))
    y, x = np.mgrid[0:height, 0:width]
    down, right = (y - height // 2) / max(1, height / 4), (x - width // 2) / max(1, width / 6)
    inside = down**2 + right**2 <= 1
    shade = 0.35 + 0.2 * np.sin(x / 7 + rng.uniform(0, 6)) * np.cos(y / 5) + 0.3 * inside
    image = np.clip(shade + rng.normal(0, 0.03, (height, width)), 0, 1)
    return torch.from_numpy(image.astype(np.float32))[None], torch.from_numpy(inside)[None]


def _patient(case_id: str) -> str:
    return case_id.removeprefix("plain-")


def _groups(case_id: str) -> dict[str, str]:
    return {"size": "small" if int(_patient(case_id).rpartition("-")[2]) % 2 else "large"}


def _recist(height: int, width: int) -> Tensor:
    import torch

    x, y, long, short = width // 2, height // 2, height // 4, width // 6
    return torch.tensor([[x, y - long], [x, y + long], [x - short, y], [x + short, y]], dtype=torch.float32)


def _box(height: int, width: int) -> Tensor:
    import torch

    long, short = height // 4, width // 6
    edges = [width // 2 - short, height // 2 - long, width // 2 + short + 1, height // 2 + long + 1]
    return torch.tensor([edges], dtype=torch.float32)
