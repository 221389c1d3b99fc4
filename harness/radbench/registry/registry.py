"""Registry: every spec by name, with the plugin that it comes from."""

from __future__ import annotations

import importlib
import inspect
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pluggy

from radbench.contracts.errors import (
    ConfigurationError,
    DuplicateNameError,
    PluginError,
    UnknownNameError,
    UsageError,
    did_you_mean,
)
from radbench.contracts.specs import DatasetSpec, EnhancerSpec, TaskSpec
from radbench.registry import hookspecs
from radbench.registry.discovery import Plugin, installed_plugins, one_line, plugin_from_file, plugin_paths
from radbench.registry.whereabouts import code_places, definition_of

if TYPE_CHECKING:
    from radbench.contracts.config import Config
    from radbench.contracts.events import LoggerSpec

KINDS = ("enhancer", "task", "dataset")
HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("radbench_"))
"""The names of all hooks."""

_A_KIND = {"enhancer": "an enhancer", "task": "a task", "dataset": "a data set"}
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
                error = _nearest(one_line(e, code_places([plugin])))
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
        try:
            manager.register(plugin.module, name=plugin.name)
            manager.check_pending()
        except pluggy.PluginValidationError as e:
            raise PluginError(_no_hook(plugin.module) or " ".join(str(e).split())) from e
        offers: list[tuple[str, AnySpec]] = []
        wanted: tuple[tuple[str, Any, type[AnySpec]], ...] = (
            ("enhancer", manager.hook.radbench_enhancers, EnhancerSpec),
            ("task", manager.hook.radbench_tasks, TaskSpec),
            ("dataset", manager.hook.radbench_datasets, DatasetSpec),
        )
        if not manager.get_hookcallers(plugin.module):
            raise PluginError(_no_hook(plugin.module) or "it has no @hookimpl function")
        for kind, hook, cls in wanted:
            for specs in (implementation.function() for implementation in hook.get_hookimpls()):
                if isinstance(specs, str) or not isinstance(specs, Iterable):
                    raise PluginError(
                        f"radbench_{kind}s() returned {_what(specs)}, not a list of {cls.__name__} "
                        f"({definition_of(getattr(plugin.module, f'radbench_{kind}s'))})"
                    )
                for spec in specs:
                    if not isinstance(spec, cls):
                        raise PluginError(
                            f"radbench_{kind}s() returned {_what(spec)} in its list, not {cls.__name__} "
                            f"({definition_of(getattr(plugin.module, f'radbench_{kind}s'))})"
                        )
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
            if hint := self._meant(kind, name):
                raise UsageError(hint) from None
            raise UnknownNameError(kind, name, self.entries[kind]) from None

    def loggers(self) -> dict[str, tuple[LoggerSpec, Plugin]]:
        """Return the loggers that plugins offer, by name.

        Raises:
            PluginError: a plugin's ``radbench_loggers()`` gives something else than a list of LoggerSpec.
            DuplicateNameError: two plugins offer the same name.
        """
        from radbench.contracts.events import LoggerSpec

        found: dict[str, tuple[LoggerSpec, Plugin]] = {}
        by_module: dict[Any, Plugin] = {p.module: p for p in self.plugins if p.module is not None}
        for implementation in self.hooks.hook.radbench_loggers.get_hookimpls():
            plugin = by_module[implementation.plugin]
            offered: Any = implementation.function()
            for spec in offered:
                if not isinstance(spec, LoggerSpec):
                    raise PluginError(
                        f"radbench_loggers() of plugin '{plugin.name}' gave {_what(spec)}, not LoggerSpec"
                    )
                if spec.name in found:
                    raise DuplicateNameError(
                        f"logger '{spec.name}' is offered twice: by plugin '{found[spec.name][1].name}' and by plugin "
                        f"'{plugin.name}'"
                    )
                found[spec.name] = spec, plugin
        return found

    def logger(self, name: str) -> Any:
        """Import the class behind a logger.

        Raises:
            UnknownNameError: nothing has that name.
            PluginError: it cannot be imported.
        """
        known = self.loggers()
        if name not in known:
            raise UnknownNameError("logger", name, known)
        spec, plugin = known[name]
        try:
            return load_attribute(spec.factory)
        except (Exception, SystemExit) as e:
            raise PluginError(
                f"logger '{name}' of plugin '{plugin.name}': factory '{spec.factory}' cannot be loaded: {one_line(e)}"
            ) from e

    def _meant(self, kind: str, name: str) -> str:
        """Return what somebody may have meant by a name that no plugin of the kind has, "" where nobody can tell."""
        others = [other for other in KINDS if name in self.entries[other]]
        if others:
            return f"'{name}' is {_A_KIND[others[0]]}, not {_A_KIND[kind]}; 'bench list {kind}s' shows what there is"
        by_folder = {"dataset": "folder", "enhancer": "images"}.get(kind, "")
        if by_folder in self.entries[kind] and (set(name) & {"/", "\\"} or Path(name).exists()):
            what = "images" if kind == "dataset" else "images that another program enhanced"
            return f"unknown {kind} '{name}': a folder of {what} is {by_folder}[root={name}]"
        return ""


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
        raise unusable(entry, f"factory '{entry.spec.factory}' cannot be loaded: {_why_not_loaded(entry, e)}") from e


def _what(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__


def _no_hook(module: Any) -> str:
    """Return what is wrong with a module's hooks: a name or parameters that no hook has, or the mark that lacks."""
    known = {name: set(inspect.signature(f).parameters) for name, f in vars(hookspecs).items() if name in HOOKS}
    for name, function in vars(module).items():
        if not name.startswith("radbench_") or not inspect.isfunction(function):
            continue
        at = f" ({definition_of(function)})"
        if not hasattr(function, f"{hookspecs.PROJECT}_impl"):
            return f"{name} is not marked as a hook: write @hookimpl above it (from radbench import hookimpl){at}"
        if name not in known:
            return f"there is no hook '{name}'{did_you_mean(name, known)}{at}"
        if strange := [n for n in inspect.signature(function).parameters if n not in known[name]]:
            takes = f"takes {' and '.join(sorted(known[name]))}" if known[name] else "takes no arguments"
            return f"hook {name} {takes}, not '{strange[0]}'{at}"
    return ""


def _nearest(fault: str) -> str:
    """Put the nearest name into what a spec says of an unknown target or layer, in place of all there are."""

    def near(found: re.Match[str]) -> str:
        if len(found[2]) == 1:  # the letters of a text
            return f"{found[1]}: give the names as a tuple, ('{found[3].split(', ')[0]}',)"
        told = did_you_mean(found[2], found[3].split(", "))
        return f"{found[1]}{told}" if "did you mean" in told else found[0]

    return re.sub(r"(names unknown (?:target|layer) '([^']*)'); there is (\w+(?:, \w+)*)", near, fault)


def _why_not_loaded(entry: Entry, error: BaseException) -> str:
    module_name, _, attribute = entry.spec.factory.partition(":")
    module = sys.modules.get(module_name)
    if isinstance(error, AttributeError) and module is not None and not hasattr(module, attribute):
        offered = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        near = did_you_mean(attribute, offered)
        return f"module '{module_name}' has no '{attribute}'{near if 'did you mean' in near else ''}"
    if isinstance(error, ModuleNotFoundError) and error.name in _leading(module_name):
        return (
            f"there is no module '{error.name}': it must read 'package.module:attribute', by names that can be imported"
        )
    return one_line(error, code_places([entry.plugin], [entry.spec.factory]))


def _leading(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: k + 1]) for k in range(len(parts))]


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
    for name, value in values.items():
        annotation = model.model_fields[name].annotation
        # An empty path would be the current folder: mostly a variable of the shell's that is not set.
        if value == "" and (annotation is Path or Path in get_args(annotation)):
            raise ConfigurationError(f"{owner}: field '{name}': names no file or folder, got ''")
    try:
        config = model(**values)
    except ValidationError as e:
        faults = "; ".join(_fault(err, owner) for err in e.errors())
        raise ConfigurationError(f"{owner}: {faults}") from None
    for name in values:
        if not _finite(value := getattr(config, name)):
            raise ConfigurationError(f"{owner}: field '{name}': must not be infinite or NaN, got {value}")
    return config


def _finite(value: Any) -> bool:
    """Whether no number of a value, or of the lists in it, is infinite or NaN."""
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _fault(error: Any, owner: str) -> str:
    where = ".".join(str(p) for p in error["loc"])
    if error["type"] == "missing":
        kind, _, name = owner.partition(" ")
        name = name.strip("'")
        kept = f", or keep it: bench data add {name} PATH" if kind == "dataset" and where == "root" else ""
        return f"field '{where}' must be given: {name}[{where}=…]{kept}"
    got = f", got {error['input']!r}" if where and error["type"] != "value_error" else ""
    message = error["msg"].removeprefix("Value error, ")
    return f"field '{where}': {message}{got}" if where else message
