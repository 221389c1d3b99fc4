"""Private: what radbench keeps is its user's alone, and what it writes stays in the folder that was named."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from radbench.contracts.errors import UsageError

_OTHERS = 0o077


@contextlib.contextmanager
def privately() -> Iterator[None]:
    """Let folders and files that are made within be readable by their user alone, whatever the umask.

    The mask is the whole process's: what other threads write meanwhile is private, too.
    """
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def make_private(folder: Path) -> None:
    """Make a folder, and those above that are missing, that its user alone can enter: patients' names lie below.

    One that is there stays as it is; where it cannot be made, whoever writes there finds out.
    """
    with contextlib.suppress(OSError), privately():
        folder.mkdir(parents=True, exist_ok=True)


def refuse_links(files: Iterable[Path], folders: Iterable[Path], advice: str) -> None:
    """Refuse what is there already and leads out of a folder that is written into.

    The folder itself may be a link: that was its user's choice.

    Args:
        files: that will be written, appended to or replaced; what is there must be plain files.
        folders: that will be written into.
        advice: what to do.

    Raises:
        UsageError: one of them is a link, or of another kind.
    """
    for paths, right, kind in ((files, stat.S_ISREG, "file"), (folders, stat.S_ISDIR, "folder")):
        for path in paths:
            try:
                mode = path.lstat().st_mode
            except (FileNotFoundError, NotADirectoryError):
                continue  # nothing is there; whoever writes says why it cannot be
            except OSError as e:
                raise UsageError(f"cannot write '{path}': {e.strerror or e}; {advice}") from e
            if stat.S_ISLNK(mode):
                raise UsageError(
                    f"'{path}' is a link to '{os.readlink(path)}', and nothing is written through it; {advice}"  # noqa: PTH115
                )
            if not right(mode):
                raise UsageError(f"'{path}' is there and is no {kind}; {advice}")
