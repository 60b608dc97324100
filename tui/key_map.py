"""Which key does what here: made from the acts, narrowed to what makes sense for the row at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cockpit.model.latches import Latch
from cockpit.model.orders import OPEN, Order, OrderState
from cockpit.operator.act import Act, When
from cockpit.operator.acts import DENY_ORDER, KILL, LOGS, RESUME
from cockpit.operator.view import ClientView, HeldPosition, PendingClient, PendingOrder
from tui.client_form import ClientForm
from tui.screen_acts import ALWAYS, CONNECTIONS, COPY, KNOWN, PALETTE, RECORDS, SESSIONS
from tui.state import Pane, Place, ScreenState, Target

SHORT: Final[Mapping[str, str]] = {
    "client.approve": "let in",
    "client.deny": "deny",
    "order.approve": "approve",
    "order.deny": "deny",
    "order.cancel": "cancel",
    "client.revoke": "revoke",
    "position.close": "close",
}
"""The word of an act beside its key, where its command is too long."""

RESERVED: Final = frozenset(
    [
        "y",
        "n",
        "escape",
        "enter",
        "q",
        "ctrl+q",
        "ctrl+c",
        "colon",
        "slash",
        "question_mark",
        "tab",
        "space",
        "j",
        "k",
        "g",
        "G",
        "f",
        "e",
        "s",
        "D",
        "r",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "pageup",
        "pagedown",
        "ctrl+d",
        "ctrl+u",
    ]
)
"""Keys that can't be given to an act: questions, movement, typed lines and ways out hang on them."""
_ANYWHERE: Final = frozenset({When.ALWAYS, When.STOPPED, When.COMMAND_LINE})


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key and its word, as the last row shows them."""

    key: str
    word: str
    rank: int
    """Low ranks stay when room is short."""


def fits(act: Act, target: Target | None, stopped: bool) -> bool:
    """Whether an act makes sense for what the keys act on."""
    match act.when:
        case When.ALWAYS:
            return True
        case When.WAITING_ORDER:
            return isinstance(target, PendingOrder) or (isinstance(target, Order) and target.waits)
        case When.WAITING_CLIENT:
            return isinstance(target, PendingClient | ClientForm)
        case When.CLIENT:
            return isinstance(target, ClientView)
        case When.OPEN_ORDER:
            return isinstance(target, Order) and target.state in OPEN - {OrderState.PENDING}
        case When.POSITION:
            return isinstance(target, HeldPosition)
        case When.STOPPED:
            return stopped
        case When.COMMAND_LINE:
            return False


def is_unknown(target: Target | None) -> bool:
    """Whether keys act on an order that nobody can say the fate of."""
    return isinstance(target, Order) and target.state is OrderState.UNKNOWN


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
        elif act is KILL and self.is_bound(key):
            self.complaints.append(f"keys: {key!r} is taken; kill has {spoken(KILL.key)}")
        elif act is KILL:
            self._kill_keys.add(key)
        else:
            self._keys[name] = key

    def _clash(self, act: Act, key: str) -> Act | None:
        """Return another act that the key would mean in the same place."""
        others = (KNOWN[name] for name, taken in self._keys.items() if taken == key and name != act.name)
        both = {act.when} & _ANYWHERE
        return next((one for one in others if both or one.when in _ANYWHERE or one.when is act.when), None)

    def kills(self, key: str) -> bool:
        """Whether a key is the kill switch."""
        return key in self._kill_keys

    def act_for(self, key: str, state: ScreenState) -> Act | None:
        """Return the act that a key means here and now; a screen that only looks has none that changes anything."""
        fitting = (KNOWN[name] for name, bound in self._keys.items() if bound == key and name != KILL.name)
        return next((act for act in fitting if _is_offered(act, state) or _is_typed_alone(act, state)), None)

    def is_bound(self, key: str) -> bool:
        """Whether a key means some act in some place."""
        return key in self._keys.values()

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
        if (state.place is Place.MAIN and isinstance(target, PendingOrder)) or isinstance(target, Order):
            opens = "the call" if state.pane is Pane.STREAM and state.calls.chosen is not None else "open"
            found += [KeyHint(self.enter, opens, 3)] if state.place is not Place.ORDER else []
        for name, key in self._keys.items():
            act = KNOWN[name]
            if act is not KILL and act.when is not When.ALWAYS and _is_offered(act, state):
                found.append(KeyHint(spoken(key), SHORT.get(name, act.command), 7 if act is ALWAYS else 1))
        found += _of_place(state)
        if state.place is Place.MAIN:
            if state.stopped and not state.read_only:
                found.append(KeyHint(f":{RESUME.command}", "goes on", 2))
            for rank, name in ((4, "clients"), (4, "orders"), (7, "positions"), (6, "limits")):
                found.append(KeyHint(spoken(self._keys.get(name, "")), KNOWN[name].command, rank))
            found += [
                *self._also(),
                KeyHint("n", "notices", 8),
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


def _is_offered(act: Act, state: ScreenState) -> bool:
    return fits(act, state.target, state.stopped) and not (state.read_only and act.changes)


def _is_typed_alone(act: Act, state: ScreenState) -> bool:
    """Whether an act that has no key of its own, and was given one, may go on."""
    return act.when is When.COMMAND_LINE and not (state.read_only and act.changes)


def _of_place(state: ScreenState) -> list[KeyHint]:
    if state.read_only:
        return []
    target = state.target
    if fits(DENY_ORDER, target, state.stopped):
        reason = [KeyHint("D", "with reason", 6)]
        return [KeyHint("e", "edit", 2), *reason] if state.place is Place.ORDER else reason
    if isinstance(target, Latch):
        return [KeyHint("r", "release", 1)]
    if is_unknown(target):
        return [KeyHint("r", "resolve", 1)]
    match state.place:
        case Place.CLIENT:
            return [KeyHint("j k", "choose", 2), KeyHint("space", "change", 2), KeyHint("e", "name", 2)]
        case Place.SCOPES:
            return [KeyHint("a", "apply", 1), KeyHint("j k", "choose", 2), KeyHint("space", "toggle", 1)]
        case Place.CLIENTS if state.clients.chosen is not None:
            return [KeyHint("s", "scopes", 2)]
    return []


def spoken(key: str) -> str:
    """Write a key the way people do: ``ctrl+k`` is ``^k``."""
    names = {"question_mark": "?", "slash": "/", "colon": ":", "enter": "⏎", "escape": "esc"}
    return f"^{key[5:]}" if key.startswith("ctrl+") else names.get(key, key)
