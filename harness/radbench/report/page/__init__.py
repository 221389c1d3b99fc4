"""Page: templates, style and script, and how they become one file that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def text_of(name: str) -> str:
    """Return a file of this room."""
    return files("radbench.report.page").joinpath(name).read_text(encoding="utf-8")


def environment() -> Environment:
    """Return where templates are filled in: whatever goes into them is escaped; a name that is not there is an error.

    Raises:
        ModuleNotFoundError: jinja2 is not installed.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(text_of), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def policy(script: str) -> str:
    """Return the Content-Security-Policy of a page with one script within it: nothing foreign is loaded or sent to."""
    seal = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{seal}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def filled(template: str, **context: Any) -> str:
    """Return a page.

    Args:
        template: its name.
        context: what it tells, beside style, script and policy.
    """
    # A policy counts bytes as the page has them: with "\\n" for line ends.
    script, style = text_of("page.js").strip(), text_of("page.css").strip()
    return environment().get_template(template).render(css=style, js=script, policy=policy(script), **context)
