"""Style: how figures are drawn, and how one becomes a part of the page or a file."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import UsageError
from radbench.engine.keep.texts import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINE, ACCENT, CONTROL, BEST, PAPER = (
    "#1b1f24",
    "#57606a",
    "#c9d1d9",
    "#0b5cad",
    "#8a5a00",
    "#1a7f4b",
    "#fdfdfe",
)
"""What is written, what is said beside it, rules; a method, a control, what is better; what lies below. On the page
each follows the theme."""

SERIES = ("#0b5cad", "#b3440c", "#1a7f4b", "#8a3b8f", "#8a5a00", "#00747a", "#a02c4b", "#4f5b66")
"""Lines that are told apart by their colour, marker and place in the legend; all have 4.5:1 against white."""

MARKERS = "osD^vPX*"

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    CONTROL: "var(--control)",
    BEST: "var(--good)",
    PAPER: "var(--paper)",
    **{colour: f"var(--series-{k})" for k, colour in enumerate(SERIES) if k},
}
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_COLOUR = re.compile("#[0-9a-f]{6}")
_REFERS = re.compile(r"url\(#")


@contextmanager
def drawing(for_page: bool = True) -> Iterator[None]:
    """Draw in the house's style, whatever the user's own; no text is taken for mathematics.

    Args:
        for_page: texts stay texts; in files they become outlines, which look the same everywhere.
    """
    import matplotlib

    current: Any = matplotlib.rcParams
    with matplotlib.rc_context():
        # They were checked when they were put together; to check all of them takes as long as a small figure.
        dict.update(current, _settings(for_page))
        yield


@cache
def _settings(for_page: bool) -> dict[str, Any]:
    """Return every setting of matplotlib but for its windows, the defaults and ours."""
    import matplotlib

    current: Any = matplotlib.rcParams
    ours: dict[Any, Any] = {
        "font.size": 9.0,
        "font.family": ["sans-serif"],
        "font.sans-serif": ["DejaVu Sans"],
        "text.parse_math": False,
        "text.color": INK,
        "text.usetex": False,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "legend.frameon": False,
        "svg.fonttype": "none" if for_page else "path",
        "svg.hashsalt": "radbench",
        "pdf.fonttype": 42,
        "axes.unicode_minus": True,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        current.update(ours)
        return {name: dict.__getitem__(current, name) for name in current if not name.startswith("backend")}


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of so many inches with one pair of axes; it belongs to no window system."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def shortened(name: str, most: int = 34) -> str:
    """Return a name that fits beside an axis; the page's tables have it whole."""
    name = visible(name)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def name_axis(axes: Axes, names: list[str]) -> None:
    """Write names beside the places 0, 1, … from top to bottom."""
    axes.set_yticks(range(len(names)), [shortened(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def inline(figure: Figure, ident: str, alt: str) -> str:
    """Return a figure as an ``<svg>`` of the page: coloured by its theme, read aloud as ``alt``, its ids its own.

    Args:
        figure: drawn within :func:`drawing`.
        ident: what its ids begin with; letters, digits and ``-``.
        alt: what it shows, in words.
    """
    kept = io.BytesIO()
    figure.savefig(kept, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(kept.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        _adapt(element, ident)
    box = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib.update({"viewBox": box, "class": "figure", "role": "img", "aria-labelledby": f"{ident}-title"})
    title = ElementTree.Element(f"{{{_SVG}}}title", {"id": f"{ident}-title"})
    title.text = visible(alt)
    root.insert(0, title)
    ElementTree.register_namespace("", _SVG)
    return ElementTree.tostring(root, encoding="unicode")


def _adapt(element: Any, ident: str) -> None:
    for name, value in list(element.attrib.items()):
        if name == "id":
            element.set(name, f"{ident}-{value}")
        elif name in ("href", f"{{{_XLINK}}}href"):
            del element.attrib[name]
            element.set("href", f"#{ident}-{value.removeprefix('#')}")
        else:
            value = _REFERS.sub(f"url(#{ident}-", value)
            coloured = _COLOUR.sub(lambda found: _VARIABLES.get(found[0], found[0]), value)
            element.set(name, coloured.replace("'DejaVu Sans', sans-serif", "sans-serif"))
    if element.tag == f"{{{_SVG}}}text" or element.tag == f"{{{_SVG}}}tspan":
        style = element.get("style", "")
        if "fill" not in style:
            element.set("style", f"{style}; fill: var(--ink)".removeprefix("; "))


def write_files(figure: Figure, folder: Path, name: str) -> None:
    """Write ``NAME.svg`` and ``NAME.pdf``, the same bits for the same figure.

    Args:
        figure: drawn within :func:`drawing` with ``for_page=False``.
        folder: is made where it is not there.
        name: of the files.

    Raises:
        UsageError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, metadata in (
            ("svg", {"Date": None, "Creator": "radbench"}),
            ("pdf", {"CreationDate": None, "ModDate": None, "Creator": "radbench", "Producer": None}),
        ):
            kept = io.BytesIO()
            figure.savefig(kept, format=kind, metadata=metadata)
            replace_file(folder / f"{name}.{kind}", kept.getvalue())
    except OSError as e:
        raise UsageError(f"cannot write figures into '{folder}': {e.strerror or e}") from e
