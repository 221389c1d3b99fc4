"""Registry: every spec by name, with the plugin that it comes from."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from radbench.contracts.errors import (
    ConfigurationError,
    DuplicateNameError,
    PluginError,
    UnknownNameError,
    did_you_mean,
)
from radbench.contracts.specs import DatasetSpec, EnhancerSpec, TaskSpec
from radbench.registry import hookspecs
from radbench.registry.discovery import Plugin, installed_plugins, one_line, plugin_from_file, plugin_paths

if TYPE_CHECKING:
    from radbench.contracts.config import Config

KINDS = ("enhancer", "task", "dataset")
AnySpec = EnhancerSpec | TaskSpec | DatasetSpec


@dataclass(frozen=True)
class Entry:
    """A spec and the plugin that offers it."""

    spec: AnySpec
    plugin: Plugin


@dataclass
class Registry:
    """Everything that plugins offer.

    Attributes:
        plugins: all plugins found, the broken ones included.
        entries: per kind, an entry per name.
        warnings: a sentence per plugin that could not be used.
        hooks: for the listening hooks.
    """

    plugins: list[Plugin] = field(default_factory=list)
    entries: dict[str, dict[str, Entry]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    warnings: list[str] = field(default_factory=list)
    hooks: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager(hookspecs.PROJECT))

    def add(self, plugin: Plugin) -> None:
        """Take what a plugin offers; a broken plugin is a warning.

        Raises:
            DuplicateNameError: another plugin offers a name already.
        """
        offers: list[tuple[str, AnySpec]] = []
        error = plugin.error
        if plugin.module is not None:
            try:
                offers = self._offers(plugin)
            except DuplicateNameError:
                raise
            except PluginError as e:
                error = str(e)
            except (Exception, SystemExit) as e:
                error = one_line(e)
        if error:
            self.plugins.append(replace(plugin, module=None, error=error))
            self.warnings.append(f"plugin '{plugin.name}' of {plugin.distribution} cannot be used: {error}")
            return
        for kind, spec in offers:
            known = self.entries[kind].get(spec.name)
            if known is not None:
                raise DuplicateNameError(
                    f"{kind} '{spec.name}' is offered twice: by plugin '{known.plugin.name}' of "
                    f"{known.plugin.distribution} and by plugin '{plugin.name}' of {plugin.distribution}; "
                    "rename one or uninstall one"
                )
            self.entries[kind][spec.name] = Entry(spec, plugin)
        self.plugins.append(plugin)
        if not self.hooks.is_registered(plugin.module):
            self.hooks.register(plugin.module)

    def _offers(self, plugin: Plugin) -> list[tuple[str, AnySpec]]:
        # A manager of its own, so that a hook that raises is this plugin's fault alone.
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.register(plugin.module, name=plugin.name)
        manager.check_pending()
        offers: list[tuple[str, AnySpec]] = []
        wanted: tuple[tuple[str, Any, type[AnySpec]], ...] = (
            ("enhancer", manager.hook.radbench_enhancers, EnhancerSpec),
            ("task", manager.hook.radbench_tasks, TaskSpec),
            ("dataset", manager.hook.radbench_datasets, DatasetSpec),
        )
        if not manager.get_hookcallers(plugin.module):
            raise PluginError("it has no @hookimpl function")
        for kind, hook, cls in wanted:
            for specs in hook():
                if isinstance(specs, str) or not isinstance(specs, Iterable):
                    raise PluginError(
                        f"radbench_{kind}s() returned {type(specs).__name__}, not a list of {cls.__name__}"
                    )
                for spec in specs:
                    if not isinstance(spec, cls):
                        raise PluginError(f"radbench_{kind}s() returned {type(spec).__name__}, not {cls.__name__}")
                    if any(k == kind and s.name == spec.name for k, s in offers):
                        raise DuplicateNameError(
                            f"{kind} '{spec.name}' is offered twice by plugin '{plugin.name}' of {plugin.distribution}"
                        )
                    offers.append((kind, spec))
        return offers

    def names(self, kind: str) -> list[str]:
        """Return the names of a kind, sorted."""
        return sorted(self.entries[kind])

    def entry(self, kind: str, name: str) -> Entry:
        """Return the entry of a name.

        Raises:
            UnknownNameError: nothing has that name; the message carries the nearest.
        """
        try:
            return self.entries[kind][name]
        except KeyError:
            raise UnknownNameError(kind, name, self.entries[kind]) from None


def load_registry(files: Iterable[Path | str] = ()) -> Registry:
    """Return the registry of all installed plugins and of the given plugin files.

    Raises:
        DuplicateNameError: two plugins offer the same name.
        UsageError, PluginError: a plugin file is missing or cannot be imported (it was asked for by name).
    """
    registry = Registry()
    registry.hooks.add_hookspecs(hookspecs)
    for plugin in installed_plugins():
        registry.add(plugin)
    for file in dict.fromkeys(plugin_paths(files)):
        plugin = plugin_from_file(Path(file))
        before = len(registry.warnings)
        registry.add(plugin)
        if len(registry.warnings) > before:
            raise PluginError(registry.warnings[-1])
    return registry


def load_factory(entry: Entry) -> Any:
    """Import what a spec's factory string names.

    Raises:
        PluginError: the module cannot be imported or lacks the attribute.
    """
    try:
        return load_attribute(entry.spec.factory)
    except (Exception, SystemExit) as e:
        raise unusable(entry, f"factory '{entry.spec.factory}' cannot be loaded: {one_line(e)}") from e


def load_attribute(path: str) -> Any:
    """Import what "package.module:attribute" names."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def unusable(entry: Entry, why: str) -> PluginError:
    """Return the error that names a plugin and what is wrong with it."""
    plugin = entry.plugin
    return PluginError(f"'{entry.spec.name}' of plugin '{plugin.name}' ({plugin.distribution}): {why}")


def validate_config(model: type[Config], values: Mapping[str, Any], owner: str) -> Config:
    """Build a configuration, or say in one sentence what is wrong with it.

    Raises:
        ConfigurationError: a field is unknown or a value refused.
    """
    from pydantic import ValidationError

    unknown = [k for k in values if k not in model.model_fields]
    if unknown:
        raise ConfigurationError(f"{owner} has no field '{unknown[0]}'{did_you_mean(unknown[0], model.model_fields)}")
    try:
        return model(**values)
    except ValidationError as e:
        faults = "; ".join(_fault(err) for err in e.errors())
        raise ConfigurationError(f"{owner}: {faults}") from None


def _fault(error: Any) -> str:
    where = ".".join(str(p) for p in error["loc"])
    if error["type"] == "missing":
        return f"field '{where}' must be given"
    got = f", got {error['input']!r}" if where and error["type"] != "value_error" else ""
    message = error["msg"].removeprefix("Value error, ")
    return f"field '{where}': {message}{got}" if where else message
