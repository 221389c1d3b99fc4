"""A reader of LaTeX's tables by the rules of LaTeX and booktabs, for machines without a TeX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

SYMBOLS = {
    "textbackslash": "\\",
    "textasciitilde": "~",
    "textasciicircum": "^",
    "dots": "…",
    "pm": "±",
    "Delta": "Δ",
    "dagger": "†",
    "ddagger": "‡",
    "leq": "≤",
    "infty": "∞",
    "uparrow": "↑",
    "downarrow": "↓",
    "mu": "µ",
    "times": "×",
}
IN_MATH = {"pm", "Delta", "dagger", "ddagger", "leq", "infty", "uparrow", "downarrow", "mu", "times"}
SWITCHES = {"scriptsize", "footnotesize", "centering", "par", "smallskip", "medskip", "linewidth"}
ARGUMENTS = {"caption": 1, "label": 1, "textbf": 1, "underline": 1, "multicolumn": 3, "setlength": 2, "begin": 1}
ARGUMENTS |= {"end": 1, "includegraphics": 1}
RULES = {"toprule", "midrule", "bottomrule", "addlinespace", "cmidrule"}
LETTERS = set("&%$#_{}")
TOKEN = re.compile(
    r"\\([A-Za-z]+)[ \t]*\n?|\\(.)|(%[^\n]*\n?)|([{}$&~^_#])|(\n\s*\n)"
    r"|([^\\{}$&~^_#%]+?(?=\n\s*\n|[\\{}$&~^_#%]|\Z))",
    re.S,
)


class LatexError(Exception):
    """What LaTeX would refuse, or print otherwise than it is meant."""


@dataclass
class Tabular:
    """A ``tabular``.

    Attributes:
        columns: letters of its columns.
        rows: (cells as they are printed, how many columns each spans).
        rules: names, in their order, with the number of rows before each.
    """

    columns: str
    rows: list[list[tuple[str, int]]] = field(default_factory=list)
    rules: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Document:
    """What was read: tabulars, captions as they are printed, labels."""

    tabulars: list[Tabular] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)


def read(text: str) -> Document:
    """Read tables.

    Raises:
        LatexError: something is not as LaTeX or booktabs want it.
    """
    found = Document()
    _Reader(text, found).all()
    for one in found.tabulars:
        _check(one)
    if len(set(found.labels)) < len(found.labels):
        raise LatexError("a label stands twice")
    return found


def _check(table: Tabular) -> None:
    names = [name for name, _ in table.rules if name in ("toprule", "midrule", "bottomrule")]
    if names != ["toprule", "midrule", "bottomrule"]:
        raise LatexError(f"rules {names}")
    places = dict(table.rules)
    if places["toprule"] != 0 or places["bottomrule"] != len(table.rows) or not 0 < places["midrule"] < len(table.rows):
        raise LatexError(f"rules at {places} of {len(table.rows)} rows")
    for row in table.rows:
        if sum(span for _, span in row) != len(table.columns):
            raise LatexError(f"{row} has not {len(table.columns)} columns")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise LatexError(f"cannot read {text[at : at + 20]!r}")
        command, letter, comment, special, paragraph, plain = found.groups()
        at = found.end()
        if command:
            yield "command", command
        elif letter:
            yield ("newline", "") if letter == "\\" else ("letter", letter)
        elif special:
            yield "special", special
        elif paragraph:
            yield "paragraph", ""
        elif plain:
            yield "text", plain
        assert comment is None or comment.startswith("%")


class _Reader:
    def __init__(self, text: str, found: Document) -> None:
        self.tokens, self.at, self.found = [*_tokens(text)], 0, found
        self.inside: list[str] = []

    def _next(self) -> tuple[str, str]:
        self.at += 1
        if self.at > len(self.tokens):
            raise LatexError("something is not closed")
        return self.tokens[self.at - 1]

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def _follows(self) -> str:
        """Return the first letter of what follows, blanks left out: what an optional argument is looked for in."""
        for kind, what in self.tokens[self.at :]:
            if kind != "text":
                return what if kind == "special" else ""
            if what.strip():
                return what.strip()[0]
        return ""

    def all(self) -> None:
        while self.at < len(self.tokens):
            kind, what = self._next()
            if kind == "command" and what == "begin":
                self._environment()
            elif not _says_nothing(kind, what):
                raise LatexError(f"{what!r} stands outside")

    def _environment(self) -> None:
        name = self._argument()
        if name not in ("table", "figure"):
            raise LatexError(f"environment {name}")
        if self._follows() == "[":
            kind, what = self._next()
            if not what.lstrip().startswith("[t]"):
                raise LatexError(f"place {what!r}")
        while True:
            kind, what = self._next()
            if kind == "command" and what == "end":
                if self._argument() != name:
                    raise LatexError(f"{name} ends otherwise")
                return
            if kind == "command" and what == "begin":
                if self._argument() != "tabular":
                    raise LatexError("no tabular")
                self._tabular()
            elif kind == "command" and what == "caption":
                self.found.captions.append(self._argument())
            elif kind == "command" and what == "label":
                self.found.labels.append(self._label())
            elif kind == "command" and what == "includegraphics":
                self.found.pictures.append(self._picture())
            elif kind == "command" and what == "setlength":
                self._group()
                self._argument()
            elif not _says_nothing(kind, what):
                raise LatexError(f"{what!r} stands in {name}")

    def _picture(self) -> str:
        while self._peek() != ("special", "{"):
            self._next()
        return self._label()

    def _label(self) -> str:
        text = self._argument()
        if not re.fullmatch(r"[A-Za-z0-9:.-]+", text):
            raise LatexError(f"label {text!r}")
        return text

    def _group(self) -> list[tuple[str, str]]:
        if self._next() != ("special", "{"):
            raise LatexError("an argument lacks")
        depth, found = 1, []
        while depth:
            token = self._next()
            depth += (token == ("special", "{")) - (token == ("special", "}"))
            found.append(token)
        return found[:-1]

    def _argument(self) -> str:
        while self._peek()[0] == "text" and not self._peek()[1].strip():
            self._next()
        return _printed(self._group())

    def _tabular(self) -> None:
        spec = "".join(what for _, what in self._group()).replace("@{}", "")
        if not re.fullmatch("[lrc]+", spec):
            raise LatexError(f"columns {spec!r}: booktabs has no upright rules")
        table = Tabular(spec)
        cells: list[list[tuple[str, str]]] = [[]]
        depth = 0
        while True:
            kind, what = self._next()
            if kind == "command" and what == "end" and not depth:
                if self._argument() != "tabular":
                    raise LatexError("tabular ends otherwise")
                break
            if kind == "command" and what in RULES and not depth:
                if len(cells) > 1 or _printed(cells[0]).strip():
                    raise LatexError(f"\\{what} within a row")
                self._rule(table, what)
                cells = [[]]
            elif kind == "newline" and not depth:
                if self._follows() in ("[", "*"):
                    raise LatexError("what follows \\\\ is taken for its argument")
                table.rows.append([_cell(cell) for cell in cells])
                cells = [[]]
            elif (kind, what) == ("special", "&") and not depth:
                cells.append([])
            else:
                depth += ((kind, what) == ("special", "{")) - ((kind, what) == ("special", "}"))
                cells[-1].append((kind, what))
        if len(cells) > 1 or _printed(cells[0]).strip():
            raise LatexError("a row has no end")
        self.found.tabulars.append(table)

    def _rule(self, table: Tabular, name: str) -> None:
        if name == "cmidrule":
            text = self._next()[1].strip()
            if text != "(lr)":
                raise LatexError(f"cmidrule {text!r}")
            first, _, last = self._argument().partition("-")
            if not 1 <= int(first) <= int(last) <= len(table.columns):
                raise LatexError(f"cmidrule {first}-{last} of {len(table.columns)} columns")
        elif self._follows() == "[":
            raise LatexError(f"what follows \\{name} is taken for its argument")
        table.rules.append((name, len(table.rows)))


def _says_nothing(kind: str, what: str) -> bool:
    return what in SWITCHES if kind == "command" else kind in ("text", "paragraph") and not what.strip()


def _cell(tokens: list[tuple[str, str]]) -> tuple[str, int]:
    own = tokens[next((k for k, (_, what) in enumerate(tokens) if what.strip()), 0) :]
    if own[:1] != [("command", "multicolumn")]:
        return _printed(tokens).strip(), 1
    groups = _groups(own[1:])
    if len(groups) != 3:
        raise LatexError("multicolumn wants three arguments and nothing beside")
    return _printed(groups[2]).strip(), int(_printed(groups[0]))


def _groups(tokens: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    depth = 0
    for token in tokens:
        if token == ("special", "{"):
            depth += 1
            if depth == 1:
                found.append([])
                continue
        elif token == ("special", "}"):
            depth -= 1
            if depth == 0:
                continue
        if depth:
            found[-1].append(token)
        elif token[1].strip():
            raise LatexError(f"{token[1]!r} between arguments")
    return found


def _printed(tokens: list[tuple[str, str]]) -> str:
    """Return tokens as LaTeX prints them."""
    out: list[str] = []
    math, depth = False, 0
    for k, (kind, what) in enumerate(tokens):
        if kind == "special":
            if what == "$":
                math = not math
            elif what in "{}":
                depth += 1 if what == "{" else -1
                if depth < 0:
                    raise LatexError("braces")
            elif what in "^_" and not math:
                raise LatexError(f"{what} outside of mathematics")
            elif what not in "^_":
                raise LatexError(f"{what} is not escaped")
        elif kind == "letter":
            if what not in LETTERS | {","}:
                raise LatexError(f"\\{what}")
            out.append("" if what == "," else what)
        elif kind == "command":
            if what in SYMBOLS:
                if (what in IN_MATH) != math:
                    raise LatexError(f"\\{what} in the wrong mode")
                if what not in IN_MATH and tokens[k + 1 : k + 2] != [("special", "{")]:
                    raise LatexError(f"\\{what} swallows the blank behind it")
                out.append(SYMBOLS[what])
            elif what not in SWITCHES and what not in ("textbf", "underline", "tabcolsep"):
                raise LatexError(f"\\{what}")
        elif kind in ("newline", "paragraph"):
            raise LatexError(f"{kind} within an argument or a cell")
        else:
            strange = [c for c in what if not ((c.isprintable() and c < "\u0180") or c in " \n")]
            if strange or '"' in what or (not math and set(what) & set("<>|")):
                raise LatexError(f"{what!r} prints something else")
            out.append(what)
    if math or depth:
        raise LatexError("mathematics or a brace is left open")
    return re.sub(r"\s+", " ", "".join(out))
