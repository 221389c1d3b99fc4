"""The command line (floor 6): one module per verb; what is heavy is imported when a verb runs."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``bench`` and leave with its exit status: 0 all well, 1 something failed, 2 wrong usage."""
    from radbench.cli.app import app
    from radbench.contracts.errors import RadbenchError, UsageError

    try:
        app()
    except RadbenchError as e:
        print(f"bench: {e}", file=sys.stderr)
        sys.exit(2 if isinstance(e, UsageError) else 1)
    except BrokenPipeError:
        # The reader of our output has gone (`bench list | head`); nobody is left to tell.
        sys.stderr.close()
        sys.exit(1)
