"""Any value that a declared type allows: made from the fields, as the codec is."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NewType, Union, get_args, get_origin

from hypothesis import strategies as st

from cockpit.operator.remote.codec import declared_fields

_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXTS, inner, max_size=2),
    max_leaves=4,
)


def values_of(declared: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for a declared type."""
    if isinstance(declared, NewType):
        return values_of(declared.__supertype__)
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in (types.UnionType, Union):
        return st.one_of(*(st.none() if one is types.NoneType else values_of(one) for one in arguments))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
        return st.tuples(*(values_of(one) for one in arguments))
    if origin in (Mapping, dict):
        return st.dictionaries(_TEXTS, values_of(arguments[1]), max_size=2)
    if isinstance(declared, type) and is_dataclass(declared):
        return st.deferred(
            lambda: st.builds(declared, **{name: values_of(hint) for name, hint in declared_fields(declared).items()})
        )
    if isinstance(declared, type) and issubclass(declared, Enum):
        return st.sampled_from(declared)
    return {
        str: _TEXTS,
        bool: st.booleans(),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        Decimal: st.decimals(allow_nan=False),
        datetime: st.integers(0, 2**52).map(
            lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
        ),
        object: _JSON,
    }[declared]
