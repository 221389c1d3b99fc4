"""The command line (floor 6): one module per verb; what is heavy is imported when a verb runs."""

from __future__ import annotations

import errno
import io
import os
import re
import sys


def main() -> None:
    """Run ``bench`` and leave with its exit status: 0 all well, 1 something failed, 2 wrong usage, 130 interrupted."""
    from radbench.engine.run.executors.import_path import leave_current_folder

    leave_current_folder()  # before anything else is imported
    from radbench.cli.app import make_app
    from radbench.contracts.errors import RadbenchError, UsageError

    # The first word that is no option is the verb; a shell that completes wants to know all of them.
    for stream in (sys.stdout, sys.stderr):
        # A name that is no text, or that the terminal has no letters for, is no reason to stop.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    completing = any(name.startswith("_BENCH_") or name == "_TYPER_COMPLETE_ARGS" for name in os.environ)
    called = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    try:
        if not completing and any(word == "" or re.fullmatch("--[^=]+=", word) for word in sys.argv[1:]):
            # An empty path would be the current folder.
            raise UsageError("an argument is empty: is a variable of the shell's not set?")
        make_app(None if completing else called)()
    except RadbenchError as e:
        from radbench.engine.keep.texts import visible

        print(f"bench: {visible(str(e))}", file=sys.stderr)
        sys.exit(2 if isinstance(e, UsageError) else 1)
    except BrokenPipeError:
        # The reader of our output has gone (`bench list | head`); nobody is left to tell.
        sys.stderr.close()
        sys.exit(1)
    except OSError as e:
        if e.filename is not None or e.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise
        print(f"bench: what it prints cannot be written: {e.strerror}", file=sys.stderr)
        # What is buffered would meet the full disk again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
