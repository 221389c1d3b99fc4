"""Enhancers: the contract of images on whatever sizes and contents there are, the same bits every time, devices."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from radbench.conformance.conformance_cases import made_image
from radbench.conformance.elsewhere import NOT_BY
from radbench.conformance.findings import BrokenError, NotTriedError, RemarkError
from radbench.conformance.subject import Check, Subject, refused
from radbench.contracts.case import CaseInfo
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import InvalidOutputError
from radbench.engine.keep.texts import counted
from radbench.registry.whereabouts import definition_of

if TYPE_CHECKING:
    from torch import Tensor

SIZES = ((96, 80), (64, 64), (33, 47), (31, 128), (5, 3), (1, 17), (17, 1), (1, 1), (384, 512))
"""Rows and columns of the images that are tried: small ones, which other checks take, too; odd ones, lines, a single
pixel, and one of a usual size."""

_TOLERANCE = 1e-3
"""By how much a card may differ from the processor: float32 sums in another order, through a network."""


def images_of(*sizes: tuple[int, int]) -> Iterator[tuple[str, Tensor]]:
    """Yield made-up images ``[1,1,H,W]``, each with what it is."""
    for height, width in sizes:
        yield f"an image of {height} x {width}", made_image(height, width, f"{height}x{width}-0")[0][None]


def constants(height: int = 33, width: int = 47) -> Iterator[tuple[str, Tensor]]:
    """Yield images of one value, and of two."""
    import torch

    for value in (0.0, 0.5, 1.0):
        yield f"a constant image of {value:g}", torch.full((1, 1, height, width), value)
    halves = torch.zeros(1, 1, height, width)
    halves[..., width // 2 :] = 1
    yield "an image half black, half white", halves


def sizes(subject: Subject) -> str:
    """Size, type and range are kept whatever the size."""
    return _kept(subject, images_of(*SIZES), f"{len(SIZES)} sizes from 1 x 1 to 384 x 512")


def constant_images(subject: Subject) -> str:
    """Size, type and range are kept where there is nothing to see."""
    return _kept(subject, constants(), "constant images, and one of black and white")


def _kept(subject: Subject, tried: Iterator[tuple[str, Tensor]], what: str) -> str:
    declined: list[str] = []
    count = 0
    for name, image in tried:
        count += 1
        try:
            found = subject.workshop.enhanced(subject.part, image)
        except InvalidOutputError as e:
            raise subject.broken(f"{name}", e) from e
        except Exception as e:
            if not refused(e):
                raise subject.broken(f"{name} raises, instead of giving an image or refusing it by CaseError", e) from e
            declined.append(f"{name}: {e}")
        else:
            _layers(subject, found, name)
    if len(declined) == count:
        raise NotTriedError(f"it refuses every image that is made up here: {declined[0]}")
    return f"{what}: size, type and range are kept" + (
        f"; {counted(len(declined), 'image')} refused in words ({declined[0]})" if declined else ""
    )


def _layers(subject: Subject, found: Enhancement, name: str) -> None:
    missing = [layer for layer in subject.part.spec.layers if layer not in found.layers]
    if missing:
        raise BrokenError(
            f"{name}: it gave no layer '{missing[0]}', which its spec offers; it gave "
            f"{', '.join(sorted(found.layers)) or 'none'} ({_where(subject)})"
        )


def _where(subject: Subject) -> str:
    factory = subject.part.factory
    return definition_of(getattr(factory, "enhance", factory))


def nan_images(subject: Subject) -> str:
    """An image with NaN is refused in some way, and spoils nothing for the next one.

    No data set hands one out; but a part, or a caller from Python, may.
    """
    import torch

    image = _usable(subject)[0]
    before = _steady(subject, image)
    spoilt = image.clone()
    spoilt[..., 0, 0] = float("nan")
    answer = ""
    for bad in (spoilt, torch.full_like(image, float("nan"))):
        try:
            subject.workshop.enhanced(subject.part, bad)
        except InvalidOutputError:
            answer = answer or "comes out as NaN, which is refused"
        except Exception as e:
            answer = answer or f"raises {type(e).__name__}"
        else:
            answer = "numbers"
    if difference(before, _tried(subject, image)):
        raise BrokenError(f"after an image with NaN, an ordinary one comes out otherwise ({_where(subject)})")
    if answer == "numbers":
        raise RemarkError("an image with NaN comes out as ordinary numbers, so that nobody is told")
    return f"an image with NaN {answer}, and the next one is as before"


def not_written_to(subject: Subject) -> str:
    """The images that it is given are the same afterwards."""
    import torch

    image, info = _usable(subject)[0], CaseInfo("image-0", "image-0", (0.8, 0.8))
    call = subject.workshop.bare(subject.part)
    given = image.clone().to(subject.workshop.device)
    more = {"cases": [info]} if "cases" in inspect.signature(_signed(subject)).parameters else {}
    with torch.no_grad():
        call(given, **more)
    if not torch.equal(given.cpu(), image):
        raise BrokenError(
            f"it writes into the images that it is given ({_where(subject)}): work on images.clone(), or use "
            "operations without a trailing underscore"
        )
    return "the images that it is given are not written to"


def _signed(subject: Subject) -> Any:
    factory: Any = subject.part.factory
    return getattr(factory, "enhance", factory) if inspect.isclass(factory) else factory


def same_bits(subject: Subject) -> str:
    """A second call, another order, a new object, another process, a batch: the same bits."""
    import torch

    images = _usable(subject)
    infos = [CaseInfo(f"image-{i}", f"image-{i}", (0.8, 0.8)) for i in range(len(images))]
    first = [_tried(subject, image, info) for image, info in zip(images, infos, strict=True)]
    again = [_tried(subject, image, info) for image, info in zip(images, infos, strict=True)]
    _same(subject, first, again, "a second call")
    fresh = subject.workshop.bench()
    backwards = [
        subject.workshop.enhanced(subject.part, image, [info], fresh)
        for image, info in reversed([*zip(images, infos, strict=True)])
    ]
    _same(subject, first, backwards[::-1], "another order, in a new object,")
    elsewhere = [
        Enhancement(torch.from_numpy(image), {name: torch.from_numpy(layer) for name, layer in layers.items()})
        for image, layers in subject.workshop.elsewhere.ask(_enhanced_backwards, subject)
    ]
    _same(subject, first, elsewhere, "another process, in another order,", NOT_BY)
    size = subject.part.spec.batch_size
    try:
        together = subject.workshop.enhanced(subject.part, torch.cat(images), infos)
    except Exception as e:
        raise subject.broken(f"a batch of {len(images)} raises (the spec says batch_size={size})", e) from e
    if len(together.image) != len(images):
        raise BrokenError(f"{len(images)} images at once came out as {len(together.image)} ({_where(subject)})")
    if size == 1 or subject.part.draws:
        return "the same bits in a second call, another order, a new object and another process; one image at a time"
    split = [_one(together, i) for i in range(len(images))]
    _same(subject, first, split, f"a batch of {len(images)} (the spec says batch_size={size})")
    return "the same bits in a second call, another order, a new object, another process and a batch"


def seeds(subject: Subject) -> str:
    """Only what says so depends on the seed."""
    if subject.part.seeded:
        raise NotTriedError("its images may depend on the seed: it learns or draws, or a part of it does")
    image = _usable(subject)[0]
    first = _steady(subject, image)
    if difference(first, subject.workshop.enhanced(subject.part, image, seed=1)):
        raise BrokenError(
            f"another seed gives another image ({_where(subject)}): say EnhancerSpec(draws=True), or draw nothing"
        )
    return "nothing depends on the seed"


def devices(subject: Subject) -> str:
    """What it holds moves with it to another device."""
    import torch

    workshop, part = subject.workshop, subject.part
    if torch.cuda.is_available():
        image = _usable(subject)[0]
        there = type(workshop)(workshop.files, workshop.folder, workshop.profile, workshop.cases, "cuda:0")
        try:
            found = there.enhanced(part, image)
        except Exception as e:
            raise subject.broken("on cuda:0", e) from e
        gap = difference(_tried(subject, image), found)
        if gap > _TOLERANCE:
            raise BrokenError(f"cuda:0 gives other images than the processor: they differ by {gap:.2g}")
        return f"cuda:0 gives the processor's image to {gap:.1g}"
    if not inspect.isclass(part.factory):
        raise NotTriedError("no CUDA device is here, and a function holds nothing that would have to move")
    built = workshop.bench().living.enhancer(workshop.live(part)).object
    held = [*_tensors(built)]
    if not held:
        raise NotTriedError("no CUDA device is here, and it holds no tensors that would have to move")
    if not hasattr(built, "to"):
        raise RemarkError(
            f"it holds {held[0][0]}, a tensor, and offers no to(device): on a card it would be on the processor, "
            f"unless enhance() moves it ({definition_of(part.factory)})"
        )
    try:
        built.to("meta")  # a device that every machine has
    except Exception as e:
        raise subject.broken("to(device) raises", e) from e
    left = [name for name, tensor in _tensors(built) if tensor.device.type != "meta"]
    if left:
        raise RemarkError(
            f"to(device) leaves {left[0]} on the processor: register_buffer() makes it move, unless enhance() moves it "
            f"({definition_of(part.factory)})"
        )
    return f"to(device) moves all of its {counted(len(held), 'tensor')} (no CUDA device is here to compute on)"


def views(subject: Subject) -> str:
    """Rendered views have their shape, and are the same bits alone as in company."""
    from radbench.xray import Pose

    image = _usable(subject)[0]
    live = subject.workshop.enhancer(subject.part)
    poses = [Pose(), Pose(azimuth_deg=18.0)]
    try:
        both, second = live.views(image, poses), live.views(image, poses[1:])
    except Exception as e:
        raise subject.broken("views(images, poses)", e) from e
    if difference(Enhancement(both.image[:, 1:]), Enhancement(second.image)):
        raise BrokenError("a view depends on which others are asked for with it")
    return "views keep their contract, and do not depend on each other"


def _enhanced_backwards(subject: Subject) -> list[tuple[Any, dict[str, Any]]]:
    """Return three images enhanced, the last one first, as arrays."""
    images = _usable(subject, first=2)
    infos = [CaseInfo(f"image-{i}", f"image-{i}", (0.8, 0.8)) for i in range(len(images))]
    found = [_tried(subject, images[i], infos[i]) for i in (2, 1, 0)]
    return [(one.image.numpy(), {n: layer.numpy() for n, layer in one.layers.items()}) for one in found[::-1]]


def _steady(subject: Subject, image: Tensor) -> Enhancement:
    """Return what an image becomes.

    Raises:
        NotTriedError: it becomes something else the second time.
    """
    found = _tried(subject, image)
    if difference(found, _tried(subject, image)):
        raise NotTriedError("an image comes out otherwise in a second call, whatever was in between (see bits)")
    return found


def _usable(subject: Subject, first: int = 0) -> list[Tensor]:
    """Return three images of one size that the enhancer does not refuse, of which it was shown one."""
    reason = ""
    for height, width in SIZES[:3]:
        found = [made_image(height, width, f"image-{i}")[0][None] for i in range(3)]
        try:
            _tried(subject, found[first], CaseInfo(f"image-{first}", f"image-{first}", (0.8, 0.8)))
        except Exception as e:
            reason = reason or subject.told(e)
        else:
            return found
    raise NotTriedError(f"it takes none of the images that are made up here: {reason}")


def _tried(subject: Subject, image: Tensor, info: CaseInfo | None = None) -> Enhancement:
    return subject.workshop.enhanced(subject.part, image, None if info is None else [info])


def _one(found: Enhancement, place: int) -> Enhancement:
    layers = {name: layer[place : place + 1] for name, layer in found.layers.items()}
    return Enhancement(found.image[place : place + 1], layers)


_RANDOM = (
    "nothing that is kept between calls may change a result, and every random number must come from the states that "
    "the harness sets (torch, numpy.random, random)"
)


def _same(subject: Subject, one: list[Enhancement], other: list[Enhancement], what: str, advice: str = _RANDOM) -> None:
    gaps = [difference(a, b) for a, b in zip(one, other, strict=True)]
    if any(gaps):
        raise BrokenError(
            f"{what} gives other bits: {counted(sum(map(bool, gaps)), 'image')} of {len(gaps)} differ, by up to "
            f"{max(gaps):.3g} ({_where(subject)}); {advice}"
        )


def difference(one: Enhancement, other: Enhancement) -> float:
    """Return by how much two enhancements differ, in the image or any layer; 0 where every bit is the same."""
    import torch

    if one.layers.keys() != other.layers.keys():
        return float("inf")
    pairs = [(one.image, other.image), *((one.layers[n], other.layers[n]) for n in one.layers)]
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    return max(0.0 if torch.equal(a, b) else max(float((a - b).abs().max()), 1e-45) for a, b in pairs)


def _tensors(built: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor that an object holds, by how it is reached."""
    import torch

    seen: Counter[int] = Counter()

    def within(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
        seen[id(value)] += 1
        if seen[id(value)] > 1:
            return
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, Mapping):
            for key, one in value.items():
                yield from within(one, f"{name}[{key!r}]")
        elif isinstance(value, list | tuple):
            for i, one in enumerate(value):
                yield from within(one, f"{name}[{i}]")
        elif isinstance(value, torch.nn.Module) or value is built:
            for key, one in vars(value).items():
                yield from within(one, key if key.startswith("_") and not name else f"{name}.{key}".lstrip("."))

    yield from within(built, "")


CHECKS = (
    Check("sizes", lambda kind, spec: kind == "enhancer", sizes),
    Check("constant", lambda kind, spec: kind == "enhancer", constant_images),
    Check("nan", lambda kind, spec: kind == "enhancer", nan_images),
    Check("input", lambda kind, spec: kind == "enhancer", not_written_to),
    Check("bits", lambda kind, spec: kind == "enhancer", same_bits),
    Check("seed", lambda kind, spec: kind == "enhancer" and not spec.learns and not spec.draws, seeds),
    Check("device", lambda kind, spec: kind == "enhancer", devices),
    Check("views", lambda kind, spec: kind == "enhancer" and spec.renders, views),
)
