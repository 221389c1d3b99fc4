"""Config: the frozen model behind every enhancer, task and data set; each field says where its value comes from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

SOURCES = ("paper", "code", "assumed")


class Config(BaseModel):
    """Base of every configuration: frozen, unknown fields refused.

    ``presets`` maps a profile ("quick", "paper") to the fields it changes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}


def param(default: Any = ..., description: str = "", *, source: str, **constraints: Any) -> Any:
    """Declare a configuration field.

    Args:
        default: its value; ``...`` where one must be given.
        description: what it does, with its unit.
        source: where the default comes from: "paper ...", "code ..." or "assumed ...".
        constraints: passed on to :func:`pydantic.Field` (``ge``, ``le``, ``gt``, ...).

    Raises:
        ValueError: ``source`` starts with none of the three words.
    """
    if not source.startswith(SOURCES):
        raise ValueError(f"source '{source}' must start with one of {', '.join(SOURCES)}")
    return Field(default, description=description, json_schema_extra={"source": source}, **constraints)


def config_of(factory: Callable[..., Any]) -> type[Config]:
    """Return the configuration model of a factory.

    A class carries its own as ``Config``; a function's keyword arguments are its configuration, with what
    :func:`param` says of them (``Annotated[float, param(description=..., source=...)]``) or, said so, ``assumed``.
    """
    if inspect.isclass(factory):
        model = getattr(factory, "Config", None)
        return model if isinstance(model, type) and issubclass(model, Config) else Config
    hints = get_type_hints(factory, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(factory).parameters.items())[1:]:
        if name in ("cases", "context") or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        hint = hints.get(name, type(default) if default not in (..., None) else Any)
        declared = any(isinstance(m, FieldInfo) for m in getattr(hint, "__metadata__", ()))
        fields[name] = (hint, default) if declared else (hint, param(default, source="assumed"))
    name = "".join(part.title() for part in factory.__name__.split("_"))
    return create_model(f"{name}Config", __base__=Config, **fields)


def source_of(field: FieldInfo) -> str:
    """Return where a field's default comes from."""
    extra = field.json_schema_extra
    return str(extra.get("source", "assumed")) if isinstance(extra, dict) else "assumed"
