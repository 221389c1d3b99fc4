"""``bench views``: other views of one radiograph, as frames and as an animation, with the bones beside them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.options import Device, Plugins, Precision, Profile, names_of, open_registry
from radbench.cli.say import say
from radbench.contracts.errors import UsageError
from radbench.engine.keep.texts import counted

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.enhancement import Enhancement

_MOST_STEPS = 361
_FRAME_MS = 80
_LONGEST = 512


def views(
    enhancer: Annotated[str, typer.Argument(help="A name or variant.", autocompletion=names_of("enhancer"))],
    source: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image or a DICOM file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write to; it is made.")],
    first: Annotated[float, typer.Option("--from", help="The first azimuth, in degrees.")] = -9.0,
    last: Annotated[float, typer.Option("--to", help="The last azimuth, in degrees.")] = 9.0,
    steps: Annotated[int, typer.Option(min=1, max=_MOST_STEPS, help="How many views.")] = 21,
    elevation: Annotated[float, typer.Option(help="Of all views, in degrees.")] = 0.0,
    profile: Profile = "quick",
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
    device: Device = "auto",
    precision: Precision = "float32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """Show a radiograph from other azimuths: positive ones turn the source towards the patient's left.

    An enhancer that learns is trained first, where it is not yet (see bench train).

    OUT gets a PNG for each view, one for its bones where the enhancer tells them, and views.gif, which swings to and
    fro with the bones beside it.
    """
    from radbench.api import Options, load_enhancer, pick_devices
    from radbench.cli.progress import Progress
    from radbench.contracts.case import CaseInfo
    from radbench.contracts.printable import printable as shown
    from radbench.engine.plan.pairs import plan_enhancer
    from radbench.engine.plan.request import Request
    from radbench.engine.work.enhance import enhance as enhance_images
    from radbench.imaging import read_image
    from radbench.registry.discovery import plugin_paths
    from radbench.xray import Pose

    angles = _angles(first, last, steps, elevation)
    if not source.is_file():
        raise UsageError(f"'{source}' is no file: bench views takes one image")
    files = _files(target, angles, overwrite)
    where = pick_devices(device)[0]
    registry, paths = open_registry(plugin), plugin_paths(plugin)
    asked = plan_enhancer(registry, Request((enhancer,), (), profile=profile, seeds=(seed,), plugin_files=tuple(paths)))
    if not asked.spec.renders:
        raise UsageError(
            f"enhancer '{asked.label}' renders no views: bench info NAME says of an enhancer whether it does"
        )
    read = read_image(source)
    _make(target)
    progress = Progress()
    try:
        loaded = load_enhancer(
            registry,
            enhancer,
            profile=profile,
            seed=seed,
            device=where,
            precision=precision,
            plugin_files=paths,
            options=Options(device),
            reporter=progress,
        )
        info = CaseInfo(source.stem, source.stem, read.spacing_mm)
        poses = [Pose(angle, elevation) for angle in angles]
        found = enhance_images(loaded, read.image[None].to(where), [info], seed, info.case_id, poses)
    except KeyboardInterrupt:
        progress.close()
        say("bench: interrupted; what is learnt is kept", err=True)
        raise typer.Exit(130) from None
    finally:
        progress.close()
    _write(found, files, target / "views.gif")
    say(f"{counted(len(angles), 'view')} with {loaded.label}: {shown(target)}")


def _angles(first: float, last: float, steps: int, elevation: float) -> list[float]:
    """Return the azimuths, evenly spaced.

    Raises:
        UsageError: an angle that no view has.
    """
    for name, angle in (("--from", first), ("--to", last), ("--elevation", elevation)):
        if not math.isfinite(angle) or abs(angle) > 90:
            raise UsageError(f"{name} must be an angle from -90 to 90 degrees, got {angle:g}")
    if steps == 1:
        return [first]
    # Rounded, so that the middle of an odd number is the frontal view itself.
    return [round(first + (last - first) * i / (steps - 1), 9) for i in range(steps)]


def _files(target: Path, angles: list[float], overwrite: bool) -> list[Path]:
    """Return where each view goes, by number and angle.

    Raises:
        UsageError: a file is there already.
    """
    digits = len(str(len(angles)))
    files = [target / f"view-{n:0{digits}}_{angle:+.1f}.png" for n, angle in enumerate(angles, 1)]
    written = [*files, *(_bone_file(file) for file in files), target / "views.gif"]
    if (there := [file for file in written if file.exists()]) and not overwrite:
        raise UsageError(f"'{there[0]}' is there already: choose another folder, or --overwrite")
    return files


def _make(target: Path) -> None:
    """Make the folder.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"cannot write to '{target}': {e.strerror}") from e


def _bone_file(file: Path) -> Path:
    return file.with_name(f"{file.stem}.bone.png")


def _write(found: Enhancement, files: list[Path], animation: Path) -> None:
    import torch

    from radbench.imaging import write_image

    images = found.image[0].cpu()
    bones = found.layers["bone_image"][0].cpu() if "bone_image" in found.layers else None
    frames = []
    for i, file in enumerate(files):
        write_image(file, images[i])
        if bones is not None:
            write_image(_bone_file(file), bones[i])
        frames.append(images[i] if bones is None else torch.cat([images[i], bones[i]], dim=2))
    _animate(frames, animation)


def _animate(frames: list[Tensor], file: Path) -> None:
    """Write grey frames ``[1,H,W]`` in [0,1] as a GIF that swings to and fro without end."""
    import io

    from PIL import Image

    from radbench.imaging.write import write_bytes
    from radbench.learn.batch import resized

    height, width = frames[0].shape[1:]
    factor = min(1.0, _LONGEST / height)
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    small = [resized(frame[None], size)[0, 0] for frame in frames]
    pictures = [Image.fromarray((f.clamp(0, 1) * 255).round().byte().numpy()) for f in small]
    swing = pictures + pictures[-2:0:-1]
    stream = io.BytesIO()
    swing[0].save(stream, "GIF", save_all=True, append_images=swing[1:], duration=_FRAME_MS, loop=0)
    write_bytes(file, stream.getvalue())
