"""What changed between two snapshots: the fields that differ, and of long lists only the elements that are new."""

from __future__ import annotations

from typing import Any, Final, get_args, get_origin

from cockpit.operator.remote.codec import Reader, Unreadable, declared_fields, reader_of
from cockpit.operator.view import Snapshot

_FIELDS: Final = declared_fields(Snapshot)
_READERS: Final[dict[str, Reader]] = {name: reader_of(hint) for name, hint in _FIELDS.items()}
_ELEMENTS: Final[dict[str, Reader]] = {
    name: reader_of(get_args(hint)[0]) for name, hint in _FIELDS.items() if get_origin(hint) is tuple
}


def changes(old: Snapshot | None, new: Snapshot) -> dict[str, object]:
    """Return the fields of ``new`` that differ from ``old``, ready to be written; all of them without an old one.

    In a list, a number stands for the element that had this place in the old list.
    """
    if old is None:
        return {name: getattr(new, name) for name in _FIELDS}
    said: dict[str, object] = {}
    for name in _FIELDS:
        before, now = getattr(old, name), getattr(new, name)
        if now is not before and now != before:
            said[name] = _by_place(before, now) if name in _ELEMENTS else now
    return said


def changed(old: Snapshot | None, said: Any) -> Snapshot:
    """Return the snapshot that ``changes`` were made from; Unreadable where they don't fit."""
    if not isinstance(said, dict) or not _FIELDS.keys() >= said.keys():
        raise Unreadable("not a snapshot")
    if old is None:
        return reader_of(Snapshot)(said)
    given = {name: getattr(old, name) for name in _FIELDS}
    for name, value in said.items():
        given[name] = _elements(name, given[name], value) if name in _ELEMENTS else _READERS[name](value)
    return Snapshot(**given)


def _by_place(before: tuple[object, ...], now: tuple[object, ...]) -> list[object]:
    places = {id(one): place for place, one in enumerate(before)}
    said: list[object] = []
    for place, one in enumerate(now):
        at = places.get(id(one))
        if at is None and place < len(before) and before[place] == one:
            at = place
        said.append(one if at is None else at)
    return said


def _elements(name: str, before: tuple[object, ...], value: Any) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise Unreadable("not a list")
    read = _ELEMENTS[name]
    made: list[object] = []
    for one in value:
        if isinstance(one, int):
            if not 0 <= one < len(before):
                raise Unreadable("an element that isn't there")
            made.append(before[one])
        else:
            made.append(read(one))
    return tuple(made)
