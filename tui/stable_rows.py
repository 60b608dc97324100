"""Rows that never move under the cursor: what is known keeps its place, what is new goes to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class StableRows(Generic[T]):
    """A list with one chosen row, named by its key. When the chosen row vanishes, nothing is chosen."""

    def __init__(self, key: Callable[[T], str]) -> None:
        self._key = key
        self.items: tuple[T, ...] = ()
        self.chosen_key: str | None = None
        self.top = 0
        """First row that was drawn last: the view moves as little as possible."""

    def take(self, now: Iterable[T]) -> frozenset[str]:
        """Show what there is now and return the keys of what is new."""
        known = {self._key(item): place for place, item in enumerate(self.items)}
        current = tuple(now)
        stay = sorted((item for item in current if self._key(item) in known), key=lambda item: known[self._key(item)])
        new = tuple(item for item in current if self._key(item) not in known)
        self.items = (*stay, *new)
        if self.chosen is None:
            self.chosen_key = None
        return frozenset(self._key(item) for item in new)

    def forget(self) -> None:
        """Begin anew: the next take sets the order."""
        self.items = ()
        self.chosen_key = None
        self.top = 0

    @property
    def chosen(self) -> T | None:
        """Return the chosen row, if it is still there."""
        return next((item for item in self.items if self._key(item) == self.chosen_key), None)

    @property
    def place(self) -> int | None:
        """Return the chosen row's place from the top."""
        return next((place for place, item in enumerate(self.items) if self._key(item) == self.chosen_key), None)

    def move(self, steps: int) -> None:
        """Choose another row; from none, down takes the first and up the last."""
        if not self.items:
            return
        at = self.place
        if at is None:
            target = 0 if steps > 0 else len(self.items) - 1
        else:
            target = min(max(0, at + steps), len(self.items) - 1)
        self.chosen_key = self._key(self.items[target])

    def in_view(self, height: int) -> tuple[T, ...]:
        """Return the rows to draw so that the chosen one is among them."""
        room = max(1, height)
        top = min(self.top, max(0, len(self.items) - room))
        at = self.place
        if at is not None:
            top = at if at < top else max(top, at - room + 1)
        self.top = max(0, top)
        return self.items[self.top : self.top + room]
