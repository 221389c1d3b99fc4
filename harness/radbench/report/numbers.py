"""Numbers as the page prints them: values, intervals, p-values, places."""

from __future__ import annotations

import math
from typing import Any


def number(value: Any, digits: int, sign: bool = False) -> str:
    """Return a number with so many decimals and a true minus sign; "" for NaN, and no sign for what rounds to zero."""
    value = float(value)
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    if float(text) == 0.0:
        text = f"{0:.{digits}f}"
    return text.replace("-", "−")


def interval(low: Any, high: Any, digits: int) -> str:
    """Return "[low, high]"; "" where an end is unknown."""
    if math.isnan(float(low)) or math.isnan(float(high)):
        return ""
    return f"[{number(low, digits)}, {number(high, digits)}]"


def p_text(p: Any) -> str:
    """Return "0.012", or "< 0.001"; "" for NaN."""
    p = float(p)
    if math.isnan(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_phrase(p: Any) -> str:
    """Return "p = 0.012", or "p < 0.001"."""
    text = p_text(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def ranks(row: Any) -> str:
    """Return a row's rank with its interval, "2 [1–3]"; "" where it has none."""
    if math.isnan(float(row["rank"])):
        return ""
    text = f"{row['rank']:.0f}"
    if not math.isnan(float(row["rank_low"])):
        text += f" [{row['rank_low']:.0f}–{row['rank_high']:.0f}]"
    return text


def stars(p: Any) -> str:
    """Return the marks of an adjusted p: \\* 0.05, \\*\\* 0.01, \\*\\*\\* 0.001."""
    p = float(p)
    return next((mark for limit, mark in ((0.001, "***"), (0.01, "**"), (0.05, "*")) if p <= limit), "")
