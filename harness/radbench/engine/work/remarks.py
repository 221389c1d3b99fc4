"""Remarks: what plugins say by ``warnings.warn``, told to people where they look."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def remarks_to(hear: Callable[[str], None]) -> Iterator[None]:
    """Give the text of every UserWarning in the block to ``hear``; other warnings go to standard error."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        # Those of torch are about its insides; the log has them.
        torch = getattr(sys.modules.get("torch"), "__file__", None)
        inside = torch is not None and Path(filename).is_relative_to(Path(torch).parent)
        # What a function under torch.no_grad() says comes as from its wrapper.
        wrapped = Path(filename).name == "_contextlib.py"
        if issubclass(category, UserWarning) and (wrapped or not inside):
            hear(str(message))
        else:
            sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
