"""Where the operator is and looks: places, panes, the chosen row, and the part of a text that is in view."""

from __future__ import annotations

from typing import Final, Protocol

from tui.client_form import ClientForm
from tui.fixed_keys import Means
from tui.state import Pane, Place, ScreenState, grouped

_TEXTS: Final = frozenset(
    {
        Place.LIMITS,
        Place.NOTICES,
        Place.RESULT,
        Place.HELP,
        Place.ORDER,
        Place.RECORD,
        Place.CONNECTIONS,
    }
)
_ABOVE: Final = frozenset({Place.ORDER, Place.HELP, Place.RECORD, Place.SCOPES})
"""Places from which escape leads back to where they were opened."""
_ALL: Final = 1_000_000


class Around(Protocol):
    """What the controls need of the screen around them."""

    def leave(self) -> None: ...

    def stream_height(self) -> int: ...

    def shown_as_text(self, file: str) -> str: ...

    def copy(self, text: str) -> None: ...

    def redraw(self) -> None: ...

    def choose_theme(self, name: str) -> str: ...


class Moves:
    """Movement keys, and the ways into and out of places."""

    def __init__(self, state: ScreenState, around: Around) -> None:
        self._state = state
        self._around = around

    def move(self, means: Means) -> bool:
        """Apply a movement; False when it is none here."""
        state = self._state
        page = max(1, self._around.stream_height() - 1)
        steps = {Means.DOWN: 1, Means.UP: -1}.get(means)
        pages = {
            Means.PAGE_DOWN: page, Means.HALF_DOWN: page // 2, Means.PAGE_UP: -page, Means.HALF_UP: -(page // 2)
        }.get(means)  # fmt: skip
        changes = {Means.CHANGE: 1, Means.CHANGE_BACK: -1}.get(means)
        if means is Means.PANE and state.place is Place.MAIN:
            state.pane = Pane.STREAM if state.pane is Pane.QUEUE else Pane.QUEUE
        elif means is Means.LAST:
            self._to_end()
        elif means is Means.FIRST:
            self._by(-_ALL)
        elif steps is not None:
            self._by(steps)
        elif pages is not None:
            if state.place is Place.MAIN:
                state.calls.scroll(pages, self._around.stream_height())
            else:
                self._by(pages)
        elif isinstance(state.target, ClientForm) and changes is not None:
            state.target.change(changes)
        elif state.place is Place.SCOPES and state.scopes is not None and changes is not None:
            state.scopes.change(changes)
        else:
            return False
        return True

    def _by(self, steps: int) -> None:
        state = self._state
        match state.place:
            case Place.MAIN if state.pane is Pane.QUEUE:
                state.waiting.move(steps)
            case Place.MAIN:
                state.calls.choose(steps, self._around.stream_height())
            case Place.RECORDS | Place.SESSIONS:
                state.records.move(steps)
            case Place.CLIENTS:
                state.clients.move(steps)
            case Place.ORDERS:
                state.orders.move(steps)
            case Place.HOLDINGS:
                state.positions.move(steps)
            case Place.LIMITS if state.latches.items and abs(steps) == 1:
                state.latches.move(steps)
            case Place.SCOPES if state.scopes is not None:
                state.scopes.move(steps)
            case Place.CLIENT if state.form is not None:
                state.form.move(steps)
            case place if place in _TEXTS:
                state.offset = max(0, state.offset + steps)

    def _to_end(self) -> None:
        if self._state.place is Place.MAIN:
            self._state.calls.follow()
        else:
            self._by(_ALL)

    def go(self, place: Place) -> None:
        """Show a place from its beginning."""
        state = self._state
        state.turn_away()
        if place is not state.place:
            state.back = state.place if place in _ABOVE else Place.MAIN
        if place is Place.CLIENTS:
            state.clients.forget()
            state.clients.take(grouped(state.snapshot.clients))
            state.clients.move(1)
        elif place is Place.ORDERS:
            state.orders.forget()
            state.orders.take((*state.snapshot.orders, *state.snapshot.others))
            state.orders.move(1)
        elif place is Place.LIMITS:
            state.latches.forget()
            state.latches.take(state.snapshot.latches)
            state.latches.move(1)
        elif place is Place.HOLDINGS:
            state.positions.forget()
            state.positions.take(state.snapshot.positions)
            state.positions.move(1)
        elif place is Place.NOTICES:
            state.have_read_notices()
        state.place = place
        state.offset = 0

    def escape(self) -> None:
        """Go back one step: out of a place, then to the end of the stream, then out of the filter."""
        state = self._state
        state.turn_away()
        if state.place is not Place.MAIN:
            state.place, state.back = state.back, Place.MAIN
            state.offset = 0
            state.form = state.scopes = None
        elif not state.calls.following:
            state.calls.follow()
        elif state.calls.filter is not None:
            state.calls.narrow(None)
        else:
            state.pane = Pane.QUEUE
