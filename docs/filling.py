"""Filling pages: what stands between ``<!-- NAME -->`` and ``<!-- end -->`` is made anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def filled(page: str, makers: Mapping[str, Callable[[], str]]) -> str:
    """Return a page with its tables made anew.

    Args:
        page: Markdown.
        makers: what makes the text between the marks, by the mark's name.

    Raises:
        ValueError: the page has no such mark, or nothing ends it.
    """
    for name, make in makers.items():
        before, begins, rest = page.partition(f"<!-- {name} -->")
        _, ends, after = rest.partition("<!-- end -->")
        if not ends:
            raise ValueError(f"the page has no place for '{name}'")
        page = f"{before}{begins}\n{make()}\n{ends}{after}"
    return page
