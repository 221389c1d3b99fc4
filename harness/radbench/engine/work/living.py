"""Living: parts as workers bring them to life: data sets open, enhancers with their weights and on the device."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radbench.contracts.config import affects, local_paths
from radbench.contracts.enhancement import Enhancement
from radbench.engine.keep.digests import state_of
from radbench.engine.keep.store import Store
from radbench.engine.plan.keys import MEASUREMENT
from radbench.engine.plan.learning import IN_DATA
from radbench.engine.plan.parts import Asked, Part, Unready
from radbench.engine.plan.resolver import SourceChangedError, rebuilt
from radbench.engine.plan.steps import Live
from radbench.engine.work.building import build, keywords_of, prepare
from radbench.engine.work.enhance import LiveEnhancer
from radbench.engine.work.kept_cases import KeptCases
from radbench.registry.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.case import CaseInfo

_MOST = 16


class _AnyDevice(LiveEnhancer):
    """An enhancer on a device that takes tensors of any other and gives its own back there.

    Data sets and lessons work on the processor, whatever their parts live on.
    """

    def __init__(self, label: str, built: Any, device: str) -> None:
        super().__init__(label, built.enhance, {}, getattr(built, "views", None), built)
        self._device = device

    def __call__(self, images: Tensor, cases: Sequence[CaseInfo] | None = None) -> Enhancement:
        return _moved(super().__call__(images.to(self._device), cases), images)

    def views(self, images: Tensor, poses: Sequence[Any], cases: Sequence[CaseInfo] | None = None) -> Enhancement:
        return _moved(super().views(images.to(self._device), poses, cases), images)


def _moved(found: Enhancement, like: Tensor) -> Enhancement:
    return Enhancement(found.image.to(like.device), {k: layer.to(like.device) for k, layer in found.layers.items()})


class Living:
    """What lives in this process, each part once; the least recently used go.

    Args:
        registry: of plugins.
        store: where weights are kept.
        device: where networks belong.
    """

    def __init__(self, registry: Registry, store: Store, device: str) -> None:
        self.registry, self.store, self.device = registry, store, device
        self._objects: OrderedDict[Any, Any] = OrderedDict()
        self._parts: dict[str, Part] = {}
        self._states: dict[str, list[tuple[Any, ...]]] = {}

    def part(self, asked: Asked) -> Part:
        """Return the part that was asked for.

        Raises:
            SourceChangedError: its code is no longer what the plan saw.
        """
        if asked.identity not in self._parts:
            self._parts[asked.identity] = rebuilt(self.registry, asked)
        return self._parts[asked.identity]

    def below(self, asked: Asked) -> Iterator[Part]:
        """Yield the part that was asked for and every part below it, the data sets that they learn from among them."""

        def each(part: Part) -> Iterator[Part]:
            yield part
            for _, one in part.named(sources=True):
                yield from each(one)

        yield from each(self.part(asked))

    def dataset(self, live: Live) -> Any:
        """Return an open data set."""
        return self._kept(("dataset", *_name(live)), lambda: self._built(self.part(live.asked), live))

    def listed(self, live: Live) -> Mapping[str, str]:
        """Return the digest of each case by its id, as the data set lists them here."""
        return self._kept(
            ("listed", *_name(live)), lambda: {e.case_id: e.digest for e in self.dataset(live).manifest()}
        )

    def enhancer(self, live: Live) -> LiveEnhancer:
        """Return an enhancer that can be called."""
        return self._kept(("enhancer", *_name(live)), lambda: self._enhancer(self.part(live.asked), live))

    def learner(self, live: Live, *, ready: bool) -> Any:
        """Return the object behind an enhancer or a task that learns, or behind any task.

        Args:
            ready: whether it has its weights; else it is as it was built, for its lessons.
        """

        def make() -> Any:
            part = self.part(live.asked)
            built = self._built(part, live)
            return self._prepared(part, built, live.weights if ready else {})

        return self._kept(("learner", ready, *_name(live)), make)

    def untrained(self, live: Live) -> Any:
        """Return a new object to fit."""
        built = self._built(self.part(live.asked), live)
        if hasattr(built, "to"):
            built.to(self.device)
        return built

    def _enhancer(self, part: Part, live: Live) -> LiveEnhancer:
        if inspect.isclass(part.factory):
            built = self._prepared(part, self._built(part, live), live.weights)
            if hasattr(built, "to"):
                return _AnyDevice(part.label, built, self.device)
            return LiveEnhancer(part.label, built.enhance, {}, getattr(built, "views", None), built)
        self._check_content(part, live.asked, None)
        return LiveEnhancer(part.label, part.factory, keywords_of(part.config, self._below(part, live), part.fields))

    def _built(self, part: Part, live: Live) -> Any:
        built = build(part.factory, part.config, self._below(part, live), live.seed)
        if part.kind != "dataset":
            self._check_content(part, live.asked, built)
        return built

    def _check_content(self, part: Part, asked: Asked, built: Any) -> None:
        """Refuse a part whose paths of this machine, or whose cases, are not those that the plan saw.

        Raises:
            SourceChangedError: so it is.
        """
        if not asked.content:
            return
        watched = part.kind != "dataset" and not hasattr(built, "fingerprint")
        state = state_of(local_paths(part.config)) if watched else []
        if part.content_seen_by(built) != asked.content:
            raise _changed(part)
        if watched:
            self._states[asked.identity] = state

    def check_unchanged(self, parts: Iterable[Part]) -> None:
        """Refuse to keep what came of paths that were changed since their part came to life; it may read them late.

        A part that has a ``fingerprint()`` of its own answers for itself.

        Raises:
            SourceChangedError: they were.
        """
        for part in parts:
            known = self._states.get(part.identity)
            if known is not None and state_of(local_paths(part.config)) != known:
                raise _changed(part)

    def _prepared(self, part: Part, built: Any, weights: Mapping[str, str]) -> Any:
        known = part.learns and part.identity in weights
        return prepare(built, self.store.load_weights(weights[part.identity])[0] if known else None, self.device)

    def _below(self, part: Part, live: Live) -> dict[str, Any]:
        """Return the live parts of a part; a data set's have the measurement's seed."""

        def alive(one: Part) -> Any:
            if one.kind != "dataset":
                return self._enhancer(one, Live(one.asked, live.weights, live.seed))
            weights = live.weights
            if part.kind != "dataset":
                weights = {n.removeprefix(IN_DATA): key for n, key in weights.items() if n.startswith(IN_DATA)}
            built = self._built(one, Live(one.asked, weights, MEASUREMENT))
            if part.kind != "dataset":
                # Nobody holds its cases against a manifest one by one, as those of the data set that is scored.
                self._check_content(one, one.asked, built)
            slow = one.spec.slow and not any(enhancer.learns for enhancer in one.all_enhancers())
            return KeptCases(built, one, self.store) if slow else built

        def made(name: str, found: Any) -> Any:
            level = affects(type(part.config), name)
            if live.levels and level not in live.levels and part.fields[name].kind == "enhancer":
                return Unready(name, f"while '{part.label}' learns: its field says affects={level!r}")
            return tuple(alive(one) for one in found) if isinstance(found, tuple) else found and alive(found)

        return {name: made(name, found) for name, found in part.parts.items() if not part.fields[name].learns}

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._objects:
            self._objects[key] = make()
            while len(self._objects) > _MOST:
                self._objects.popitem(last=False)
        self._objects.move_to_end(key)
        return self._objects[key]


def _changed(part: Part) -> SourceChangedError:
    what = "a case" if part.kind == "dataset" else "what lies at a path"
    kind = "data set" if part.kind == "dataset" else part.kind
    return SourceChangedError(f"{what} of {kind} '{part.label}' was changed during the run: give the command again")


def _name(live: Live) -> tuple[Any, ...]:
    return live.asked.identity, live.seed, live.levels, tuple(sorted(live.weights.items()))
