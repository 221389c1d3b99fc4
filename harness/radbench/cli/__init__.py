"""The command line (floor 6): one module per verb; what is heavy is imported when a verb runs."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run ``bench`` and leave with its exit status: 0 all well, 1 something failed, 2 wrong usage."""
    from radbench.engine.run.executors.import_path import leave_current_folder

    leave_current_folder()  # before anything else is imported
    from radbench.cli.app import make_app
    from radbench.contracts.errors import RadbenchError, UsageError

    # The first word that is no option is the verb; a shell that completes wants to know all of them.
    completing = any(name.startswith("_BENCH_") or name == "_TYPER_COMPLETE_ARGS" for name in os.environ)
    called = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    try:
        make_app(None if completing else called)()
    except RadbenchError as e:
        from radbench.engine.keep.texts import visible

        print(f"bench: {visible(str(e))}", file=sys.stderr)
        sys.exit(2 if isinstance(e, UsageError) else 1)
    except BrokenPipeError:
        # The reader of our output has gone (`bench list | head`); nobody is left to tell.
        sys.stderr.close()
        sys.exit(1)
