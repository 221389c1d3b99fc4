"""Logging: the loggers that were asked for, and the plugins that listen, are told of what happens in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from radbench.contracts.config import config_of
from radbench.contracts.errors import PluginError
from radbench.contracts.events import Event
from radbench.contracts.variants import parse_value, parse_variant, split_list
from radbench.registry.discovery import one_line
from radbench.registry.registry import Registry, validate_config


class Loggers:
    """Whoever is told of a run's events.

    Args:
        registry: of plugins, those that listen among them.
        wanted: loggers by name or variant, ``mlflow[experiment=lesions]``, or comma lists of them.
        note: told, once of each logger, that it raised something.
    """

    def __init__(self, registry: Registry, wanted: Iterable[str], note: Callable[[str], None]) -> None:
        self.hook, self._note = registry.hooks.hook, note
        # Checked before anything is written or computed.
        self._wanted = [_chosen(registry, one) for text in wanted for one in split_list(text)]
        self._open: list[tuple[str, Any]] = []
        self._noted: set[str] = set()

    @property
    def anybody(self) -> bool:
        """Whether anybody wants to know."""
        return bool(self._wanted) or bool(self.hook.radbench_event.get_hookimpls())

    def open(self, folder: Path) -> None:
        """Build the loggers for a run's folder.

        Raises:
            UsageError: one cannot be used here; its library is missing.
            PluginError: one raises.
        """
        for name, factory, config in self._wanted:
            try:
                self._open.append((name, factory(config, folder)))
            except PluginError:
                raise
            except Exception as e:
                raise as_told(name, e) from e

    def tell(self, event: Event) -> None:
        """Tell everybody of an event; one that raises is one warning, and the others are told."""
        for name, logger in self._open:
            self._guarded(f"logger '{name}'", logger.event, event)
        for listener in self.hook.radbench_event.get_hookimpls():
            self._guarded(f"radbench_event of plugin '{listener.plugin_name}'", listener.function, event)

    def close(self) -> None:
        """Have every logger write what is left."""
        for name, logger in self._open:
            self._guarded(f"logger '{name}'", logger.close)
        self._open = []

    def _guarded(self, who: str, call: Callable[..., Any], *what: Any) -> None:
        try:
            call(*what)
        except (Exception, SystemExit) as e:
            if who not in self._noted:
                self._noted.add(who)
                self._note(f"{who} raised {one_line(e)}")


def _chosen(registry: Registry, text: str) -> tuple[str, Any, Any]:
    variant = parse_variant(text)
    factory = registry.logger(variant.name)
    values = {name: parse_value(value) for name, value in variant.fields}
    return variant.label, factory, validate_config(config_of(factory), values, f"logger '{variant.name}'")


def as_told(name: str, error: Exception) -> Exception:
    """Return what a logger raised when it was built as an error of ours: its own sentences pass."""
    from radbench.contracts.errors import RadbenchError

    if isinstance(error, RadbenchError):
        return error
    return PluginError(f"logger '{name}' cannot be used: {one_line(error)}")
