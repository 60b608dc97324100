"""Which key does what here: made from the acts, narrowed to what makes sense for the row at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cockpit.model.orders import Order
from cockpit.operator.act import Act, When
from cockpit.operator.acts import KILL, LOGS, RESUME
from cockpit.operator.view import PendingOrder
from tui.fitting import is_offered
from tui.fixed_keys import OF_LINES, RESERVED
from tui.screen_acts import (
    ALWAYS,
    CHOOSE_SCOPES,
    CONNECTIONS,
    COPY,
    EDIT,
    KNOWN,
    NAME,
    NOTICES,
    PALETTE,
    REASON,
    RECORDS,
    REDRAW,
    SESSIONS,
)
from tui.state import Pane, Place, ScreenState

SHORT: Final[Mapping[str, str]] = {
    "client.approve": "let in",
    "client.deny": "deny",
    "order.approve": "approve",
    "order.deny": "deny",
    "order.cancel": "cancel",
    "client.revoke": "revoke",
    "position.close": "close",
    "latch.release": "release",
    "order.resolve": "resolve",
    EDIT.name: "edit",
    REASON.name: "with reason",
    CHOOSE_SCOPES.name: "scopes",
}
"""The word of an act beside its key, where its command is too long."""

_RANKS: Final[Mapping[str, int]] = {
    EDIT.name: 2, NAME.name: 2, CHOOSE_SCOPES.name: 2, REASON.name: 6, ALWAYS.name: 7
}  # fmt: skip
"""How soon a key leaves the last row where room is short; those of acts that aren't named leave last."""
_ANYWHERE: Final = frozenset({When.ALWAYS, When.STOPPED, When.COMMAND_LINE})
_TOGETHER: Final = (frozenset({When.OPEN_ORDER, When.UNKNOWN_ORDER}),)
"""What one row may be at the same time."""
_WAITING: Final = frozenset({When.WAITING_ORDER, When.WAITING_CLIENT})


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key and its word, as the last row shows them."""

    key: str
    word: str
    rank: int
    """Low ranks stay when room is short."""


class KeyMap:
    """Keys of all acts. The operator may move them; kill can get a second key but never lose its own."""

    def __init__(self, wanted: Mapping[str, str], *, enter: str = "⏎") -> None:
        self.enter = enter
        """How the enter key is written."""
        self.complaints: list[str] = []
        self._keys: dict[str, str] = {act.name: act.key for act in KNOWN.values() if act.key}
        self._kill_keys = {KILL.key}
        for name, key in wanted.items():
            self._want(name, key)

    def _want(self, name: str, key: str) -> None:
        act = KNOWN.get(name)
        if act is None:
            self.complaints.append(f"keys: there is no act {name!r}")
        elif not key or key in RESERVED or key in self._kill_keys:
            self.complaints.append(f"keys: {key!r} is taken")
        elif act is not KILL and (other := self._clash(act, key)) is not None:
            self.complaints.append(f"keys: {key!r} is {other.command}; {act.command} keeps its own")
        elif act is KILL and (key in OF_LINES or len(key) == 1):
            self.complaints.append(f"keys: {key!r} is typed in lines; kill has {spoken(KILL.key)}")
        elif act is KILL and self.is_bound(key):
            self.complaints.append(f"keys: {key!r} is taken; kill has {spoken(KILL.key)}")
        elif act is KILL:
            self._kill_keys.add(key)
        else:
            self._keys[name] = key

    def _clash(self, act: Act, key: str) -> Act | None:
        """Return another act that the key would mean in the same place."""
        others = (KNOWN[name] for name, taken in self._keys.items() if taken == key and name != act.name)
        return next((one for one in others if _meet(one.when, act.when)), None)

    def kills(self, key: str) -> bool:
        """Whether a key is the kill switch."""
        return key in self._kill_keys

    def redraws(self, key: str) -> bool:
        """Whether a key paints the screen anew."""
        return self._keys[REDRAW.name] == key

    def act_for(self, key: str, state: ScreenState) -> Act | None:
        """Return the act that a key means here and now; a screen that only looks has none that changes anything."""
        fitting = (KNOWN[name] for name, bound in self._keys.items() if bound == key and name != KILL.name)
        return next((act for act in fitting if is_offered(act, state) or _is_typed_alone(act, state)), None)

    def is_bound(self, key: str) -> bool:
        """Whether a key means some act in some place."""
        return key in self._keys.values()

    def is_for_waiting(self, key: str) -> bool:
        """Whether a key acts on what waits in the queue."""
        acts = (KNOWN[name] for name, bound in self._keys.items() if bound == key)
        return any(act.when in _WAITING and act not in (EDIT, NAME) for act in acts)

    def key_of(self, act: Act) -> str:
        """Return the key of an act as people write it, or nothing."""
        return spoken(self._keys.get(act.name, ""))

    def _also(self) -> list[KeyHint]:
        acts = (RECORDS, CONNECTIONS, SESSIONS, LOGS, PALETTE)
        words = ("audit", "brokers", "sessions", "logs", "find")
        return [KeyHint(spoken(self._keys.get(act.name, "")), word, 9) for act, word in zip(acts, words, strict=True)]

    def hints(self, state: ScreenState) -> list[KeyHint]:
        """Return what can be pressed now, kill first."""
        found = [KeyHint("", "READ-ONLY", 0) if state.read_only else KeyHint(spoken(KILL.key), "KILL", 0)]
        if state.entry is not None:
            return [*found, KeyHint(self.enter, "go", 1), KeyHint("esc", "back", 1)]
        if state.question is not None:
            return [*found, KeyHint("y", "yes", 1), KeyHint("n", "no", 1)]
        target = state.target
        if state.place is Place.MAIN and state.pane is Pane.STREAM:
            found += [KeyHint(self.enter, "the call", 3)] if state.calls.chosen is not None else []
            found += [KeyHint("tab", "queue", 2)]
        elif (state.place is Place.MAIN and isinstance(target, PendingOrder)) or isinstance(target, Order):
            found += [KeyHint(self.enter, "open", 3)] if state.place is not Place.ORDER else []
        for name, key in self._keys.items():
            act = KNOWN[name]
            if act is not KILL and act.when is not When.ALWAYS and is_offered(act, state):
                found.append(KeyHint(spoken(key), SHORT.get(name, act.command), _RANKS.get(name, 1)))
        found += _of_place(state)
        if state.place is Place.MAIN:
            if state.stopped and not state.read_only:
                found.append(KeyHint(f":{RESUME.command}", "goes on", 2))
            for rank, name in ((4, "clients"), (4, "orders"), (7, "positions"), (6, "limits")):
                found.append(KeyHint(spoken(self._keys.get(name, "")), KNOWN[name].command, rank))
            found += [
                *self._also(),
                KeyHint(spoken(self._keys.get(NOTICES.name, "")), "notices", 8),
                KeyHint("/", "filter", 5),
                KeyHint(":", "cmd", 3),
                KeyHint("?", "help", 2),
                KeyHint("q", "leave" if state.attached else "quit", 3),
            ]
        elif state.place in {Place.RECORDS, Place.SESSIONS}:
            search = [KeyHint("/", "search", 1)] if state.place is Place.RECORDS else []
            found += [KeyHint(self.enter, "all of it", 2), *search, KeyHint(":write", "exports", 3)]
            found += [KeyHint(":", "cmd", 4), KeyHint("?", "help", 5), KeyHint("esc", "back", 1)]
        else:
            if state.place is Place.RECORD and state.record is not None and state.record.order_id:
                found.append(KeyHint(self.enter, "its order", 2))
            if state.place in {Place.RESULT, Place.ORDER, Place.RECORD}:
                found.append(KeyHint(spoken(self._keys.get(COPY.name, "")), "copy", 7))
            found += [KeyHint(":", "command", 4), KeyHint("?", "help", 5), KeyHint("esc", "back", 1)]
        return found


def _is_typed_alone(act: Act, state: ScreenState) -> bool:
    """Whether an act that has no key of its own, and was given one, may go on."""
    return act.when is When.COMMAND_LINE and not (state.read_only and act.changes)


def _meet(one: When, other: When) -> bool:
    """Whether one key would mean both in some place."""
    return one is other or bool({one, other} & _ANYWHERE) or frozenset({one, other}) in _TOGETHER


def _of_place(state: ScreenState) -> list[KeyHint]:
    toggles = {Place.CLIENT: "change", Place.SCOPES: "toggle"}
    word = "" if state.read_only else toggles.get(state.place, "")
    rank = 1 if state.place is Place.SCOPES else 2
    return [KeyHint("j k", "choose", 2), KeyHint("space", word, rank)] if word else []


def spoken(key: str) -> str:
    """Write a key the way people do: ``ctrl+k`` is ``^k``."""
    names = {"question_mark": "?", "slash": "/", "colon": ":", "enter": "⏎", "escape": "esc"}
    return f"^{key[5:]}" if key.startswith("ctrl+") else names.get(key, key)
