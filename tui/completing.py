"""Tab in the ``:`` line: what may come next, from the commands and from what is on the screen now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cockpit.model.events import Outcome
from cockpit.model.identity import Scope, Via
from cockpit.model.orders import OPEN, OrderState
from cockpit.operator.act import Act, Argument, Kind
from cockpit.operator.acts import APPROVE_ORDER, CANCEL, DENY_ORDER, RESOLVE
from tui.commands import matching, whole_act
from tui.state import ScreenState

_RECORD_KINDS: Final = ("call", "client", "order", "switch", "key", "host")
_RESOLVED: Final = ("cancelled", "rejected", "expired")


@dataclass(frozen=True, slots=True)
class Completion:
    """What the word at the end of a line may become."""

    before: str
    """The line up to that word."""
    candidates: tuple[str, ...]

    def line(self, place: int) -> str:
        """Return the line with one of the candidates."""
        return f"{self.before}{_quoted(self.candidates[place])} "

    def as_far_as_certain(self, typed: str) -> str:
        """Return the line as far as all candidates agree; the line as it was where that is no farther."""
        if len(self.candidates) == 1:
            return self.line(0)
        common = _common(self.candidates)
        text = self.before + common
        return text if len(text) > len(typed) and text.casefold().startswith(typed.casefold()) else typed


def completion(text: str, state: ScreenState) -> Completion:
    """Find what may come at the end of a line; commands first, then arguments of the command that stands there."""
    act = whole_act(text)
    if act is None:
        typed = " ".join(text.split())
        acts = [one for one in matching(text, looks_only=state.read_only) if one.command.startswith(typed)]
        return Completion("", tuple(one.command for one in acts))
    before, word = _last_word(text)
    words = text[len(act.command) :].split()
    done = words if text.endswith(" ") else words[:-1]
    argument = _argument_at(act, done)
    if word.startswith("--") or argument is None:
        given = {one[2:].partition("=")[0] for one in done if one.startswith("--")}
        options = [f"--{one.name}" for one in act.arguments if not one.required and one.name not in given]
        return Completion(before, _fitting(options, word))
    if argument.kind is Kind.SCOPES and "," in word:
        head, _, word = word.rpartition(",")
        before = f"{before}{head},"
    return Completion(before, _fitting(_values(act, argument, state), word))


def _argument_at(act: Act, words: Sequence[str]) -> Argument | None:
    """Return the argument whose value comes next behind these words; None where an option's name does."""
    by_name = {argument.name: argument for argument in act.arguments}
    required = [argument for argument in act.arguments if argument.required]
    loose = 0
    waits: Argument | None = None
    for word in words:
        if waits is not None:
            waits = None
        elif word.startswith("--"):
            named = by_name.get(word[2:].replace("-", "_"))
            waits = None if named is None or named.kind is Kind.FLAG else named
        else:
            loose += 1
    if waits is not None:
        return waits
    return required[loose] if loose < len(required) else None


def _values(act: Act, argument: Argument, state: ScreenState) -> Iterable[str]:
    """Return what is known for an argument; nothing for codes, which are only in their browser."""
    seen = state.snapshot
    if argument.kind is Kind.SCOPES:
        return (scope.value for scope in Scope)
    if argument.kind is Kind.FORMAT:
        return ("jsonl", "csv")
    match argument.name:
        case "client":
            return (view.client for view in seen.clients)
        case "connection":
            return (one.name for one in seen.connections)
        case "name" if act.name == "limits.set":
            return (*(one.name for one in seen.connections), *(view.client for view in seen.clients))
        case "name" if act.name.startswith("key."):
            return (view.client for view in seen.clients if view.via is Via.KEY)
        case "name" if act.name.startswith("service."):
            return (view.client for view in seen.clients if view.via is Via.SERVICE)
        case "limit" if act.name == "limits.set":
            return sorted({use.name for use in seen.limits})
        case "order_id" | "order":
            return _orders(act, state)
        case "code" if act.name == "client.deny":
            return (one.request_id for one in seen.pending_clients)
        case "latch":
            return (latch.latch_id for latch in seen.latches)
        case "symbol":
            return state.symbols
        case "tool":
            return sorted({str(call.tool) for call in seen.recent})
        case "kind":
            return _RECORD_KINDS
        case "outcome":
            return (outcome.value for outcome in Outcome)
        case "state":
            return _RESOLVED
        case "theme":
            return state.themes
    return ()


def _orders(act: Act, state: ScreenState) -> Iterable[str]:
    seen = state.snapshot
    if act in (APPROVE_ORDER, DENY_ORDER):
        return (one.order.order_id for one in seen.pending_orders)
    if act is CANCEL:
        return (one.order_id for one in seen.orders if one.state in OPEN)
    if act is RESOLVE:
        return (one.order_id for one in seen.orders if one.state is OrderState.UNKNOWN)
    return (one.order_id for one in seen.orders)


def _fitting(values: Iterable[str], word: str) -> tuple[str, ...]:
    """Return what begins with the word; where nothing does, what ends so, as in the short form of an id."""
    known = tuple(dict.fromkeys(values))
    sought = word.strip('"').casefold()
    begins = tuple(value for value in known if value.casefold().startswith(sought))
    ends = tuple(value for value in known if value.casefold().endswith(sought))
    return begins or ends or tuple(value for value in known if sought in value.casefold())


def _last_word(text: str) -> tuple[str, str]:
    """Part a line into what is before its last word, and that word; a quote that is open holds its spaces together."""
    if text.count('"') % 2:
        at = text.rindex('"')
        return text[:at], text[at:]
    if text.endswith(" "):
        return text, ""
    at = text.rfind(" ") + 1
    return text[:at], text[at:]


def _common(values: Sequence[str]) -> str:
    common = values[0] if values else ""
    for value in values:
        while not value.casefold().startswith(common.casefold()):
            common = common[:-1]
    return common


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value and not value.startswith("--") else value
