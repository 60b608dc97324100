"""The settings model in words: each key with its bounds, default and purpose, for error messages and for the docs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cockpit.model.money import plain
from cockpit.settings.model import Settings

ANY_NAME: Final = "NAME"
"""Stands in a path for a name that the operator chooses, such as a connection's."""
EACH: Final = "[]"
"""Stands in a path for one of a list of tables, such as a rule."""


@dataclass(frozen=True, slots=True)
class Key:
    """One setting."""

    path: tuple[str, ...]
    kind: str
    bounds: str
    default: str
    purpose: str


def keys(model: type[BaseModel] = Settings, above: tuple[str, ...] = ()) -> Iterator[Key]:
    """Yield every key in the order of declaration."""
    for name, field in model.model_fields.items():
        path = (*above, name)
        section, named = section_of(field.annotation)
        if section is not None:
            one = EACH if get_origin(field.annotation) is tuple else ANY_NAME
            yield from keys(section, (*path, one) if named else path)
        else:
            yield Key(path, kind_of(field.annotation), bounds_of(field), default_of(field), field.description or "")


def section_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the model behind a field, and whether it has several such tables, by name or in a list."""
    if get_origin(annotation) is dict:
        return section_of(get_args(annotation)[1])[0], True
    if get_origin(annotation) is tuple:
        found = section_of(get_args(annotation)[0])[0]
        return found, found is not None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    return None, False


def field_at(path: tuple[str, ...]) -> FieldInfo | None:
    """Return the field that a path leads to, or None where it leads to a table or to nothing."""
    model: type[BaseModel] | None = Settings
    named = False
    field: FieldInfo | None = None
    for part in path:
        if named:
            named, field = False, None
            continue
        if model is None or part not in model.model_fields:
            return field if model is None else None
        field = model.model_fields[part]
        model, named = section_of(field.annotation)
    return field if model is None else None


def names_beside(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that exist where the last part of ``path`` doesn't."""
    model: type[BaseModel] = Settings
    named = False
    for part in path[:-1]:
        if named:
            named = False
            continue
        field = model.model_fields.get(part)
        section, named = section_of(field.annotation) if field else (None, False)
        if section is None:
            return ()
        model = section
    return () if named else tuple(model.model_fields)


def kind_of(annotation: Any) -> str:
    """Name a type the way TOML's readers do."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return kind_of(next(part for part in inner if part is not NoneType))
    if origin in {tuple, frozenset}:
        return "list of texts"
    if origin is dict:
        return "table of texts"
    if isinstance(annotation, type) and issubclass(annotation, bool):
        return "true or false"
    if isinstance(annotation, type) and issubclass(annotation, int):
        return "whole number"
    if isinstance(annotation, type) and issubclass(annotation, (float, Decimal)):
        return "number"
    if isinstance(annotation, type) and issubclass(annotation, Path):
        return "path"
    return "text"


def bounds_of(field: FieldInfo) -> str:
    """Say what is allowed, such as ``1 to 65535``; empty where everything of its kind is."""
    low = high = shortest = longest = pattern = None
    above = False
    for rule in field.metadata:
        ge, gt = getattr(rule, "ge", None), getattr(rule, "gt", None)
        if ge is not None or gt is not None:
            low, above = (ge if ge is not None else gt), ge is None
        high = getattr(rule, "le", high)
        shortest = getattr(rule, "min_length", shortest)
        longest = getattr(rule, "max_length", longest)
        pattern = getattr(rule, "pattern", pattern)
    said = []
    if low is not None and high is not None:
        said.append(f"above {_number(low)}, up to {_number(high)}" if above else f"{_number(low)} to {_number(high)}")
    choices = _choices(field.annotation)
    if choices:
        said.append("one of " + ", ".join(choices))
    if longest is not None:
        said.append(f"{shortest or 0} to {longest} {'members' if _is_list(field.annotation) else 'characters'}")
    if pattern is not None:
        said.append(f"like {pattern}")
    return "; ".join(said)


def default_of(field: FieldInfo) -> str:
    """Write the default as TOML has it; empty where it depends on the host or where unset means something."""
    if field.is_required() or field.default is None:
        return ""
    if field.default_factory is dict:
        return "{}"
    value = field.default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, StrEnum):
        return f'"{value.value}"'
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, frozenset):
        return _list_of(sorted(value)) if set(_members(field.annotation)) - value or not value else "all of them"
    if isinstance(value, tuple):
        return _list_of(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _list_of(values: Iterable[object]) -> str:
    return "[" + ", ".join(f'"{part}"' for part in values) + "]"


def _members(annotation: Any) -> tuple[StrEnum, ...]:
    inner = get_args(annotation)
    return tuple(inner[0]) if inner and isinstance(inner[0], type) and issubclass(inner[0], StrEnum) else ()


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in {tuple, frozenset}


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(str(choice) for choice in get_args(annotation))
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, StrEnum):
            return tuple(member.value for member in part)
    return ()


def _number(value: Any) -> str:
    return plain(Decimal(str(value)))
