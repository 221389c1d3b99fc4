"""Gallery: the viewers of a set's picked cases, and the pictures that they stand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from radbench.engine.plan.pairs import Pair
from radbench.report.encoding import SMALL, Reduced, difference, reduced, round_scale
from radbench.report.entries import Entry
from radbench.report.outlines import Outline, around
from radbench.report.picking import Pick, Picks
from radbench.report.pictures import Seen, Studio

_CHANGED = 99.5
"""Percentile of the changes that has the full colour; single pixels may change more."""


@dataclass(frozen=True)
class Viewer:
    """A case under an enhancer.

    Attributes:
        ident: of its element.
        pick: why it is shown.
        original, enhanced, change: names of pictures; ``change`` "" for the reference.
        scale: the change that has the full colour.
        width, height: of the image, in pixels.
        closer: the part of it about the truth, as SVG's ``viewBox`` has it; "" for none.
        spacing_mm: (row, column), None where unknown.
        truth: outlines.
        shown: (what the task shows, name of the picture).
        problem: why there is no picture, or "".
        remark: what lacks beside it, or "".
    """

    ident: str
    pick: Pick
    original: str = ""
    enhanced: str = ""
    change: str = ""
    scale: float = 1.0
    width: int = 1
    height: int = 1
    closer: str = ""
    spacing_mm: tuple[float, float] | None = None
    truth: Sequence[Outline] = ()
    shown: Sequence[tuple[str, str]] = ()
    problem: str = ""
    remark: str = ""


@dataclass
class Pictures:
    """The pictures of a page, each once.

    Attributes:
        large, small: by name.
    """

    large: dict[str, Reduced] = field(default_factory=dict)
    small: dict[str, Reduced] = field(default_factory=dict)


def viewers(
    ident: str,
    place: int,
    entry: Entry,
    pair: Pair,
    picks: Picks,
    studio: Studio,
    pictures: Pictures,
    told: Callable[[str], None] = lambda text: None,
) -> list[Viewer]:
    """Return the viewers of an entry, and add their pictures.

    Args:
        ident: of the set.
        place: of the entry in it.
        entry: whose cases.
        pair: that is what was scored.
        picks: the cases of each enhancer.
        studio: where pictures are made.
        pictures: of the page.
        told: of what is being done.
    """
    wanted = picks.of.get(entry.enhancer, ())
    told(f"pictures of {entry.name}")
    seen = dict(studio.seen(pair, [pick.case for pick in wanted]))
    scale = _scale([one for one in seen.values() if isinstance(one, Seen)])
    found = []
    for number, pick in enumerate(wanted):
        own = f"{ident}-{place}-{number}"
        one = seen.get(pick.case, "it is no case of this data set any more")
        found.append(
            Viewer(own, pick, problem=one) if isinstance(one, str) else _viewer(own, pair, pick, one, scale, pictures)
        )
    return found


def _viewer(own: str, pair: Pair, pick: Pick, one: Seen, scale: float, pictures: Pictures) -> Viewer:
    # Tasks that look at the same images share their pictures.
    original = f"case-{pair.loader[:12]}-{pick.case}"
    pictures.large.setdefault(original, reduced(one.original))
    enhanced, change = original, ""
    if not np.array_equal(one.original, one.enhanced):
        enhanced = f"made-{pair.enhance_key[:12]}-{pick.case}"
        change = f"change-{pair.enhance_key[:12]}-{pick.case}-{round(1000 * scale)}"
        if enhanced not in pictures.large:
            pictures.large[enhanced] = reduced(one.enhanced)
        if change not in pictures.large:
            pictures.large[change] = reduced(difference(one.enhanced, one.original, scale))
    shown = []
    for number, (name, picture) in enumerate(one.shown.items()):
        pictures.small[f"{own}-shown-{number}"] = reduced(picture, SMALL)
        shown.append((name, f"{own}-shown-{number}"))
    height, width = one.original.shape
    return Viewer(
        own,
        pick,
        original,
        enhanced,
        change,
        scale,
        width,
        height,
        around(one.truth, width, height),
        one.spacing_mm,
        one.truth,
        shown,
        remark=one.remark,
    )


def _scale(seen: Sequence[Seen]) -> float:
    """Return the change that has the full colour in all cases of an enhancer."""
    changes = [float(np.percentile(np.abs(one.enhanced - one.original), _CHANGED)) for one in seen]
    return round_scale(max(changes, default=0.0))
