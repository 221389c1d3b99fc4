"""Parts: configured plugins, with their own parts, their labels and their identities."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from radbench.contracts.config import (
    Config,
    Derived,
    PartField,
    affects,
    is_local,
    local_fields,
    local_paths,
    part_of,
)
from radbench.contracts.dataset import CaseEntry, check_manifest, fingerprint
from radbench.contracts.errors import (
    PluginError,
    RadbenchError,
)
from radbench.engine.keep.code import Code, code_of
from radbench.engine.keep.digests import content_digest, digest, in_order, listing_digest
from radbench.engine.plan.labels import label_of, typed
from radbench.engine.work.building import construct
from radbench.registry.discovery import Plugin, one_line

_INSTANT = ("name", "summary", "reference", "licence", "citation", "spec_for")
"""What of a spec changes no result, or stands in the identity already."""


@dataclass(frozen=True)
class Asked:
    """A part as a worker is told of it: everything by value, so that it is built again exactly.

    Attributes:
        kind, name: which plugin's.
        values: of the configuration's plain fields, as JSON has them.
        parts: by field, the parts that it names.
        identity, label: of the part.
        code: the digest of its code as the plan saw it.
        content: the digest of what lay at its paths of this machine, "" where it names none; of a data set that is
            part of an enhancer or a task, of its whole manifest.
    """

    kind: str
    name: str
    values: Mapping[str, Any]
    parts: Mapping[str, Any]
    identity: str
    label: str
    code: str
    content: str = ""


@dataclass(frozen=True, eq=False)
class Part:
    """A configured plugin: a data set, an enhancer or a task.

    Attributes:
        kind: "dataset", "enhancer" or "task".
        spec: its spec under this configuration.
        plugin: where it comes from.
        factory: the function or class.
        config: its validated configuration.
        parts: by field, the parts that it names.
        by_profile: the values that the profile sets.
        defaults: the values that its fields have under the profile when nothing is set.
        default_labels: by field, the label that a part has then.
        throughs: by name, the enhancers that ``learns_from(through=NAME)`` names and no field does.
    """

    kind: str
    spec: Any
    plugin: Plugin
    factory: Any
    config: Config
    parts: Mapping[str, Any] = field(default_factory=dict)
    by_profile: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    default_labels: Mapping[str, Any] = field(default_factory=dict)
    throughs: Mapping[str, Part] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The plugin's name for it."""
        return str(self.spec.name)

    @property
    def fields(self) -> Mapping[str, PartField]:
        """The fields that name parts."""
        found = {n: part_of(f) for n, f in type(self.config).model_fields.items()}
        return {n: f for n, f in found.items() if f is not None}

    @property
    def learns(self) -> bool:
        """Whether it must be fitted."""
        return bool(getattr(self.spec, "learns", False))

    def named(self, *, sources: bool = False, levels: Collection[str] = ()) -> Iterator[tuple[str, Part]]:
        """Yield the parts that it names with their fields.

        Args:
            sources: the data sets that it learns from, too.
            levels: only parts that affect one of these (lesson, weights, use); all where none is given.
        """
        for name, found in self.parts.items():
            if found is None or (self.fields[name].learns and not sources):
                continue
            if levels and affects(type(self.config), name) not in levels:
                continue
            for one in found if isinstance(found, tuple) else (found,):
                yield name, one

    def all_enhancers(self) -> Iterator[Part]:
        """Yield itself, where it is an enhancer, and every enhancer below it that takes part when it is used."""
        if self.kind == "enhancer":
            yield self
        for _, one in self.named():
            yield from one.all_enhancers()

    @property
    def sources(self) -> dict[str, Part]:
        """The data sets that its lessons come from, by field."""
        return {n: self.parts[n] for n, f in self.fields.items() if f.learns and self.parts.get(n) is not None}

    @property
    def seeded(self) -> bool:
        """Whether its images depend on the seed: it or an enhancer that is a part of it learns or draws."""
        own = self.kind == "enhancer" and (self.learns or self.spec.draws)
        return own or any(one.seeded for _, one in self.named() if one.kind == "enhancer")

    @property
    def draws(self) -> bool:
        """Whether it or an enhancer below it draws whenever it is called."""
        return any(one.spec.draws for one in self.all_enhancers())

    def through(self, name: str) -> Part | None:
        """Return the enhancer that the samples of a source have passed, None for the original images."""
        wanted = self.fields[name].through
        return None if wanted is None else self.throughs.get(wanted, self.parts.get(wanted))

    # identity ----------------------------------------------------------------------------------------------

    @cached_property
    def code(self) -> Code:
        """The code behind its factory."""
        strings = [self.spec.factory, self.spec.spec_for]
        strings += [m.aggregation for m in getattr(self.spec, "metrics", ()) if ":" in m.aggregation]
        return code_of([text.partition(":")[0] for text in dict.fromkeys(strings) if text], self.spec.code)

    def local_digest(self, *levels: str) -> str:
        """Return the digest of what lies at its paths of this machine, "" where it names none.

        Args:
            levels: only paths that affect one of these; all where none is given.
        """
        model = type(self.config)
        set_ = [n for n in local_fields(model) if getattr(self.config, n) not in (None, "")]
        if not any(not levels or affects(model, n) in levels for n in set_):
            return ""
        if self._own_fingerprint is not None:
            return self._own_fingerprint
        return digest({n: d for n, d in self._contents.items() if not levels or affects(model, n) in levels})

    @cached_property
    def _own_fingerprint(self) -> str | None:
        """What a data set, or a plugin that knows better which files count, says of what lies at its paths."""
        if self.kind == "dataset":
            return self.opened.fingerprint
        if not hasattr(self.factory, "fingerprint"):
            return None
        with plugin_errors(self, "its fingerprint() failed"):
            own = self.built.fingerprint()
        return None if own is None else str(own)

    def content_seen_by(self, built: Any) -> str:
        """Return what :attr:`Asked.content` gave, found out anew for an object (None: a function) that came to life.

        Raises:
            Exception: whatever its ``fingerprint()`` or ``manifest()`` raises.
        """
        if self.kind == "dataset":
            return fingerprint(built.manifest())
        own = built.fingerprint() if hasattr(built, "fingerprint") else None
        return str(own) if own is not None else digest(self._contents_now())

    @cached_property
    def _contents(self) -> dict[str, str]:
        return self._contents_now()

    def _contents_now(self) -> dict[str, str]:
        """By field, the digest of what lies at a path."""
        found = {n: getattr(self.config, n) for n in local_fields(type(self.config))}
        return {n: content_digest([Path(str(p)).expanduser()]) for n, p in found.items() if p not in (None, "")}

    @cached_property
    def built(self) -> Any:
        """The object behind it, as far as the plan needs one: without weights, and its enhancers cannot be called."""
        return construct(self.factory, self.config, {n: _unready(p) for n, p in self.parts.items()})

    def plain(self, *levels: str) -> dict[str, Any]:
        """Return the plain fields of its configuration that affect one of the levels (all where none is given)."""
        model = type(self.config)
        left_out = {*self.fields, *local_fields(model)}
        left_out |= {n for n in model.model_fields if levels and affects(model, n) not in levels}
        return self._dumped(left_out)

    def _dumped(self, left_out: set[str]) -> dict[str, Any]:
        """Return the fields of its configuration, as JSON has them, the same in every process."""
        values = self.config.model_dump(mode="json", exclude=left_out)
        return {n: in_order(getattr(self.config, n), value) for n, value in values.items()}

    def digest_of(self, *levels: str) -> str:
        """Return its identity as far as fields of some levels (lesson, weights, use) can change it."""
        model = type(self.config)
        named = {
            n: [p.identity for p in (found if isinstance(found, tuple) else (found,))] if found is not None else None
            for n, found in self.parts.items()
            if not levels or affects(model, n) in levels
        }
        spec = {k: v for k, v in vars(self.spec).items() if k not in _INSTANT}
        return digest(
            {
                "kind": self.kind,
                "name": self.name,
                "config": self.plain(*levels),
                "parts": named,
                "through": {n: one.identity for n, one in self.throughs.items()},
                "local": self.local_digest(*levels),
                "code": self.code.digest,
                "spec": {k: [vars(m) for m in v] if k == "metrics" else v for k, v in spec.items()},
            }
        )

    @cached_property
    def identity(self) -> str:
        """The digest of name, full configuration (parts by their identity), what lies at its paths, and code."""
        return self.digest_of()

    @cached_property
    def label(self) -> str:
        """The name and the fewest fields that give this configuration under the profile."""
        model = type(self.config)
        texts = {n: label_of(found) for n, found in self.parts.items()}
        chosen = {
            n
            for n in self.parts
            if not isinstance(getattr(self.config, n), Derived) and texts[n] != self.default_labels.get(n)
        }
        plain = self._fewest()
        shown = {}
        for name, about in model.model_fields.items():
            value = getattr(self.config, name)
            if name in chosen:
                shown[name] = texts[name]
            elif name in plain:
                local = is_local(about) and value not in (None, "")
                shown[name] = f"@{self.local_digest()[:8]}" if local else typed(value)
        fields = ",".join(f"{name}={text}" for name, text in shown.items())
        return f"{self.name}[{fields}]" if fields else self.name

    def _fewest(self) -> set[str]:
        """Return plain fields that, when they are set, give all others their values, too."""
        fields = [n for n in type(self.config).model_fields if n not in self.parts]
        required = {n for n in fields if n not in self.defaults}
        found = required | {n for n in fields if n in self.defaults and self.defaults[n] != getattr(self.config, n)}
        # What another field implies may have to be set back to its own default.
        while (wrong := self._other_than(found)) - found:
            found |= wrong
        # A field may follow from another: what need not be said is not.
        for name in [n for n in fields if n in found - required]:
            if not self._other_than(found - {name}):
                found.discard(name)
        return found

    def _other_than(self, given: Collection[str]) -> set[str]:
        """Return the plain fields that have another value when only some are set."""
        values = {**self.by_profile, **{n: getattr(self.config, n) for n in (*given, *self.parts)}}
        try:
            config = type(self.config)(**values)
        except ValueError:
            return {n for n in type(self.config).model_fields if n not in self.parts}
        return {n for n in self.defaults if getattr(config, n) != getattr(self.config, n)}

    @cached_property
    def asked(self) -> Asked:
        """What a worker is told of it."""

        def told(name: str, part: Part) -> Asked:
            # Cases of a data set that is scored or learnt from are held against the plan one by one.
            alone = part.kind == "dataset" and self.kind != "dataset" and not self.fields[name].learns
            return replace(part.asked, content=part.opened.fingerprint) if alone else part.asked

        values = self._dumped(set(self.fields))
        parts = {
            n: tuple(told(n, p) for p in found) if isinstance(found, tuple) else found and told(n, found)
            for n, found in self.parts.items()
        }
        content = "" if self.kind == "dataset" else self.local_digest()
        return Asked(self.kind, self.name, values, parts, self.identity, self.label, self.code.digest, content)

    # data sets ---------------------------------------------------------------------------------------------

    @cached_property
    def opened(self) -> Opened:
        """The data set behind it, with its manifest.

        Raises:
            UsageError: its folder is missing or its manifest is inconsistent.
            PluginError: it does not keep its contract.
        """
        with plugin_errors(self, "it cannot be opened"):
            dataset = self.built
            manifest = tuple(dataset.manifest())
        # Its label may follow from its content, which is not known before it is open.
        name = self.name if local_paths(self.config) else self.label
        for attribute in ("modality", "targets", "load"):
            if not hasattr(dataset, attribute):
                raise PluginError(f"data set '{name}' has no {attribute}: {type(dataset).__name__} must offer it")
        check_manifest(name, manifest)
        return Opened(dataset, manifest)

    @cached_property
    def collections(self) -> frozenset[str]:
        """The names within which its patients are unique: two data sets that share one may share patients.

        Its own; else those of the data sets that it is made of; else its plugin's name with what lies at each of its
        paths, whatever its other fields choose from there.
        """
        own = str(getattr(self.opened.dataset, "collection", ""))
        if own:
            return frozenset({own})
        below = [one.collections for _, one in self.named() if one.kind == "dataset"]
        if below:
            return frozenset().union(*below)
        paths = local_paths(self.config)
        return frozenset({f"{self.name} {listing_digest(p)}" for p in paths} if paths else {self.name})


@dataclass(frozen=True, eq=False)
class Opened:
    """An open data set.

    Attributes:
        dataset: the object.
        manifest: its lines.
        fingerprints: of selections of them that somebody asked for before.
    """

    dataset: Any
    manifest: tuple[CaseEntry, ...]
    fingerprints: dict[tuple[Any, ...], str] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the whole manifest."""
        return fingerprint(self.manifest)

    @cached_property
    def by_split(self) -> dict[str, tuple[CaseEntry, ...]]:
        """The lines of each split, in the manifest's order."""
        found: dict[str, list[CaseEntry]] = {}
        for entry in self.manifest:
            found.setdefault(entry.split, []).append(entry)
        return {split: tuple(entries) for split, entries in found.items()}

    @cached_property
    def by_id(self) -> dict[str, CaseEntry]:
        """The lines by case id."""
        return {entry.case_id: entry for entry in self.manifest}

    def split(self, name: str) -> tuple[CaseEntry, ...]:
        """Return the lines of a split; none where there is no such split."""
        return self.by_split.get(name, ())


class plugin_errors:  # noqa: N801  (used like a function)
    """Turns what a plugin raises into one sentence that names it; radbench's own errors pass."""

    def __init__(self, part: Part, what: str) -> None:
        self.part, self.what = part, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, RadbenchError) or not isinstance(error, Exception):
            return
        name = "data set" if self.part.kind == "dataset" else self.part.kind
        raise PluginError(f"{name} '{self.part.name}': {self.what}: {one_line(error)}") from error


def _unready(found: Any) -> Any:
    """Return what an object is given for a part while nothing runs: data sets are open, enhancers cannot be called."""
    if isinstance(found, tuple):
        return tuple(_unready(one) for one in found)
    if found is None:
        return None
    return (
        found.opened.dataset
        if found.kind == "dataset"
        else Unready(found.label, "yet: neither building nor manifest() may call it")
    )


class Unready:
    """Stands for an enhancer that cannot be called here.

    Args:
        label: of the enhancer.
        why: what errors say.
    """

    def __init__(self, label: str, why: str) -> None:
        self.label, self.why = label, why

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Refuse.

        Raises:
            PluginError: always.
        """
        raise PluginError(f"enhancer '{self.label}' cannot be called {self.why}")
