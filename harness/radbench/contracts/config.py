"""Config: the frozen model behind every enhancer, task and data set; each field says where its value comes from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from radbench.contracts.errors import PluginError

SOURCES = ("paper", "code", "assumed")


class Config(BaseModel):
    """Base of every configuration: frozen, unknown fields refused.

    ``presets`` maps a profile ("quick", "paper") to the fields it changes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}


def param(default: Any = ..., description: str = "", *, source: str, trains: bool = True, **constraints: Any) -> Any:
    """Declare a configuration field.

    Args:
        default: its value; ``...`` where one must be given.
        description: what it does, with its unit.
        source: where the default comes from: "paper ...", "code ..." or "assumed ...".
        trains: False says of an enhancer that learns: what it learns does not depend on this field. Variants that
            differ in such fields alone share one training.
        constraints: passed on to :func:`pydantic.Field` (``ge``, ``le``, ``gt``, ...).

    Raises:
        ValueError: ``source`` starts with none of the three words.
    """
    if not source.startswith(SOURCES):
        raise ValueError(f"source '{source}' must start with one of {', '.join(SOURCES)}")
    return Field(
        default, description=description, json_schema_extra={"source": source, "trains": trains}, **constraints
    )


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
    extra = field.json_schema_extra
    return str(extra.get("source", "assumed")) if isinstance(extra, dict) else "assumed"


def trained_fields(config: type[BaseModel]) -> set[str]:
    """Return the fields that what an enhancer learns may depend on: all but those declared with ``trains=False``."""
    extras = {name: field.json_schema_extra for name, field in config.model_fields.items()}
    return {name for name, extra in extras.items() if not (isinstance(extra, dict) and extra.get("trains") is False)}
