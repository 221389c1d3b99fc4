"""Citations: BibTeX of exactly what was used, from what the plugins say of their sources."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import radbench

_YEAR_IN_FRONT = re.compile(r"^(?P<authors>[^\d;]+?),? (?P<year>(?:18|19|20)\d\d)(?:,? (?P<rest>.+))?$")
_YEAR_BEHIND = re.compile(r"^(?P<authors>[^\d;,]+?(?: et al\.)?), (?P<rest>.+), (?P<year>(?:18|19|20)\d\d)$")
_IN_BRACKETS = re.compile(r"^(?P<title>.*?)\s?\((?P<venue>[^()]*\d[^()]*|[A-Z][^()]*)\)$")
_BEHIND_COMMA = re.compile(r"^(?P<title>.+), (?P<venue>[^,]*\d[:(]\w[^,]*|(?:IEEE )?[A-Z]{3,})$")
"""What appeared where: a name with volume and pages, or one in capitals."""
_PLACE = re.compile(
    r",? (?:(?:sections?|equations?|Tables?|eqs?\.|pp?\.|§) ?|(?:Algorithms?|Figures?|Figs?\.) \d)[\w.,\-– ]*$"
)
_LEADING_WORDS = re.compile(r"^(?:the \w+ )?after (?=[A-Z])")
"""What is taken from a work, before its authors: "after Doe 2020", "the ratio after Doe 2020"."""
_ENOUGH = 28
"""Characters of a title by which it is known."""
_POINTERS = ("its ", "parameters of ")
_LETTERS = str.maketrans({"æ": "ae", "ø": "o", "ß": "ss", "ł": "l", "đ": "d"})
_ESCAPES = {
    "\\": r"\textbackslash{}",
    **{c: f"\\{c}" for c in "&%$#_"},
    # BibTeX counts braces whatever stands before them.
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


@dataclass(frozen=True)
class Source:
    """What a part says that it comes from.

    Attributes:
        part: its label or name.
        kind: "enhancer", "task" or "dataset".
        text: its reference or citation, several with semicolons between.
        licence: of a data set.
    """

    part: str
    kind: str
    text: str
    licence: str = ""


def bibtex(sources: Iterable[Source]) -> str:
    """Return an entry for radbench and for each thing that the sources cite, each once, in the order of their keys.

    Authors, year, title and venue are taken apart where a text reads "AUTHORS YEAR, TITLE (VENUE)" or "AUTHORS, TITLE,
    VENUE, YEAR"; what reads otherwise is printed whole as a title. Nothing is added that no plugin says.
    """
    version = radbench.__version__
    fields = {
        "author": "{The radbench developers}",
        "title": "radbench: a benchmark harness for medical-image enhancement",
        "version": version,
        "note": "Apache-2.0",
    }
    found: dict[str, tuple[str, dict[str, str], list[str]]] = {"radbench": ("software", fields, [])}
    for source in sources:
        for text in _works(source.text):
            work = _taken_apart(text)
            key = next((key for key, (kind, one, _) in found.items() if kind == "misc" and _same(one, work)), None)
            if key is None:
                key = _unused(_key(work), found)
                found[key] = ("misc", work, [])
            elif len(work.get("title", "")) > len(found[key][1].get("title", "")):
                found[key] = ("misc", found[key][1] | work | _fuller_authors(found[key][1], work), found[key][2])
            else:
                found[key] = ("misc", found[key][1] | _fuller_authors(found[key][1], work), found[key][2])
            who = f"{source.kind.replace('dataset', 'data set')} {source.part}"
            who += f", licence: {source.licence}" if source.licence else ""
            if who not in found[key][2]:
                found[key][2].append(who)
    return "\n\n".join(_entry(key, *found[key]) for key in sorted(found)) + "\n"


def _works(text: str) -> Iterator[str]:
    for part in text.split("; "):
        part = _LEADING_WORDS.sub("", part.strip().removeprefix("outlines: "))
        # What is no work of others, or only points into one that is named before it.
        if part and part != "radbench" and re.search(r"(?:18|19|20)\d\d|,", part) and not part.startswith(_POINTERS):
            yield part


def _taken_apart(text: str) -> dict[str, str]:
    text = _PLACE.sub("", text)
    match = _YEAR_IN_FRONT.match(text) or _YEAR_BEHIND.match(text)
    if match is None or not match["rest"]:
        return {"title": text}
    rest = match["rest"]
    placed = _IN_BRACKETS.match(rest) or _BEHIND_COMMA.match(rest)
    found = {"author": _authors(match["authors"]), "title": placed["title"] if placed else rest}
    found |= {"howpublished": placed["venue"]} if placed else {}
    return {name: value for name, value in (found | {"year": match["year"]}).items() if value}


def _authors(text: str) -> str:
    others = bool(re.search(r"\bet al\.?$", text.strip()))
    names = [n.strip() for n in re.split(r",\s*|\s+&\s+|\s+and\s+", re.sub(r"\s*et al\.?$", "", text.strip()))]
    return " and ".join([*(n for n in names if n), *(["others"] if others else [])])


def _same(one: dict[str, str], other: dict[str, str]) -> bool:
    """Tell whether two texts name one work: year and first author, and a title that the other's begins with."""
    if one.get("year") != other.get("year") or _surname(one) != _surname(other):
        return False
    titles = [_plain(work.get("title") or work["howpublished"]) for work in (one, other)]
    short, long = sorted(titles, key=len)
    # Of what has neither year nor author, the beginning of a title says little.
    return ("year" in one and f"{long} ".startswith(f"{short} ")) or short[:_ENOUGH] == long[:_ENOUGH]


def _fuller_authors(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Return the field of the longer list of authors."""
    author = max((one.get("author", ""), other.get("author", "")), key=lambda text: len(text.split(" and ")))
    return {"author": author} if author else {}


def _surname(work: dict[str, str]) -> str:
    """Return the first author's last name in letters of ASCII, "" where there is none."""
    return _plain((work.get("author", "").split(" and ")[0].split() or [""])[-1]).replace(" ", "")


def _key(work: dict[str, str]) -> str:
    words = _plain(work.get("title") or work["howpublished"]).split()
    word = next((w for w in words if len(w) > 3), "work")
    return f"{_surname(work)}{work.get('year', '')}{word}" or "work"


def _unused(key: str, taken: Iterable[str]) -> str:
    names = {*taken}
    return key if key not in names else next(f"{key}{k}" for k in range(2, len(names) + 3) if f"{key}{k}" not in names)


def _plain(text: str) -> str:
    """Return letters and digits of ASCII, lower case, with blanks between words."""
    # A letter's mark stands behind it, and goes without leaving a gap.
    parts = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    letters = "".join(c for c in parts if not unicodedata.combining(c))
    return " ".join("".join(c if c.isascii() and c.isalnum() else " " for c in letters if c.isprintable()).split())


def _entry(key: str, kind: str, fields: dict[str, str], used_as: list[str]) -> str:
    told = {name: value if value.startswith("{") else _escaped(value) for name, value in fields.items()}
    if used_as:
        told["note"] = _escaped(f"Used as {'; '.join(used_as)}")
    # Braces about a title keep its capitals.
    lines = [f"  {name} = {{{f'{{{value}}}' if name == 'title' else value}}}" for name, value in told.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def _escaped(text: str) -> str:
    one_line = " ".join(text.split())
    return "".join(_ESCAPES.get(c, c) for c in one_line if c.isprintable())
