"""Long lists in pages: a cursor names the last item that was given out, so that no change of the list shifts what follows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from mcp_types import INVALID_PARAMS

from cockpit.model.refusals import refuse
from server.transport.results import protocol_error

T = TypeVar("T")

PAGE: Final = 100
"""Items of a page. Some clients read the first page only, so that it holds what any of them is likely to have."""
_CURSOR_LENGTH: Final = 24


def page(
    items: Sequence[T], cursor: str | None, key: Callable[[T], str], size: int = PAGE
) -> tuple[list[T], str | None]:
    """Return the page after a cursor, and the cursor of the next one; None at the end.

    Raises MCPError for a cursor that isn't ours, or whose item is gone: its client has to list from the beginning.
    """
    begin = 0 if cursor is None else _after(items, cursor, key)
    chosen = list(items[begin : begin + size])
    return chosen, _cursor(key(chosen[-1])) if begin + size < len(items) else None


def _after(items: Sequence[T], cursor: str, key: Callable[[T], str]) -> int:
    if len(cursor) == _CURSOR_LENGTH:
        for place, item in enumerate(items, 1):
            if _cursor(key(item)) == cursor:
                return place
    raise protocol_error(INVALID_PARAMS, refuse("CURSOR_UNKNOWN"))


def _cursor(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:_CURSOR_LENGTH]
