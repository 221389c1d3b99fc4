"""Pictures beside the weights: a grid of samples per epoch, and the curves of G and D."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from radbench.contracts.atomic import replace_file
from radbench.imaging.write import write_image
from radbench.learn.batch import Batch
from radbench.learn.draws import Draws
from radbench_sgan.losses import Nets, squared_error

_ROWS, _GAP = 6, 2


def file_name(name: str) -> str:
    """Return a training's name as its files have it."""
    return re.sub(r"[\s/\\]+", "-", name)


def grid(columns: Sequence[Tensor]) -> Tensor:
    """Put images side by side, a row for each lesson: ``[B,1,H,W]`` per column, in all ``[1,h,w]`` in [0,1]."""
    framed = [
        torch.nn.functional.pad(c.float().nan_to_num().clamp(0, 1), (0, _GAP, 0, _GAP), value=1.0) for c in columns
    ]
    return torch.cat([torch.cat([c[i, 0] for c in framed], dim=1) for i in range(len(framed[0]))])[None].cpu()


@dataclass
class Album:
    """Keeps a grid of samples of every epoch: what G saw, what it made, what was clean.

    It is told the epoch by what prepares the training's batches, and shown the networks by what scores the validation.

    Attributes:
        name: of the training.
        folder: where the pictures go; it is no part of what the training is.
        epoch: counted from 1.
    """

    name: str
    folder: Path = field(repr=False)
    epoch: int = field(default=0, repr=False)

    def turn(self, draws: Draws) -> None:
        """Note which epoch is being trained."""
        if draws.training:
            self.epoch = draws.epoch + 1

    def keep(self, batch: Batch, made: Tensor) -> None:
        """Write the grid of the validation's first batch."""
        if batch.places[:1] == (0,) and self.epoch:
            few = [batch["image"][:_ROWS], made[:_ROWS], batch["clean"][:_ROWS]]
            write_image(self.folder / f"{file_name(self.name)}.epoch-{self.epoch:04d}.png", grid(few))


@dataclass(frozen=True)
class Judged:
    """The score of an epoch: the generator's squared error on the validation's patches; it fills the album."""

    album: Album

    def __call__(self, nets: Nets, batch: Batch) -> Tensor:
        """Return each lesson's squared error, ``[B]``."""
        made = nets["G"](batch["image"])
        self.album.keep(batch, made)
        return squared_error(made.clamp(0.0, 1.0), batch["clean"])


def draw_curves(path: Path, title: str, rows: Sequence[Mapping[str, float]], names: Mapping[str, str]) -> None:
    """Write a picture of a training's curves, each on a scale of its own, from its least to its greatest value.

    Args:
        path: of the PNG.
        title: above it.
        rows: one per epoch, as in the table beside it.
        names: the columns to draw, and what to call each.
    """
    from PIL import Image, ImageDraw

    width, height, left, top = 640, 120, 8, 24
    picture = Image.new("RGB", (width, top + (height + 24) * len(names)), "white")
    pen = ImageDraw.Draw(picture)
    pen.text((left, 4), f"{title}: epochs 1 to {len(rows)}", fill="black")
    for i, (column, called) in enumerate(names.items()):
        values = [float(row.get(column, math.nan)) for row in rows]
        known = [v for v in values if math.isfinite(v)]
        above = top + i * (height + 24)
        pen.rectangle((left, above + 16, width - left, above + 16 + height), outline="#bbbbbb")
        if not known:
            pen.text((left, above), f"{called}: none", fill="black")
            continue
        low, high = min(known), max(known)
        pen.text((left, above), f"{called}: {known[0]:.4g} to {known[-1]:.4g} (least {low:.4g}, greatest {high:.4g})",
                 fill="black")  # fmt: skip
        step = (width - 2 * left) / max(1, len(values) - 1)
        points = [
            (left + k * step, above + 16 + height * (1 - (v - low) / ((high - low) or 1.0)))
            for k, v in enumerate(values)
            if math.isfinite(v)
        ]
        pen.line(points if len(points) > 1 else points * 2, fill="#1f5fa8", width=2)
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    replace_file(path, stream.getvalue())
