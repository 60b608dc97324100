"""What the operator has before him: the thing under the cursor and the question, as they last reached the terminal.

The state is ahead of what is painted, and a terminal may lag behind both. A key that acts on something is judged by
what stood under the cursor when the key was pressed; where the state has gone on since, the key does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cockpit.model.orders import Order
from cockpit.operator.view import PendingOrder
from tui.asking import Question
from tui.state import Place, ScreenState, named
from tui.waiting import SETTLING_SECONDS

BEAT_SECONDS: Final = 0.05
"""How often the loop is felt while a question is open."""
BLOCKED_SECONDS: Final = 0.25
"""A loop that was silent for longer has kept frames and keys waiting."""


@dataclass(frozen=True, slots=True)
class Under:
    """What stands under the cursor: where, its key, and of an order its version."""

    place: Place
    name: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Frame:
    """What of it a frame holds that is on its way to the terminal; None for what the frame leaves as it was."""

    under: Under | None
    question: Question | None


def under_cursor(state: ScreenState) -> Under:
    """Return what a key acts on by the state."""
    target = state.target
    order = target.order if isinstance(target, PendingOrder) else target if isinstance(target, Order) else None
    return Under(state.place, named(target), None if order is None else order.version)


class Shown:
    """Remembers what reached the terminal, and since when it stands there."""

    def __init__(self, state: ScreenState) -> None:
        self._state = state
        self._drawn: Frame | None = None
        self._under: Under | None = None
        self._since = float("inf")
        """From when on the thing stands there."""
        self._settled = float("inf")
        """From when on a key may do to it what can't be taken back."""
        self._version_since = float("inf")
        self._chosen_by_key: Under | None = None
        self._by_itself = False
        self._pressed_at = float("-inf")
        self._beat_at: float | None = None

    # painting

    def draw_cursor(self) -> None:
        """Note that the part with the cursor is being painted."""
        self._drawn = Frame(under_cursor(self._state), None if self._drawn is None else self._drawn.question)

    def draw_question(self) -> None:
        """Note that the words of the open question, if one is open, are being painted."""
        if self._state.question is not None and self._state.entry is None:
            self._drawn = Frame(None if self._drawn is None else self._drawn.under, self._state.question)

    def take_frame(self) -> Frame | None:
        """Return what was drawn since the last frame, if anything that matters was."""
        drawn, self._drawn = self._drawn, None
        return drawn

    def reached(self, frame: Frame, monotonic: float) -> None:
        """Note that a frame has been handed to the terminal."""
        if frame.question is not None:
            frame.question.painted(monotonic)
        now, before = frame.under, self._under
        if now is None or now == before:
            return
        if before is None or not _same(now, before):
            chosen = self._chosen_by_key is not None and _same(now, self._chosen_by_key)
            self._since, self._settled = monotonic, monotonic if chosen else monotonic + SETTLING_SECONDS
        self._under, self._version_since = now, monotonic

    # keys

    def press(self, pressed_at: float) -> None:
        """Begin a key that was pressed then."""
        self._pressed_at = pressed_at
        self._by_itself = False

    def pressed(self) -> None:
        """End a key: what it has put under the cursor is meant."""
        self._chosen_by_key = None if self._by_itself else under_cursor(self._state)

    def not_meant(self) -> None:
        """Take what the key at hand puts under the cursor like what comes by itself."""
        self._by_itself = True

    def hinders(self, *, version: bool = False, at_once: bool = True) -> str:
        """Return why the key at hand can't act on what the state has under the cursor, or nothing.

        With ``version`` the terms must be those that were on the screen too. A key that only opens something, not
        ``at_once``, counts from when the thing stood there: what it opens names it, and is answered or left.
        """
        now, seen = under_cursor(self._state), self._under
        if seen is None or not _same(now, seen) or self._pressed_at < (self._settled if at_once else self._since):
            return "That row has only just come; press again."
        if version and (now.version != seen.version or self._pressed_at < self._version_since):
            return "That order has only just changed; look, and press again."
        return ""

    def takes_yes(self, question: Question) -> bool:
        """Whether the key at hand may answer a question with yes."""
        return question.takes_yes(self._pressed_at)

    # the loop

    def beat(self, monotonic: float) -> None:
        """Feel the loop: after it was blocked, the words of a question count as painted anew."""
        question, before = self._state.question, self._beat_at
        self._beat_at = None if question is None else monotonic
        if question is not None and before is not None and monotonic - before > BLOCKED_SECONDS:
            question.painted_again(monotonic)


def _same(one: Under, other: Under) -> bool:
    return one.place is other.place and one.name == other.name
