"""The stream's memory: the newest calls, a filter over them, and where the operator looks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from cockpit.model.events import CallFinished, Outcome
from tui.call_rates import CallRates
from tui.widths import cell_len

_FIELDS: Final = ("client", "tool", "state", "code")


class FilterUnfit(ValueError):
    """A filter that can't be read; the message says why."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are shown: every word must fit, ``!word`` must not, ``client:x`` looks at one column, ``*`` is anything."""

    text: str
    words: tuple[tuple[str, str, bool], ...]
    """Column or empty, lower-case text, whether it must be absent."""

    def fits(self, call: CallFinished) -> bool:
        """Whether the call is shown."""
        columns = {
            "client": call.client.casefold(),
            "tool": call.tool.casefold(),
            "state": call.outcome.value,
            "code": call.code.casefold(),
        }
        everything = " ".join((*columns.values(), call.summary.casefold()))
        return all(
            _is_in(word, columns[column] if column else everything, whole=bool(column)) is not absent
            for column, word, absent in self.words
        )


def _is_in(word: str, text: str, *, whole: bool) -> bool:
    """Whether a word is in a text; one with stars must fit a column from end to end, or be anywhere in the row."""
    if "*" not in word:
        return word in text
    return fnmatchcase(text, word.replace("[", "[[]") if whole else f"*{word.replace('[', '[[]')}*")


def filter_of(text: str) -> CallFilter | None:
    """Read a filter; None when there is nothing to filter by."""
    words: list[tuple[str, str, bool]] = []
    for raw in text.split():
        absent = raw.startswith("!")
        column, colon, rest = raw.removeprefix("!").casefold().partition(":")
        if not colon:
            words.append(("", column, absent))
        elif column not in _FIELDS:
            raise FilterUnfit(f"no column {column!r}: use {', '.join(_FIELDS)}")
        elif column == "state" and rest not in {outcome.value for outcome in Outcome}:
            raise FilterUnfit(f"state is one of {', '.join(outcome.value for outcome in Outcome)}")
        else:
            words.append((column, rest, absent))
    kept = tuple(word for word in words if word[1])
    return CallFilter(" ".join(text.split()), kept) if kept else None


class CallHistory:
    """A ring of calls. Following shows the end; scrolled back, rows stay where they are while new ones come."""

    def __init__(self, limit: int) -> None:
        self._all: deque[CallFinished] = deque(maxlen=limit)
        self._shown: deque[CallFinished] = self._all
        self._count = 0
        """How many calls have ever been shown: the place behind the newest."""
        self._top: int | None = None
        self._count_at_scroll = 0
        self.filter: CallFilter | None = None
        self.chosen: CallFinished | None = None
        """The call that keys act on; it stays itself while others come."""
        self.rates = CallRates()
        self.newest = -1
        """Number of the newest call that is held."""
        self.widest_client = 0
        """Cells of the longest client's name so far; columns that follow it only ever grow."""
        self.widest_tool = 0

    def extend(self, calls: Iterable[CallFinished]) -> int:
        """Take calls, oldest first; those already held are passed over. Return how many can be seen."""
        before = self._count
        for call in calls:
            if call.number <= self.newest:
                continue
            self.newest = call.number
            self.widest_client = max(self.widest_client, cell_len(call.client))
            self.widest_tool = max(self.widest_tool, cell_len(call.tool))
            self._all.append(call)
            self.rates.count(call)
            if self.filter is None:
                self._count += 1
            elif self.filter.fits(call):
                self._shown.append(call)
                self._count += 1
        return self._count - before

    def narrow(self, by: CallFilter | None) -> None:
        """Show only what fits, and follow."""
        self.filter = by
        self.chosen = None
        self._shown = self._all if by is None else deque((c for c in self._all if by.fits(c)), self._all.maxlen)
        self._count = len(self._shown)
        self.follow()

    @property
    def following(self) -> bool:
        """Whether the newest calls are shown."""
        return self._top is None

    @property
    def fresh(self) -> int:
        """Return how many calls came since the operator scrolled back."""
        return 0 if self._top is None else self._count - self._count_at_scroll

    def follow(self) -> None:
        """Go to the end and stay there."""
        self._top = None
        self.chosen = None

    def choose(self, steps: int, height: int) -> None:
        """Choose another call, first the newest in view. The view stays, and moves only as far as the chosen needs it."""
        shown = self._shown
        if not shown:
            return
        first = self._count - len(shown)
        start = len(shown) - height if self._top is None else max(self._top, first) - first
        start = max(0, start)
        at = None if self.chosen is None else self._place_of(self.chosen)
        place = min(start + height, len(shown)) - 1 if at is None else min(max(0, at + steps), len(shown) - 1)
        if self._top is None:
            self._count_at_scroll = self._count
        self.chosen = shown[place]
        self._top = first + max(min(start, place), place - height + 1)

    def _place_of(self, call: CallFinished) -> int | None:
        return next((place for place, held in enumerate(self._shown) if held.number == call.number), None)

    def scroll(self, rows: int, height: int) -> None:
        """Move the view; back at the end, it follows again."""
        first = self._count - len(self._shown)
        last_top = max(first, self._count - height)
        if self._top is None:
            self._count_at_scroll = self._count
            top = last_top
        else:
            top = self._top
        top = max(first, top + rows)
        self._top = None if top >= last_top else top
        if self._top is None:
            self.chosen = None

    def window(self, height: int) -> list[CallFinished]:
        """Return the calls in view, oldest first."""
        held = len(self._shown)
        first = self._count - held
        start = held - height if self._top is None else max(self._top, first) - first
        start = max(0, start)
        return [self._shown[place] for place in range(start, min(held, start + height))]
