"""Draw radiographs simulated from a real CT: CT2Xray at -9, 0 and 9 degrees, bones suppressed, and through a detector.

``python docs/make_xray_pictures.py OUT.png`` reads LIDC-IDRI-0001 from ``../shared/data``; ``--ct FILE.nii.gz`` takes
another CT. The picture shows a patient: it stays out of the repository.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radbench.imaging import read_volume
from radbench.xray import (
    ConeBeamGeometry,
    DetectorOptions,
    Pose,
    apply_detector,
    attenuated_intensity,
    bone_mask_from_hu,
    material_thickness,
    suppress_bone,
    ten_energies,
    without_blood_pools,
)

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
AZIMUTHS = (-9.0, 0.0, 9.0)
PIXEL_MM = 0.75
PIXELS = (430, 460)
DETECTOR = DetectorOptions(
    pixel_mm=PIXEL_MM,
    photons_per_pixel=20_000,
    scatter_to_primary=0.2,
    blur_sigma_mm=0.3,
    curve="film",
    film_middle=0.06,
)
GAP = 4

Grey = NDArray[np.uint8]


def grey(image: Tensor, low: float, high: float) -> Grey:
    """Map [1,1,h,w] to 0..255 between two values."""
    scaled = ((image - low) / (high - low)).clamp(0, 1)[0, 0]
    return np.asarray((scaled * 255 + 0.5).to(torch.uint8).numpy())


def captioned(image: Grey, text: str) -> Grey:
    """Write a caption into the upper left corner."""
    out = image.copy()
    for shift, colour in ((1, 0), (0, 255)):
        cv2.putText(out, text, (8 + shift, 18 + shift), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return out


def column(hu: Tensor, mask: Tensor, spacing_mm: tuple[float, float, float], azimuth: float) -> Grey:
    """Return one view: the radiograph, the same with its bones suppressed in two ways, and what a detector shows.

    The first three are Eq. 5's images, drawn with the logarithm of the intensity that they stand for.
    """
    geometry = ConeBeamGeometry(1800.0, 1600.0, PIXELS, (PIXEL_MM, PIXEL_MM), spacing_mm)
    bone, tissue = material_thickness(hu, mask, Pose(azimuth), geometry)
    intensity = attenuated_intensity(bone, tissue)
    most = intensity.amax()
    radiograph = most - intensity
    kept = [
        ("CT2Xray", radiograph),
        ("bone as tissue of its mass", suppress_bone(radiograph, bone, tissue)),
        ("of 0.7 of its mass", suppress_bone(radiograph, bone, tissue, tissue_per_bone=0.7)),
    ]
    logs = [(name, -torch.log((most - image).clamp_min(1e-6))) for name, image in kept]
    low, high = (float(v) for v in torch.quantile(logs[0][1], torch.tensor([0.02, 0.995])))
    tiles = [captioned(grey(image, low, high), f"{name}, {azimuth:+.0f} degrees") for name, image in logs]
    film = apply_detector(intensity / ten_energies().total, DETECTOR, torch.Generator().manual_seed(0))
    tiles.append(captioned(grey(film, 0.15, 1.0), f"film, scatter, noise, blur, {azimuth:+.0f} degrees"))
    return np.vstack([cv2.copyMakeBorder(t, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT) for t in tiles]).astype(np.uint8)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.png", help="where to write the picture")
    parser.add_argument("--ct", type=Path, default=SHARED / "lidc-0001" / "ct.nii.gz", help="a chest CT in HU")
    arguments = parser.parse_args()
    if not arguments.ct.exists():
        raise SystemExit(f"'{arguments.ct.name}' is not present: name a chest CT with --ct FILE.nii.gz")
    ct = read_volume(arguments.ct)
    hu = ct.hu[None, None]
    with torch.no_grad():
        mask = without_blood_pools(bone_mask_from_hu(hu), ct.spacing_mm)
        picture = np.hstack([column(hu, mask, ct.spacing_mm, azimuth) for azimuth in AZIMUTHS])
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(arguments.out), picture)
    print(f"wrote {arguments.out.name}: {picture.shape[1]} x {picture.shape[0]}")


if __name__ == "__main__":
    main()
