"""Registry: every spec by name, with the plugin it comes from; names resolve to configured factories."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from radbench.registry.variants import Variant, parse_value, parse_variant

if TYPE_CHECKING:
    from radbench.contracts.config import Config

KINDS = ("enhancer", "task", "dataset")
AnySpec = EnhancerSpec | TaskSpec | DatasetSpec


@dataclass(frozen=True)
class Entry:
    """A spec and the plugin that offers it."""

    spec: AnySpec
    plugin: Plugin


@dataclass(frozen=True)
class Resolved:
    """A variant, looked up and configured.

    Attributes:
        kind: "enhancer", "task" or "dataset".
        label: how the leaderboard names it.
        spec: its spec.
        plugin: where it comes from.
        factory: the function or class.
        config: its validated configuration.
    """

    kind: str
    label: str
    spec: Any
    plugin: Plugin
    factory: Any
    config: Config


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

    def resolve(
        self, kind: str, variant: str | Variant, profile: str = "quick", overrides: Mapping[str, str] | None = None
    ) -> Resolved:
        """Look a variant up, import its factory and validate its configuration.

        Args:
            kind: "enhancer", "task" or "dataset".
            variant: ``name`` or ``name[field=value,...]``.
            profile: whose preset applies below the variant's own fields.
            overrides: fields set for all of the kind; those the factory does not have are left out here
                (:func:`check_overrides` refuses those that none has).

        Raises:
            UnknownNameError: nothing has that name.
            PluginError: the factory cannot be imported, or its fields cannot be read.
            ConfigurationError: a field is unknown or a value refused.
        """
        variant = parse_variant(variant) if isinstance(variant, str) else variant
        entry = self.entry(kind, variant.name)
        factory = load_factory(entry)
        from radbench.contracts.config import config_of

        try:
            model = config_of(factory)
        except PluginError as e:
            raise _unusable(entry, str(e)) from e
        except Exception as e:
            raise _unusable(entry, f"its fields cannot be read: {one_line(e)}") from e
        if profile not in ("quick", "paper"):
            raise UsageError(f"profile '{profile}' must be quick or paper")
        values: dict[str, Any] = dict(model.presets.get(profile, {}))
        values |= {k: parse_value(v) for k, v in (overrides or {}).items() if k in model.model_fields}
        values |= {k: parse_value(v) for k, v in variant.fields}
        config = validate_config(model, values, f"{kind} '{variant.name}'")
        return Resolved(kind, variant.label, entry.spec, entry.plugin, factory, config)


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
    module, _, attribute = entry.spec.factory.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as e:
        raise _unusable(entry, f"factory '{entry.spec.factory}' cannot be loaded: {one_line(e)}") from e


def _unusable(entry: Entry, why: str) -> PluginError:
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


def check_overrides(resolved: Sequence[Resolved], overrides: Mapping[str, str], kind: str) -> None:
    """Refuse a field that nothing of the kind has.

    Raises:
        ConfigurationError: the field, with the nearest there are.
    """
    fields = {f for r in resolved for f in type(r.config).model_fields}
    for name in overrides:
        if name not in fields:
            owners = ", ".join(sorted({r.spec.name for r in resolved}))
            near = did_you_mean(name, fields)
            raise ConfigurationError(f"no {kind} of this run ({owners}) has a field '{name}'{near}")
