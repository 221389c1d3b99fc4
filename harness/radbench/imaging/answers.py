"""Answers: whatever a library raises while a file is read comes out as one sentence that names the file."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from radbench.contracts.errors import ImageReadError, RadbenchError
from radbench.contracts.printable import printable

_LONGEST = 160


@contextlib.contextmanager
def answered(path: Path) -> Iterator[None]:
    """Turn whatever the block raises into an error of the project's own.

    Args:
        path: what is read.

    Raises:
        RadbenchError: as the block raised it.
        ImageReadError: anything else, a lack of memory included.
    """
    try:
        with warnings.catch_warnings():
            # What matters of them is an error; the rest would only stand in the way of those.
            warnings.simplefilter("ignore")
            yield
    except RadbenchError:
        raise
    except MemoryError as error:
        raise ImageReadError(
            f"'{path.name}' takes more memory than there is: out of memory while it was read"
        ) from error
    except RecursionError as error:
        raise ImageReadError(f"'{path.name}' is nested too deeply; it is damaged or hostile") from error
    except Exception as error:  # damaged bytes make a decoder raise anything, OSError included
        if isinstance(error, OSError) and error.errno is not None:
            raise ImageReadError(f"'{path}' cannot be read ({error.strerror})") from error
        raise ImageReadError(f"'{path.name}' is cut short or damaged ({short(error)}); copy it again") from error


def short(error: BaseException) -> str:
    """Return what an error says, or what kind it is, on part of a line."""
    text = printable(str(error)) or type(error).__name__
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
