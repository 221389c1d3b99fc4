"""``bench enhance``: apply an enhancer to an image, a DICOM file or a folder of them; the same kind comes out."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from radbench.cli.options import Device, Plugins, Precision, Profile, names_of, open_registry
from radbench.cli.say import say
from radbench.contracts.errors import UsageError
from radbench.engine.keep.texts import counted

if TYPE_CHECKING:
    from pydicom import Dataset

    from radbench.engine.work.enhance import LiveEnhancer

THICKEST_CM = 40.0
"""What white stands for in the picture of a thickness."""

_WRITABLE = {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".dcm"}


def enhance(
    enhancer: Annotated[str, typer.Argument(help="A name or variant.", autocompletion=names_of("enhancer"))],
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="An image, a DICOM file or a folder of them.")],
    target: Annotated[str, typer.Argument(metavar="OUTPUT", help="The file or folder to write; FOLDER/ makes one.")],
    window: Annotated[
        str,
        typer.Option(
            help="Window: LOW,HIGH in the file's units (HU for CT), the file's first or its Nth, lut, or none."
        ),
    ] = "first",
    bits: Annotated[
        int,
        typer.Option(min=0, max=32, help="The depth that counts as the whole range, where the file's own is larger."),
    ] = 0,
    frame: Annotated[
        str,
        typer.Option(metavar="N|all", help="Of a file of several frames, pages or NIfTI slices: the Nth, or each."),
    ] = "",
    plane: Annotated[
        str, typer.Option(metavar="axial|coronal|sagittal", help="Which way a NIfTI volume is cut into slices.")
    ] = "axial",
    layers: Annotated[
        bool, typer.Option("--layers", help="Write the enhancer's layers, too; thicknesses over 40 cm.")
    ] = False,
    profile: Profile = "quick",
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
    device: Device = "auto",
    precision: Precision = "float32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    deidentify: Annotated[
        bool,
        typer.Option(
            "--deidentify",
            help="Take names, dates and identifiers out of DICOM (basic profile of PS3.15 E) and number the files of "
            "a folder. Text that is burnt into the pixels stays.",
        ),
    ] = False,
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """Enhance an image, a DICOM file or a folder.

    An enhancer that learns is trained first, where it is not yet (see bench train).

    DICOM comes out as a derived object with identifiers of its own; other images keep their bit depth.
    """
    from radbench.api import Options, load_enhancer, pick_devices
    from radbench.cli.progress import Progress
    from radbench.contracts.printable import printable as shown
    from radbench.engine.work.failures import message_of
    from radbench.registry.discovery import plugin_paths

    read_with = {"window": _window(window), "plane": _plane(plane), "bits": bits or None}
    jobs = _jobs(source, target, overwrite, _frame(frame), plane, deidentify, layers)
    write = _Writing(layers, _deidentifier(deidentify), read_with)
    where = pick_devices(device)[0]
    registry, files = open_registry(plugin), plugin_paths(plugin)
    progress = Progress()
    failed = 0
    try:
        loaded = load_enhancer(
            registry,
            enhancer,
            profile=profile,
            seed=seed,
            device=where,
            precision=precision,
            plugin_files=files,
            options=Options(device),
            reporter=progress,
        )
        progress.begin(len(jobs), "images")
        for job in jobs:
            try:
                for noticed in _one(loaded, job, write, seed, where):
                    progress.note(f"noticed: {shown(job.file)}: {_as_options(noticed)}")
            except UsageError:
                raise
            except (Exception, SystemExit) as e:
                failed += 1
                told = str(e) if isinstance(e, OSError) else message_of(e)
                progress.note(f"failed: {shown(job.file)}: {_as_options(told)}")
            progress.advance(1, shown(job.file.name))
    except KeyboardInterrupt:
        progress.close()
        say("bench: interrupted; images that are done and what is learnt are kept", err=True)
        raise typer.Exit(130) from None
    finally:
        progress.close()
    done = len(jobs) - failed
    where_to = jobs[0].to if len(jobs) == 1 else jobs[0].to.parent if source.is_file() else target
    there = f": {shown(where_to)}" if done else ""
    say(f"{done} of {counted(len(jobs), 'image')} enhanced with {loaded.label}{there}")
    if failed:
        raise typer.Exit(1)


def _window(text: str) -> str | int | tuple[float, float]:
    if text in ("first", "lut", "none"):
        return text
    low, comma, high = text.partition(",")
    try:
        if not comma and int(low) >= 1:
            return int(low)
        if comma and float(low) < float(high) and math.isfinite(float(high) - float(low)):
            return float(low), float(high)
    except ValueError:
        pass
    raise UsageError(f"--window '{text}' must be LOW,HIGH (LOW below HIGH), first, a number from 1, lut or none")


def _frame(text: str) -> int | Literal["all"] | None:
    if text in ("", "all"):
        return "all" if text else None
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise UsageError(f"--frame '{text}' must be a number from 1, or all")


def _plane(text: str) -> str:
    if text not in ("axial", "coronal", "sagittal"):
        raise UsageError(f"--plane '{text}' must be axial, coronal or sagittal")
    return text


def _as_options(told: str) -> str:
    """Return a reader's advice in the words of this command."""
    told = re.sub(r"\b(?:frame|slice_number)=1\.\.(\d+)", r"--frame 1..\1, or all", told)
    told = told.replace("window=[low,high]", "--window LOW,HIGH")
    told = re.sub(r"\b(?:frame|slice_number)=(\d*)", r"--frame \1", told).replace("--frame  ", "--frame ")
    told = re.sub(r"\bwindow=(first|none|lut)\b", r"--window \1", told)
    return re.sub(r"\bbits=(\d+)\b", r"--bits \1", told)


@dataclass(frozen=True)
class _Job:
    """An image to enhance: of which case and file, which of its frames (None: it has one), and where to."""

    case_id: str
    file: Path
    to: Path
    frame: int | None = None


@dataclass(frozen=True)
class _Writing:
    """What is written of an image, how, and with which options it was read."""

    layers: bool
    deidentify: Callable[[Dataset], Dataset] | None
    read_with: dict[str, Any]


def _deidentifier(wanted: bool) -> Callable[[Dataset], Dataset] | None:
    if not wanted:
        return None
    from radbench.imaging.deidentify import Deidentifier

    return Deidentifier()


def _jobs(
    source: Path,
    target: str,
    overwrite: bool,
    frame: int | Literal["all"] | None,
    plane: str,
    numbered: bool,
    layers: bool,
) -> list[_Job]:
    """Return everything to do, or refuse before anything is done.

    Raises:
        UsageError: nothing to read, an output that cannot be written or is there already.
    """
    from radbench.imaging import case_id_of
    from radbench.imaging.folder import list_images

    into = Path(target)
    if source.is_dir():
        if into.is_file():
            raise UsageError(f"'{source}' is a folder, so '{target}' must be one")
        if os.path.realpath(source) == os.path.realpath(into):
            raise UsageError(f"'{source}' is the folder of the images and of the output, too: name another output")
        # The output, where it lies within, holds no input.
        found = list_images(source, exclude=[into])
        if not found:
            raise UsageError(f"'{source}' holds no images")
        digits = len(str(len(found)))
        jobs = [
            _Job(case_id_of(file, source), file, into / _place(file, source, n if numbered else 0, digits))
            for n, file in enumerate(found, 1)
        ]
    elif source.is_file():
        to = into / source.name if into.is_dir() or target.endswith(("/", os.sep)) else into
        if numbered and to != into:
            to = into / f"image-1{source.suffix.lower()}"
        jobs = [_Job(source.stem, source, to)]
    else:
        raise UsageError(f"'{source}' does not exist")
    jobs = [replace(job, to=_with_writable_suffix(job.file, job.to)) for job in jobs]
    jobs = [one for job in jobs for one in _frames_of(job, frame, plane)]
    _check_outputs(jobs, into if source.is_dir() else None, overwrite, layers)
    try:
        for folder in {job.to.parent for job in jobs}:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"cannot write to '{target}': {e.strerror}") from e
    return jobs


def _check_outputs(jobs: list[_Job], into: Path | None, overwrite: bool, layers: bool) -> None:
    """Refuse outputs that would land on one another, on an input, on a file that is there, or outside the folder."""
    written = [(job, to) for job in jobs for to in (job.to, *(_layers_of(job) if layers else ()))]
    where = Counter(to for _, to in written)
    if twice := [to for _, to in written if where[to] > 1]:
        raise UsageError(f"two images would be written to '{twice[0]}': enhance their files apart")
    real = os.path.realpath
    if into is not None:
        astray = (job.to.parent for job in jobs if not Path(real(job.to.parent)).is_relative_to(real(into)))
        if (folder := next(astray, None)) is not None:
            raise UsageError(f"'{folder}' is a link that leads out of '{into}': remove it, or name another output")
    inputs = {real(job.file) for job in jobs}
    for _, to in written:
        if real(to) in inputs or (os.path.lexists(to) and not overwrite):
            raise UsageError(f"'{to}' is there already: choose another output, or --overwrite")


def _layers_of(job: _Job) -> list[Path]:
    from radbench.contracts.enhancement import LAYERS

    return [_layer_file(job.to, name) for name in LAYERS]


def _layer_file(to: Path, layer: str) -> Path:
    return to.with_name(f"{to.stem}.{layer}.png")


def _frames_of(job: _Job, frame: int | Literal["all"] | None, plane: str) -> list[_Job]:
    if frame is None:
        return [job]
    from radbench.imaging import count_frames
    from radbench.imaging.limits import limit

    count = count_frames(job.file, plane)
    if frame != "all":
        # Of a folder, files of one frame are that one.
        return [replace(job, frame=frame if count > 1 or frame > 1 else None)]
    if count == 1:
        return [job]
    if count > limit("frames"):
        # What it claims is a fault of its own when it is read.
        return [replace(job, frame=1)]
    numbers = [f"{n:0{len(str(count))}}" for n in range(1, count + 1)]
    return [
        _Job(f"{job.case_id}-{number}", job.file, job.to.with_stem(f"{job.to.stem}-{number}"), int(number))
        for number in numbers
    ]


def _place(file: Path, source: Path, number: int, digits: int) -> Path:
    """Return where below the output an image goes: as below the input, or by its number, since names tell who it is."""
    return Path(f"image-{number:0{digits}}{file.suffix.lower()}") if number else file.relative_to(source)


def _with_writable_suffix(file: Path, to: Path) -> Path:
    from radbench.imaging import is_dicom_file

    if is_dicom_file(file):
        if to.suffix.lower() not in (".dcm", file.suffix.lower()):
            raise UsageError(f"'{file}' is DICOM, so '{to.name}' must end in .dcm")
        return to
    if to.suffix.lower() in _WRITABLE - {".dcm"}:
        return to
    if to.suffix.lower() == ".dcm":
        raise UsageError(f"'{file}' is no DICOM file, so '{to.name}' cannot be derived from one: write .png or .tif")
    # What is read but never written (a GIF, a NIfTI slice, a raw file) comes out as PNG.
    bare = to.with_suffix("") if to.name.lower().endswith(".nii.gz") else to
    return bare.with_suffix(".png") if bare.suffix else bare.with_name(bare.name + ".png")


def _one(
    loaded: LiveEnhancer,
    job: _Job,
    write: _Writing,
    seed: int,
    device: str,
) -> list[str]:
    from radbench.contracts.case import CaseInfo
    from radbench.contracts.enhancement import THICKNESSES
    from radbench.engine.work.enhance import enhance as enhance_images
    from radbench.engine.work.remarks import remarks_to
    from radbench.imaging import is_dicom_file, read_image, write_derived_dicom, write_image
    from radbench.imaging.frames import is_nifti_file

    read_with = write.read_with | {"slice_number" if is_nifti_file(job.file) else "frame": job.frame}
    read = read_image(job.file, **read_with)
    info = CaseInfo(job.case_id, job.case_id, read.spacing_mm)
    remarks: list[str] = []
    with remarks_to(remarks.append):
        result = enhance_images(loaded, read.image[None].to(device), [info], seed, job.case_id)
    image = result.image[0].cpu()
    # A float file states no depth; 16 bits keep what 8 would lose.
    bits = 8 if (read.provenance["bits"] or 16) <= 8 else 16
    to = job.to
    if is_dicom_file(job.file):
        write_derived_dicom(to, image, job.file, f"radbench {loaded.label}", deidentify=write.deidentify, **read_with)
    else:
        write_image(to, image, bits=8 if to.suffix.lower() in (".jpg", ".jpeg") else bits)
    if write.layers:
        for name, layer in result.layers.items():
            if name in THICKNESSES:
                # 8 bits would leave bone a dozen greys.
                write_image(_layer_file(to, name), (layer[0].cpu() / THICKEST_CM).clamp(0.0, 1.0), bits=16)
            else:
                write_image(_layer_file(to, name), layer[0].cpu(), bits=bits)
    return [*([read.provenance["noticed"]] if "noticed" in read.provenance else []), *remarks]
