"""``bench enhance``: apply an enhancer to an image, a DICOM file or a folder of them; the same kind comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radbench.cli.options import Device, Plugins, Profile, names_of, open_registry
from radbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from radbench.engine.work.enhance import LiveEnhancer

_WRITABLE = {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".dcm"}


def enhance(
    enhancer: Annotated[str, typer.Argument(help="A name or variant.", autocompletion=names_of("enhancer"))],
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="An image, a DICOM file or a folder of them.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The file or folder to write.")],
    window: Annotated[
        str,
        typer.Option(
            help="Window: LOW,HIGH in the file's units (HU for CT), the file's first or its Nth, lut, or none."
        ),
    ] = "first",
    layers: Annotated[bool, typer.Option("--layers", help="Write the enhancer's layers, too.")] = False,
    profile: Profile = "quick",
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """Enhance an image, a DICOM file or a folder.

    An enhancer that learns is trained first, where it is not yet (see bench train).

    DICOM comes out as a derived object with identifiers of its own; other images keep their bit depth.
    """
    from radbench.api import Options, load_enhancer, pick_devices
    from radbench.cli.progress import Progress
    from radbench.engine.work.failures import message_of
    from radbench.registry.discovery import plugin_paths

    read_with = {"window": _window(window)}
    jobs = _jobs(source, target, overwrite)
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
            plugin_files=files,
            options=Options(device),
            reporter=progress,
        )
        progress.begin(len(jobs), "images")
        for case_id, file, to in jobs:
            try:
                _one(loaded, case_id, file, to, layers, seed, where, read_with)
            except UsageError:
                raise
            except (Exception, SystemExit) as e:
                failed += 1
                told = str(e) if isinstance(e, OSError) else message_of(e)
                progress.note(f"failed: {file}: {told}")
            progress.advance(1, file.name)
    except KeyboardInterrupt:
        progress.close()
        typer.echo("bench: interrupted; images that are done and what is learnt are kept", err=True)
        raise typer.Exit(130) from None
    finally:
        progress.close()
    done = len(jobs) - failed
    where_to = jobs[0][2] if len(jobs) == 1 else target
    typer.echo(f"{done} of {len(jobs)} image{'s' * (len(jobs) != 1)} enhanced with {loaded.label}: {where_to}")
    if failed:
        raise typer.Exit(1)


def _window(text: str) -> str | int | tuple[float, float]:
    if text in ("first", "lut", "none"):
        return text
    low, comma, high = text.partition(",")
    try:
        if not comma:
            return int(low)
        if float(low) < float(high):
            return float(low), float(high)
    except ValueError:
        pass
    raise UsageError(f"--window '{text}' must be LOW,HIGH (LOW below HIGH), first, a number from 1, lut or none")


def _jobs(source: Path, target: Path, overwrite: bool) -> list[tuple[str, Path, Path]]:
    """Return (case id, input, output) for everything to do, or refuse before anything is done.

    Raises:
        UsageError: nothing to read, an output that cannot be written or is there already.
    """
    from radbench.imaging import find_images

    if source.is_dir():
        if target.is_file():
            raise UsageError(f"'{source}' is a folder, so '{target}' must be one")
        found = find_images(source)
        if not found:
            raise UsageError(f"'{source}' holds no images")
        jobs = [(case_id, file, target / file.relative_to(source)) for case_id, file in found.items()]
    elif source.is_file():
        to = target / source.name if target.is_dir() else target
        jobs = [(source.stem, source, to)]
    else:
        raise UsageError(f"'{source}' does not exist")
    jobs = [(case_id, file, _with_writable_suffix(file, to)) for case_id, file, to in jobs]
    there = [to for _, file, to in jobs if to.exists() or to.resolve() == file.resolve()]
    if there and (not overwrite or any(to.resolve() == file.resolve() for _, file, to in jobs)):
        raise UsageError(f"'{there[0]}' is there already: choose another output, or --overwrite")
    try:
        for folder in {to.parent for _, _, to in jobs}:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"cannot write to '{target}': {e.strerror}") from e
    return jobs


def _with_writable_suffix(file: Path, to: Path) -> Path:
    if _is_dicom(file):
        if to.suffix.lower() not in (".dcm", file.suffix.lower()):
            raise UsageError(f"'{file}' is DICOM, so '{to.name}' must end in .dcm")
        return to
    if to.suffix.lower() in _WRITABLE - {".dcm"}:
        return to
    if to.suffix.lower() == ".dcm":
        raise UsageError(f"'{file}' is no DICOM file, so '{to.name}' cannot be derived from one: write .png or .tif")
    # What is read but never written (a GIF, a NIfTI slice, a raw file) comes out as PNG.
    return to.with_suffix(".png") if to.suffix else to.with_name(to.name + ".png")


def _one(
    loaded: LiveEnhancer,
    case_id: str,
    file: Path,
    to: Path,
    layers: bool,
    seed: int,
    device: str,
    read_with: dict[str, Any],
) -> None:
    from radbench.contracts.case import CaseInfo
    from radbench.engine.work.enhance import enhance as enhance_images
    from radbench.imaging import read_image, write_derived_dicom, write_image

    read = read_image(file, **read_with)
    info = CaseInfo(case_id, case_id, read.spacing_mm)
    result = enhance_images(loaded, read.image[None].to(device), [info], seed, case_id)
    image = result.image[0].cpu()
    # A float file states no depth; 16 bits keep what 8 would lose.
    bits = 8 if (read.provenance["bits"] or 16) <= 8 else 16
    if _is_dicom(file):
        write_derived_dicom(to, image, file, f"radbench {loaded.label}", **read_with)
    else:
        write_image(to, image, bits=8 if to.suffix.lower() in (".jpg", ".jpeg") else bits)
    if layers:
        for name, layer in result.layers.items():
            write_image(to.with_name(f"{to.stem}.{name}.png"), layer[0].cpu(), bits=bits)


def _is_dicom(file: Path) -> bool:
    from radbench.imaging.dicom import is_dicom

    with file.open("rb") as stream:
        return is_dicom(stream.read(132))
