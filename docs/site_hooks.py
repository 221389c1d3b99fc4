"""Hooks of the site: pages from outside ``docs/``, a forge's Markdown as the site's, and nothing asked of other hosts.

The documents are written for a forge, where links lead from file to file. MkDocs calls the functions that are named
``on_…``; the others need nothing but Python, and tests use them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

ROOT_PAGES = {
    "README.md": "overview.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
"""What lies beside ``docs/`` and is a page of the site, by its name there."""

FILES = "repository"
"""Where the site keeps whatever else a page links to: leaderboards, code, the licence."""

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
"""What a browser may load: files of the site. The theme's own scripts are partly inline."""

_CODE = re.compile(r"^```.*?^```[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"\]\(([^()\s]+)\)")
_FILE_OF_FENCE = re.compile(r"^```(\w+) file=(\S+)$", re.MULTILINE)
_FOREIGN = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\b(?:src|srcset)\s*=\s*[\"']?\s*(?:https?:)?//[^\"'\s>]*"
    r"|<link\b(?![^>]*\brel=[\"']?canonical)[^>]*\bhref\s*=\s*[\"']?\s*(?:https?:)?//[^\"'\s>]*"
    r"|(?:@import\s+|url\(\s*)[\"']?(?:https?:)?//[^\"')\s]*",
    re.IGNORECASE,
)


def links(text: str) -> Iterator[re.Match[str]]:
    """Yield the link targets of a document as matches (group 1), those in code left out."""
    return _TARGET.finditer(_CODE.sub(lambda found: "x" * len(found[0]), text))


def repository_path(source: str, target: str) -> str:
    """Return where a link leads, as a path from the repository's root; without anchor.

    Args:
        source: the document that has the link, likewise.
        target: as it stands in the document.
    """
    path = target.partition("#")[0]
    return normpath(join(dirname(source), path)) if path else source


def is_local(target: str) -> bool:
    """Return whether a link leads to a file of the repository, and not to another host."""
    return not re.match(r"[a-z][a-z0-9+.-]*:|//", target, re.IGNORECASE)


def site_path(path: str) -> str | None:
    """Return where a file of the repository lies on the site, from its root; None where there is no such file."""
    if path in ROOT_PAGES:
        return ROOT_PAGES[path]
    if not (ROOT / path).is_file():
        return None
    return path.removeprefix("docs/") if path.startswith("docs/") else f"{FILES}/{path}"


def relinked(text: str, source: str) -> str:
    """Return a document with its links as they lead on the site; what leads nowhere stays, and strict building tells.

    Args:
        text: Markdown.
        source: the document's path from the repository's root.
    """
    out, last = [], 0
    here = dirname(site_path(source) or "")
    for found in links(text):
        target = found[1]
        _, mark, anchor = target.partition("#")
        place = site_path(repository_path(source, target)) if is_local(target) and not target.startswith("#") else None
        if place is not None:
            out += [text[last : found.start(1)], relpath(place, here or "."), mark, anchor]
            last = found.end(1)
    return "".join([*out, text[last:]])


def in_dialect(text: str) -> str:
    """Return a document with what a forge and the site write differently: names of files above code, bars in tables."""
    text = _FILE_OF_FENCE.sub(r'```\1 title="\2"', text)
    lines = text.split("\n")
    # Within a cell's code, a forge wants the bar escaped, and the site does not.
    return "\n".join(
        re.sub(r"`[^`]+`", lambda code: code[0].replace(r"\|", "|"), line) if line.startswith("|") else line
        for line in lines
    )


def foreign(text: str) -> list[str]:
    """Return what a page or a style sheet would load from another host."""
    return [found[0] for found in _FOREIGN.finditer(text)]


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie beside ``docs/``, and every file that a page links to."""
    from mkdocs.structure.files import File

    for name, place in ROOT_PAGES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))
    wanted = set()
    for page in files.documentation_pages():
        source = _source(page.src_uri)
        targets = (found[1] for found in links((ROOT / source).read_text(encoding="utf-8")))
        wanted |= {repository_path(source, target) for target in targets if is_local(target)}
    for path in sorted(wanted):
        place = site_path(path)
        if place is not None and place.startswith(f"{FILES}/"):
            files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn a page as the forge shows it into the site's."""
    return in_dialect(relinked(markdown, _source(page.file.src_uri)))


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Give a page the policy that keeps it to the site's own files."""
    return output.replace("<head>", f'<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">', 1)


def on_post_build(config: Any) -> None:
    """Refuse a site that would ask another host for something.

    Raises:
        PluginError: it would; the sentence names what, and where.
    """
    from mkdocs.exceptions import PluginError

    for path in sorted(Path(config.site_dir).rglob("*")):
        if path.suffix in (".html", ".css") and FILES not in path.parts:
            for what in foreign(path.read_text(encoding="utf-8")):
                raise PluginError(f"'{path.name}' would load something from another host: {what}")


def _source(place: str) -> str:
    """Return the document of a page of the site, from the repository's root."""
    return next((name for name, page in ROOT_PAGES.items() if page == place), f"docs/{place}")
