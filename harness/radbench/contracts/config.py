"""Config: the frozen model behind every enhancer, task and data set; its fields, and the parts that they name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Literal, Self, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from radbench.contracts.errors import PluginError

SOURCES = ("paper", "code", "assumed")
AFFECTS = ("lesson", "weights", "use")


@dataclass(frozen=True)
class PartField:
    """What a field says of the part that it names.

    Attributes:
        kind: "dataset" or "enhancer".
        many: whether it names a list of them.
        needs: targets that the data set must carry, or layers that the enhancer must offer.
        learns: whether lessons come from it.
        through: the field of the enhancer that the lessons' samples have passed, or an enhancer by name.
    """

    kind: Literal["dataset", "enhancer"]
    many: bool = False
    needs: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = ()
    learns: bool = False
    through: str | None = None

    def needed(self, config: Config) -> tuple[str, ...]:
        """Return what the part must offer under a configuration."""
        return tuple(self.needs(config)) if callable(self.needs) else tuple(self.needs)


@dataclass(frozen=True)
class Derived:
    """The default of a part that follows from its owner's configuration."""

    function: Callable[[Any], Any]

    def __str__(self) -> str:
        return "(follows from the other fields)"


def _part_name(value: Any) -> Any:
    if value is None or isinstance(value, Derived | Config):
        return value
    if isinstance(value, str) and value.strip():
        return None if value.strip().lower() in ("none", "null") else value.strip()
    raise ValueError(f"must be the name of a part or a variant of it, got {value!r}")


def _part_names(value: Any) -> Any:
    if isinstance(value, Derived):
        return value
    if isinstance(value, str):
        text = value.strip()
        from radbench.contracts.variants import split_list

        value = split_list(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"must be a list of parts, [a,b], got {value!r}")
    return tuple(_part_name(item) for item in value)


PartName = Annotated[Any, BeforeValidator(_part_name)]
"""The type of a field that names a part: a name or variant, None, or (as a derived default) a configuration."""

PartNames = Annotated[Any, BeforeValidator(_part_names)]
"""The type of a field that names a list of parts."""


class Config(BaseModel):
    """Base of every configuration: frozen, unknown fields refused.

    ``profiles`` maps a profile ("quick", "paper") to the fields it changes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **more: Any) -> None:
        super().__pydantic_init_subclass__(**more)
        if "presets" in vars(cls):
            # Passed over, it would leave a profile without its values in silence.
            raise TypeError(f"{cls.__name__}.presets: the values of profiles are called 'profiles' since 0.2")

    def with_(self, **changes: Any) -> Self:
        """Return this configuration with fields changed, for a part that is an earlier stage of its owner.

        Fields that only change how weights are used go back to their defaults, so that the part is shared.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields if affects(type(self), name) != "use"}
        return type(self)(**(values | changes))


def param(
    default: Any = ...,
    description: str = "",
    *,
    source: str,
    affects: Literal["lesson", "weights", "use"] = "lesson",
    **constraints: Any,
) -> Any:
    """Declare a configuration field.

    Args:
        default: its value; ``...`` where one must be given.
        description: what it does, with its unit.
        source: where the default comes from: "paper ...", "code ..." or "assumed ...".
        affects: of what learns, the first thing that the field can change: a "lesson" (always right), only the
            "weights", or only their "use". Variants share whatever their fields cannot change.
        constraints: passed on to :func:`pydantic.Field` (``ge``, ``le``, ``gt``, ...).

    Raises:
        ValueError: ``source`` or ``affects`` is none of the words allowed.
    """
    return _field(default, description, source, affects, constraints)


def local(
    default: Any = ...,
    description: str = "",
    *,
    source: str = "assumed: there is no default",
    affects: Literal["lesson", "weights", "use"] = "lesson",
    **constraints: Any,
) -> Any:
    """Declare a path of this machine: it enters no label and no digest; what counts is what lies there."""
    return _field(default, description, source, affects, constraints, local=True)


def part(
    kind: Literal["dataset", "enhancer"],
    default: Any = ...,
    *,
    description: str = "",
    source: str = "assumed",
    needs: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = (),
    affects: Literal["lesson", "weights", "use"] = "lesson",
) -> Any:
    """Declare a field that names another part; annotate it as :data:`PartName`.

    The part arrives live: by keyword in a function, as ``parts.FIELD`` in a class that is built as
    ``Class(config, parts)``. A data set is open; an enhancer has its weights, is on the device, and is called with
    images.

    Args:
        kind: of the part.
        default: a variant, None for no part, ``...`` where one must be given, or a function of the configuration that
            returns one of these or a configuration of the same model (an earlier stage of the same plugin).
        needs: targets that the data set must carry, or layers that the enhancer must offer; checked in the plan.
        description, source, affects: as for :func:`param`.
    """
    return _field(_derived(default), description, source, affects, {}, part=PartField(kind, needs=needs))


def parts(
    kind: Literal["dataset", "enhancer"],
    default: Any = ...,
    *,
    description: str = "",
    source: str = "assumed",
    needs: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = (),
    affects: Literal["lesson", "weights", "use"] = "lesson",
) -> Any:
    """Declare a field that names a list of parts, ``[a,b]``; annotate it as :data:`PartNames`. See :func:`part`."""
    return _field(_derived(default), description, source, affects, {}, part=PartField(kind, many=True, needs=needs))


def learns_from(
    default: Any = ...,
    *,
    description: str = "what it learns from",
    source: str = "assumed",
    needs: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = (),
    through: str | None = None,
) -> Any:
    """Declare a field that names the data set that lessons come from; annotate it as :data:`PartName`.

    Args:
        default: as for :func:`part`; None is no source: for a task, the data set that it is run on.
        needs: targets that its cases must carry.
        through: the field that names the enhancer whose images the lessons show; None shows the originals.
        description, source: as for :func:`param`.
    """
    field = PartField("dataset", needs=needs, learns=True, through=through)
    return _field(_derived(default), description, source, "lesson", {}, part=field)


def _derived(default: Any) -> Any:
    return Derived(default) if callable(default) else default


def _field(
    default: Any, description: str, source: str, affects: str, constraints: Mapping[str, Any], **extra: Any
) -> Any:
    if not source.startswith(SOURCES):
        raise ValueError(f"source '{source}' must start with one of {', '.join(SOURCES)}")
    if affects not in AFFECTS:
        raise ValueError(f"affects '{affects}' must be one of {', '.join(AFFECTS)}")
    about = {"source": source, "affects": affects, **extra}
    return Field(default, description=description, json_schema_extra=about, **constraints)


def config_of(factory: Callable[..., Any]) -> type[Config]:
    """Return the configuration model of a factory.

    A class carries its own as ``Config``; a function's keyword arguments are its configuration, with what
    :func:`param` says of them (``Annotated[float, param(description=..., source=...)]``) or, said so, ``assumed``.

    Raises:
        PluginError: the class's ``Config`` is no :class:`Config`.
    """
    if inspect.isclass(factory):
        model = getattr(factory, "Config", Config)
        if not (isinstance(model, type) and issubclass(model, Config)):
            raise PluginError(f"{factory.__name__}.Config must derive from radbench.Config")
        return model
    parameters = {
        name: parameter
        for name, parameter in list(inspect.signature(factory).parameters.items())[1:]
        if name not in ("cases", "context") and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    hints = _hints(inspect.unwrap(factory), parameters)
    fields: dict[str, Any] = {}
    for name, parameter in parameters.items():
        default = ... if parameter.default is parameter.empty else parameter.default
        if isinstance(default, FieldInfo):
            found = _extra(default).get("part")
            given = hints.get(name, Any if found is None else PartNames if found.many else PartName)
            fields[name] = (given, default)
            continue
        hint = hints.get(name, type(default) if default not in (..., None) else Any)
        declared = any(isinstance(m, FieldInfo) for m in getattr(hint, "__metadata__", ()))
        fields[name] = (hint, default) if declared else (hint, param(default, source="assumed"))
    name = "".join(part.title() for part in getattr(factory, "__name__", "function").split("_"))
    return create_model(f"{name}Config", __base__=Config, **fields)


def _hints(function: Callable[..., Any], names: Collection[str]) -> dict[str, Any]:
    # Only these: what ``images`` is annotated with may be imported for type checkers alone.
    wanted = {name: hint for name, hint in inspect.get_annotations(function).items() if name in names}
    return get_type_hints(SimpleNamespace(__annotations__=wanted), getattr(function, "__globals__", {}), None, True)


def source_of(field: FieldInfo) -> str:
    """Return where a field's default comes from."""
    return str(_extra(field).get("source", "assumed"))


def part_of(field: FieldInfo) -> PartField | None:
    """Return what a field says of the part that it names, None for a plain value."""
    return _extra(field).get("part")


def is_local(field: FieldInfo) -> bool:
    """Tell whether a field is a path of this machine."""
    return bool(_extra(field).get("local", False))


def affects(model: type[BaseModel], name: str) -> str:
    """Return the first thing that a field can change: "lesson", "weights" or "use"."""
    return str(_extra(model.model_fields[name]).get("affects", "lesson"))


def local_fields(model: type[BaseModel]) -> list[str]:
    """Return the names of the fields that are paths of this machine."""
    return [name for name, field in model.model_fields.items() if is_local(field)]


def local_paths(config: Config) -> list[Path]:
    """Return the paths of this machine that a configuration names."""
    found = (getattr(config, name) for name in local_fields(type(config)))
    return [Path(str(path)).expanduser() for path in found if path not in (None, "")]


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
