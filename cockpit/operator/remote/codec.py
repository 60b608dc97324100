"""Frozen values as JSON and back: made from the fields that each type declares, so that no type is written down twice."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Any, Final, NewType, Union, get_args, get_origin, get_type_hints

import orjson

Reader = Callable[[Any], Any]

_SCALARS: Final[Mapping[type, tuple[type, ...]]] = {str: (str,), bool: (bool,), int: (int,), float: (float, int)}


class Unreadable(ValueError):
    """What came is not what the type declares."""


def write(value: object) -> bytes:
    """Write a value. Raises TypeError where something in it is neither a field's value nor plain JSON."""
    return orjson.dumps(value, default=_plain)


def tagged(value: object) -> dict[str, object]:
    """Put a value under the name of its type: how one of several types travels."""
    return {type(value).__name__: value}


@cache
def reader_of(declared: Any) -> Reader:
    """Return what reads values of a declared type; it raises Unreadable.

    Of several dataclasses, the one is read whose name the value is under. Raises TypeError for a type that has no
    reader: such a type can't be part of what travels.
    """
    if isinstance(declared, NewType):
        return reader_of(declared.__supertype__)
    origin = get_origin(declared)
    if origin in (Union, types.UnionType):
        return _union(get_args(declared))
    if origin is tuple:
        return _tuple(get_args(declared))
    if origin in (Mapping, dict):
        return _mapping(*get_args(declared))
    if declared is object:
        return _as_it_is
    if declared is Decimal:
        return _decimal
    if declared is datetime:
        return _datetime
    if declared in _SCALARS:
        return _scalar(declared)
    if isinstance(declared, type) and issubclass(declared, Enum):
        return _enum(declared)
    if isinstance(declared, type) and is_dataclass(declared):
        return _dataclass(declared)
    raise TypeError(f"{declared} has no reader")


@cache
def one_of(*classes: type) -> Reader:
    """Return what reads one of several dataclasses by the name it is under."""
    readers = {one.__name__: one for one in classes}
    if len(readers) != len(classes):
        raise TypeError("two types of one name can't be told apart")

    def read(value: Any) -> Any:
        if not isinstance(value, dict) or len(value) != 1:
            raise Unreadable("not a value under the name of its type")
        ((name, inner),) = value.items()
        if name not in readers:
            raise Unreadable("a type that doesn't travel here")
        return reader_of(readers[name])(inner)

    return read


def declared_fields(declared: type) -> dict[str, Any]:
    """Return the fields of a dataclass with their types."""
    hints = get_type_hints(declared)
    return {field.name: hints[field.name] for field in fields(declared)}


def shape_of(*declared: Any) -> str:
    """Return a digest of everything that is declared below some types: equal digests understand each other."""
    said: dict[str, str] = {}
    for one in declared:
        _describe(one, said)
    return hashlib.sha256(repr(sorted(said.items())).encode()).hexdigest()[:16]


def types_below(declared: Any) -> frozenset[type]:
    """Return the dataclasses and enums that a type is made of, itself among them."""
    found: dict[type, None] = {}
    _collect(declared, found)
    return frozenset(found)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} doesn't travel")


def _as_it_is(value: Any) -> Any:
    return value


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, str):
        raise Unreadable("a decimal is a text")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise Unreadable("not a decimal") from error


def _datetime(value: Any) -> datetime:
    if not isinstance(value, str):
        raise Unreadable("a time is a text")
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise Unreadable("not a time") from error


def _scalar(declared: type) -> Reader:
    allowed = _SCALARS[declared]

    def read(value: Any) -> Any:
        if not isinstance(value, allowed) or (isinstance(value, bool) and declared is not bool):
            raise Unreadable(f"not a {declared.__name__}")
        return declared(value)

    return read


def _enum(declared: type[Enum]) -> Reader:
    members = {member.value: member for member in declared}

    def read(value: Any) -> Enum:
        if not isinstance(value, str) or value not in members:
            raise Unreadable(f"no {declared.__name__}")
        return members[value]

    return read


def _union(alternatives: tuple[Any, ...]) -> Reader:
    some = tuple(one for one in alternatives if one is not types.NoneType)
    if len(some) == 1:
        inner = reader_of(some[0])
        return lambda value: None if value is None else inner(value)
    raise TypeError(f"{some} can't be told apart within a value; name them where they are sent")


def _tuple(elements: tuple[Any, ...]) -> Reader:
    if len(elements) == 2 and elements[1] is Ellipsis:
        each = reader_of(elements[0])
        return lambda value: tuple(each(one) for one in _list(value))
    readers = tuple(reader_of(one) for one in elements)

    def read(value: Any) -> tuple[Any, ...]:
        if len(_list(value)) != len(readers):
            raise Unreadable("a tuple of another length")
        return tuple(reader(one) for reader, one in zip(readers, value, strict=True))

    return read


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable("not a list")
    return value


def _mapping(key: Any, value: Any) -> Reader:
    if key is not str:
        raise TypeError("only texts are names")
    each = reader_of(value)

    def read(given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise Unreadable("not a mapping")
        return {name: each(one) for name, one in given.items()}

    return read


def _dataclass(declared: type) -> Reader:
    hints = declared_fields(declared)
    readers = tuple((field.name, reader_of(hints[field.name]), _is_optional(field)) for field in fields(declared))
    known = frozenset(hints)

    def read(value: Any) -> Any:
        if not isinstance(value, dict) or not known.issuperset(value):
            raise Unreadable(f"not a {declared.__name__}")
        given = {}
        for name, reader, may_lack in readers:
            if name in value:
                given[name] = reader(value[name])
            elif not may_lack:
                raise Unreadable(f"a {declared.__name__} without {name}")
        return declared(**given)

    return read


def _is_optional(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _collect(declared: Any, found: dict[type, None]) -> None:
    if isinstance(declared, NewType):
        _collect(declared.__supertype__, found)
    elif get_origin(declared) is not None:
        for one in get_args(declared):
            _collect(one, found)
    elif (
        isinstance(declared, type) and declared not in found and (is_dataclass(declared) or issubclass(declared, Enum))
    ):
        found[declared] = None
        if is_dataclass(declared):
            for one in declared_fields(declared).values():
                _collect(one, found)


def _describe(declared: Any, said: dict[str, str]) -> None:
    for one in types_below(declared):
        if is_dataclass(one):
            said[one.__name__] = repr({name: _words(hint) for name, hint in declared_fields(one).items()})
        else:
            said[one.__name__] = repr([member.value for member in one])  # pyright: ignore[reportGeneralTypeIssues]


def _words(hint: Any) -> str:
    if isinstance(hint, NewType):
        return _words(hint.__supertype__)
    arguments = get_args(hint)
    if arguments:
        return f"{get_origin(hint)}[{', '.join(_words(one) for one in arguments)}]"
    return getattr(hint, "__name__", repr(hint))
