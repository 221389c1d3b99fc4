"""Images in and out: reading, windows, regions, RECIST axes, writing; imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    "write_derived_dicom": "derived",
    "file_digests": "digests",
    "count_frames": "frames",
    "is_dicom_file": "frames",
    "IMAGE_SUFFIXES": "folder",
    "case_id_of": "folder",
    "check_folder": "folder",
    "find_images": "folder",
    "LookUpTable": "intensity",
    "Window": "intensity",
    "unwindow_hu": "intensity",
    "window_hu": "intensity",
    "read_image": "read",
    "read_mask": "read",
    "body_mask_3d": "lungs",
    "lung_mask_3d": "lungs",
    "axis_lengths": "recist",
    "convex_hull": "recist",
    "recist_from_mask": "recist",
    "Region": "regions",
    "Resized": "regions",
    "crop": "regions",
    "paste": "regions",
    "resize": "regions",
    "square_region": "regions",
    "CtVolume": "series",
    "read_ct_series": "series",
    "read_volume": "series",
    "ReadImage": "stored",
    "ReadOptions": "stored",
    "ImageWriteError": "write",
    "write_image": "write",
}

__all__ = [
    "IMAGE_SUFFIXES",
    "CtVolume",
    "ImageWriteError",
    "LookUpTable",
    "ReadImage",
    "ReadOptions",
    "Region",
    "Resized",
    "Window",
    "axis_lengths",
    "body_mask_3d",
    "case_id_of",
    "check_folder",
    "convex_hull",
    "count_frames",
    "crop",
    "file_digests",
    "find_images",
    "is_dicom_file",
    "lung_mask_3d",
    "paste",
    "read_ct_series",
    "read_image",
    "read_mask",
    "read_volume",
    "recist_from_mask",
    "resize",
    "square_region",
    "unwindow_hu",
    "window_hu",
    "write_derived_dicom",
    "write_image",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.imaging.derived import write_derived_dicom
    from radbench.imaging.digests import file_digests
    from radbench.imaging.folder import IMAGE_SUFFIXES, case_id_of, check_folder, find_images
    from radbench.imaging.frames import count_frames, is_dicom_file
    from radbench.imaging.intensity import LookUpTable, Window, unwindow_hu, window_hu
    from radbench.imaging.lungs import body_mask_3d, lung_mask_3d
    from radbench.imaging.read import read_image, read_mask
    from radbench.imaging.recist import axis_lengths, convex_hull, recist_from_mask
    from radbench.imaging.regions import Region, Resized, crop, paste, resize, square_region
    from radbench.imaging.series import CtVolume, read_ct_series, read_volume
    from radbench.imaging.stored import ReadImage, ReadOptions
    from radbench.imaging.write import ImageWriteError, write_image
