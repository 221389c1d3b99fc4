"""Living: parts as workers bring them to life: data sets open, enhancers with their weights and on the device."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radbench.contracts.enhancement import Enhancement
from radbench.engine.keep.store import Store
from radbench.engine.plan.parts import Asked, Part, construct, rebuilt
from radbench.engine.plan.steps import Live
from radbench.engine.work.enhance import LiveEnhancer
from radbench.engine.work.seeding import seed_everything
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
        keywords = {k: getattr(part.config, k) for k in type(part.config).model_fields if k not in part.fields}
        return LiveEnhancer(part.label, part.factory, keywords | self._below(part, live))

    def _built(self, part: Part, live: Live) -> Any:
        below = self._below(part, live)
        seed_everything(live.seed, "build")
        return construct(part.factory, part.config, below)

    def _prepared(self, part: Part, built: Any, weights: Mapping[str, str]) -> Any:
        """Give an object its weights, move it to the device and set evaluation mode."""
        if part.learns and part.identity in weights:
            state, _ = self.store.load_weights(weights[part.identity])
            built.load_state_dict(state)
        if hasattr(built, "to"):
            built.to(self.device)
        if hasattr(built, "eval"):
            built.eval()
        return built

    def _below(self, part: Part, live: Live) -> dict[str, Any]:
        """Return the live parts of a part; a data set's have the measurement's seed."""

        def alive(one: Part) -> Any:
            seed = 0 if part.kind == "dataset" else live.seed
            below = Live(one.asked, live.weights, seed)
            return self._built(one, below) if one.kind == "dataset" else self._enhancer(one, below)

        return {
            name: tuple(alive(one) for one in found) if isinstance(found, tuple) else found and alive(found)
            for name, found in part.parts.items()
            if not part.fields[name].learns
        }

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._objects:
            self._objects[key] = make()
            while len(self._objects) > _MOST:
                self._objects.popitem(last=False)
        self._objects.move_to_end(key)
        return self._objects[key]


def _name(live: Live) -> tuple[Any, ...]:
    return live.asked.identity, live.seed, tuple(sorted(live.weights.items()))
