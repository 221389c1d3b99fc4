"""Resolver: names and variants become parts, here as they are asked for, and in workers as the plan asked."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from radbench.contracts.config import Config, Derived, PartField, config_of, part_of
from radbench.contracts.errors import ConfigurationError, PluginError, RadbenchError, UsageError, did_you_mean
from radbench.contracts.variants import Variant, parse_value, parse_variant, split_list
from radbench.engine.plan.duties import check_duties
from radbench.engine.plan.labels import label_of
from radbench.engine.plan.parts import Asked, Part
from radbench.registry.discovery import one_line
from radbench.registry.registry import Registry, load_attribute, load_factory, unusable, validate_config

PROFILES = ("quick", "paper")

_DEEPEST = 32

_MODELS: MutableMapping[Any, type[Config]] = WeakKeyDictionary()
"""Of functions, whose models are made of their signatures: one for all variants, since each takes 100 KB."""


class SourceChangedError(RadbenchError):
    """A plugin was edited between planning and working: what it would give belongs under another key."""


class Resolver:
    """Turns names and variants into parts.

    Args:
        registry: what plugins offer.
        profile: whose values apply.
        overrides: fields set for all parts of a kind that were asked for by name; they do not reach into parts.
    """

    def __init__(
        self, registry: Registry, profile: str, overrides: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        if profile not in PROFILES:
            raise UsageError(f"profile '{profile}' must be {' or '.join(PROFILES)}")
        self.registry, self.profile, self.overrides = registry, profile, overrides or {}
        self._known: dict[tuple[str, str, bool], Part] = {}
        self._path: list[str] = []

    def asked_for(self, kind: str, wanted: Iterable[str]) -> list[Part]:
        """Return the parts that were typed, as :meth:`parts`, once it is sure that every override belongs to one.

        Raises:
            UsageError, PluginError: as :meth:`parts` and :meth:`check_overrides`.
        """
        found = self.parts(kind, wanted)
        self.check_overrides(kind, found)
        return found

    def parts(self, kind: str, wanted: Iterable[str]) -> list[Part]:
        """Return the parts that were typed: comma lists and, of enhancers and tasks, ``all`` expanded, each once.

        Raises:
            UsageError: nothing is left, or as :meth:`part`.
            PluginError: as :meth:`part`.
        """
        found: list[Part] = []
        for item in (item for text in wanted for item in split_list(text)):
            # Of data sets, nobody wants whatever happens to be installed.
            every = item == "all" and kind != "dataset"
            found += self._all(kind) if every else [self.part(kind, item)]
        if not found:
            raise UsageError(f"name at least one {kind}: there is {', '.join(self.registry.names(kind))}")
        return unique(found)

    def _all(self, kind: str) -> Iterator[Part]:
        """Yield what "all" takes in: not what needs a field of its own (a folder), nor what cannot be imported."""
        for name in self.registry.names(kind):
            try:
                yield self.part(kind, name)
            except UsageError:
                continue
            except PluginError as e:
                self.registry.warnings.append(f"left out of 'all': {e}")

    def check_overrides(self, kind: str, parts: Sequence[Part]) -> None:
        """Refuse an override of a field that nothing of the kind has.

        Raises:
            ConfigurationError: the field, with the nearest there are.
        """
        fields = {name for part in parts for name in type(part.config).model_fields}
        for name in self.overrides.get(kind, {}):
            if name not in fields:
                owners = ", ".join(sorted({part.name for part in parts}))
                near = did_you_mean(name, fields)
                raise ConfigurationError(f"no {kind} of this run ({owners}) has a field '{name}'{near}")

    def part(self, kind: str, variant: str | Variant, *, inner: bool = False) -> Part:
        """Look a variant up, import its factory, validate its configuration, and resolve the parts that it names.

        Args:
            kind: "enhancer", "task" or "dataset".
            variant: ``name`` or ``name[field=value,...]``.
            inner: whether it is a part of another, which overrides do not reach.

        Raises:
            UsageError: nothing has that name, a field is unknown, a value is refused, or parts name each other in a
                circle.
            PluginError: the factory cannot be imported or does not keep its contract.
        """
        variant = parse_variant(variant) if isinstance(variant, str) else variant
        key = (kind, variant.label, inner)
        if key not in self._known:
            self._known[key] = self._resolved(kind, variant, inner)
        return self._known[key]

    def _resolved(self, kind: str, variant: Variant, inner: bool) -> Part:
        entry = self.registry.entry(kind, variant.name)
        factory = load_factory(entry)
        model = model_of(entry, factory)
        owner = f"{kind} '{variant.name}'"
        by_profile = dict(model.profiles.get(self.profile, {}))
        fields = with_location(kind, variant, model).fields
        values = {k: v for k, v in self.overrides.get(kind, {}).items() if k in model.model_fields and not inner}
        values |= dict(fields)
        typed = {k: v if _names_parts(model, k) else parse_value(v) for k, v in values.items()}
        config = validate_config(model, by_profile | typed, owner)
        return self._with_parts(kind, entry, factory, config, by_profile, _defaults(model, by_profile, config, owner))

    def _with_parts(
        self,
        kind: str,
        entry: Any,
        factory: Any,
        config: Config,
        by_profile: Mapping[str, Any],
        defaults: Mapping[str, Any],
    ) -> Part:
        model = type(config)
        here = str(entry.spec.name)
        if len(self._path) >= _DEEPEST:
            circle = " -> ".join([*self._path[-4:], here])
            raise ConfigurationError(f"the parts of '{self._path[0]}' name each other without end: … {circle}")
        self._path.append(here)
        try:
            parts, default_labels, throughs = {}, {}, {}
            for name, about in model.model_fields.items():
                declared = part_of(about)
                if declared is None:
                    continue
                parts[name] = self._named(declared, getattr(config, name), config, entry, factory)
                if declared.through is not None and declared.through not in model.model_fields:
                    throughs[declared.through] = self.part("enhancer", declared.through, inner=True)
                default = defaults.get(name)
                if default == getattr(config, name):
                    default_labels[name] = label_of(parts[name])
                else:
                    # A default that another field's value has made impossible is no default.
                    with contextlib.suppress(UsageError, PluginError):
                        default_labels[name] = label_of(self._named(declared, default, config, entry, factory))
        finally:
            self._path.pop()
        spec = _spec_under(entry, config, parts)
        plain = {k: v for k, v in defaults.items() if k not in parts}
        part = Part(kind, spec, entry.plugin, factory, config, parts, by_profile, plain, default_labels, throughs)
        check_duties(part)
        return part

    def made_of(self, kind: str, name: str, field: str, part: Part) -> Part:
        """Return a plugin's part that is made of another one that is resolved already, its other fields as the profile
        has them.

        A label need not give a part back: overrides reached it, or it names a folder of this machine.

        Args:
            kind, name: which plugin's.
            field: that names the other.
            part: the other.

        Raises:
            UsageError, PluginError: as :meth:`part`.
        """
        entry = self.registry.entry(kind, name)
        factory = load_factory(entry)
        model = model_of(entry, factory)
        by_profile = dict(model.profiles.get(self.profile, {}))
        owner = f"{kind} '{name}'"
        config = validate_config(model, {**by_profile, field: part.name}, owner)
        defaults = _defaults(model, by_profile, config, owner)
        plain = {n: v for n, v in defaults.items() if n != field}
        spec = _spec_under(entry, config, {field: part})
        made = Part(kind, spec, entry.plugin, factory, config, {field: part}, by_profile, plain)
        check_duties(made)
        return made

    def _named(self, declared: PartField, value: Any, config: Config, entry: Any, factory: Any) -> Any:
        if isinstance(value, Derived):
            try:
                value = value.function(config)
            except Exception as e:
                raise unusable(entry, f"the default of a part cannot be worked out: {one_line(e)}") from e
        if value is None:
            return None
        if isinstance(value, Config):
            if type(value) is not type(config):
                raise unusable(entry, f"the default of a part gave a {type(value).__name__}, not its own configuration")
            by_profile = dict(type(value).profiles.get(self.profile, {}))
            defaults = _defaults(type(value), by_profile, value, type(value).__name__)
            return self._with_parts(declared.kind, entry, factory, value, by_profile, defaults)
        if isinstance(value, tuple | list):
            return tuple(self._named(declared, one, config, entry, factory) for one in value)
        return self.part(declared.kind, str(value), inner=True)


def unique(parts: Iterable[Part]) -> list[Part]:
    """Leave out parts of the same label and identity: ``sharpen`` and ``sharpen[amount=1]`` are one."""
    return list({(p.label, p.identity): p for p in reversed([*parts])}.values())[::-1]


def model_of(entry: Any, factory: Any) -> type[Config]:
    """Return a factory's configuration model.

    Raises:
        PluginError: it cannot be read.
    """
    if inspect.isfunction(factory) and factory in _MODELS:
        return _MODELS[factory]
    try:
        model = config_of(factory)
    except PluginError as e:
        raise unusable(entry, str(e)) from e
    except Exception as e:
        raise unusable(entry, f"its fields cannot be read: {one_line(e)}") from e
    if inspect.isfunction(factory):
        _MODELS[factory] = model
    return model


def rebuilt(registry: Registry, asked: Asked) -> Part:
    """Return the part that a plan asked for, in another process; its parts as told.

    Raises:
        SourceChangedError: its code is no longer the one that the plan's keys stand for.
    """
    entry = registry.entry(asked.kind, asked.name)
    factory = load_factory(entry)
    model = model_of(entry, factory)
    parts = {
        n: tuple(rebuilt(registry, one) for one in found)
        if isinstance(found, tuple)
        else None
        if found is None
        else rebuilt(registry, found)
        for n, found in asked.parts.items()
    }
    named = {n: [one.name for one in p] if isinstance(p, tuple) else p and p.name for n, p in parts.items()}
    config = validate_config(model, {**asked.values, **named}, f"{asked.kind} '{asked.name}'")
    part = Part(asked.kind, _spec_under(entry, config, parts), entry.plugin, factory, config, parts)
    # What the plan worked out stands: neither folders are read again nor manifests made for it.
    part.__dict__.update(identity=asked.identity, label=asked.label, asked=asked)
    if part.code.digest != asked.code:
        raise SourceChangedError(
            f"the source of {asked.kind} '{asked.label}' was changed during the run: give the command again"
        )
    return part


def with_location(kind: str, variant: Variant, model: type[Config]) -> Variant:
    """Add the root that ``bench data add`` keeps for a data set, where the variant names none."""
    if kind != "dataset" or "root" not in model.model_fields or any(name == "root" for name, _ in variant.fields):
        return variant
    from radbench.engine.keep.locations import location_of

    root = location_of(variant.name)
    return variant if root is None else Variant(variant.name, (("root", str(root)), *variant.fields))


def _names_parts(model: type[Config], name: str) -> bool:
    return name in model.model_fields and part_of(model.model_fields[name]) is not None


def _defaults(model: type[Config], by_profile: Mapping[str, Any], config: Config, owner: str) -> dict[str, Any]:
    """Return what the fields hold when nothing is set; fields that must be given have no such value."""
    required = {n: getattr(config, n) for n, f in model.model_fields.items() if f.is_required() and n not in by_profile}
    plain = validate_config(model, {**by_profile, **required}, owner)
    return {n: getattr(plain, n) for n in model.model_fields if n not in required}


def _spec_under(entry: Any, config: Config, parts: Mapping[str, Any]) -> Any:
    spec = entry.spec
    if not spec.spec_for:
        return spec
    below = {n: tuple(p.spec for p in f) if isinstance(f, tuple) else f and f.spec for n, f in parts.items()}
    try:
        found = load_attribute(spec.spec_for)(spec, config, below)
    except RadbenchError:
        raise
    except Exception as e:
        raise unusable(entry, f"spec_for '{spec.spec_for}' failed: {one_line(e)}") from e
    if type(found) is not type(spec):
        raise unusable(entry, f"spec_for '{spec.spec_for}' gave {type(found).__name__}, not {type(spec).__name__}")
    return replace(found, name=spec.name)
