"""Where radbench keeps things on the user's machine: caches and settings."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return where caches lie: ``RADBENCH_CACHE``, or the user's cache folder."""
    given = os.environ.get("RADBENCH_CACHE")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("radbench"))


def config_folder() -> Path:
    """Return where settings lie: ``RADBENCH_CONFIG``, or the user's configuration folder."""
    given = os.environ.get("RADBENCH_CONFIG")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("radbench"))
