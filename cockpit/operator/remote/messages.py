"""What goes over the line between a cockpit and a screen that is attached to it: one JSON object a line, each way.

The screen says ``hello`` first. The cockpit answers ``welcome`` or ``refused``, then sends ``news``: what changed in the
snapshot, events, and how many events were missed. Commands and tickets go the other way with an id and get a ``reply``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import orjson

from cockpit.model.events import (
    CallFinished,
    ClientAsked,
    ClientAskEnded,
    Event,
    GrantChanged,
    GrantEnded,
    LatchChanged,
    LinkChanged,
    Notice,
    OrderChanged,
    RequestsTurnedAway,
    SwitchMoved,
)
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.operator.act import Command, Done
from cockpit.operator.remote.changes import changed, changes
from cockpit.operator.remote.codec import Unreadable, one_of, shape_of, tagged, write
from cockpit.operator.view import ClientTicket, OrderTicket, Snapshot
from cockpit.operator.wire import MAX_TEXT, decode_request

PROTOCOL: Final = 1
MAX_EVENTS: Final = 200
"""Events in one line: more go in several."""
EVENTS: Final = (
    CallFinished, OrderChanged, ClientAsked, ClientAskEnded, GrantChanged, GrantEnded, SwitchMoved, LinkChanged,
    LatchChanged, Notice, RequestsTurnedAway,
)  # fmt: skip
REPLIES: Final = (Done, Refusal, OrderTicket, ClientTicket)
SHAPE: Final = shape_of(Snapshot, *EVENTS, *REPLIES)
"""Digest of all that travels: two programs with other types don't understand each other, whatever their version."""
_MAX_VERSION: Final = 40

Reply = Done | Refusal | OrderTicket | ClientTicket

_event = one_of(*EVENTS)
_reply = one_of(*REPLIES)


class Subject(StrEnum):
    """What a ticket is of."""

    ORDER = "order"
    CLIENT = "client"


class Sign(StrEnum):
    """What a screen says about itself and its operator; nothing answers it."""

    ATTACHED = "attached"
    DETACHED = "detached"
    TOUCHED = "touched"
    BEAT = "beat"


@dataclass(frozen=True, slots=True)
class Hello:
    """Who wants to watch."""

    program: str
    read_only: bool
    protocol: int = PROTOCOL
    shape: str = SHAPE


@dataclass(frozen=True, slots=True)
class TicketAsked:
    """A ticket that is wanted."""

    subject: Subject
    key: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """The cockpit speaks as the screen does."""

    program: str


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The cockpit doesn't let the screen watch."""

    says: str


@dataclass(frozen=True, slots=True)
class News:
    """What happened since the last news; empty where nothing did and the cockpit only says that it is there."""

    snapshot: Snapshot | None = None
    """The newest snapshot, where it changed."""
    events: tuple[Event, ...] = ()
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Replied:
    """The reply to the request of that id."""

    request_id: str
    value: Reply = field(default_factory=lambda: Done(""))


Heard = Welcome | TurnedAway | News | Replied


def is_hello(line: bytes) -> bool:
    """Whether a first line is that of a screen."""
    return line.startswith(b'{"hello":')


def encode_hello(hello: Hello) -> bytes:
    """Write a screen's first line."""
    return write({"hello": hello}) + b"\n"


def decode_hello(line: bytes) -> Hello | None:
    """Read a screen's first line; None where it is none."""
    try:
        said = orjson.loads(line)["hello"]
        return Hello(
            safe(said["program"], _MAX_VERSION), said["read_only"] is True, int(said["protocol"]), str(said["shape"])
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def mismatch(hello: Hello, program: str) -> str:
    """Say in a sentence why two programs don't understand each other, and what mends it."""
    return (
        f"The running cockpit ({safe(program, _MAX_VERSION)}) and this screen ({hello.program}) don't speak the "
        "same language: attach with the program that runs, or restart the cockpit with this one."
    )


def encode_sign(sign: Sign) -> bytes:
    """Write a line about the screen itself."""
    return write({"sign": sign}) + b"\n"


def encode_ticket(subject: Subject, key: str, request_id: str) -> bytes:
    """Write a request for a ticket."""
    return write({"id": request_id, "ticket": subject, "key": key}) + b"\n"


def decode_from_screen(line: bytes) -> tuple[str, Command | TicketAsked | Sign | Refusal]:
    """Read what a screen sends: the id of a request, and what it asks or says, or why it is neither."""
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        said = None
    if isinstance(said, dict) and "sign" in said:
        known = said["sign"] in list(Sign)
        return "", Sign(said["sign"]) if known else refuse("BAD_ACT_ARGUMENTS", "There is no such sign.")
    if isinstance(said, dict) and "ticket" in said:
        request_id, subject, key = said.get("id"), said["ticket"], said.get("key")
        if not isinstance(request_id, str) or len(request_id) > MAX_TEXT:
            return "", refuse("BAD_ACT_ARGUMENTS", "A ticket is asked for with an id.")
        if subject not in list(Subject) or not isinstance(key, str) or not 0 < len(key) <= MAX_TEXT:
            return request_id, refuse("BAD_ACT_ARGUMENTS", "A ticket is asked for by subject and key.")
        return request_id, TicketAsked(Subject(subject), safe(key.strip(), MAX_TEXT))
    request_id, asked = decode_request(line, by="socket")
    if not isinstance(asked, Command | Refusal):
        return request_id, refuse("BAD_ACT_ARGUMENTS", "A screen asks for tickets.")
    return request_id, asked


def encode_welcome(program: str) -> bytes:
    """Write the first line to a screen that may watch."""
    return write({"welcome": program}) + b"\n"


def encode_turned_away(says: str) -> bytes:
    """Write the only line to a screen that may not watch."""
    return write({"refused": says}) + b"\n"


def encode_news(old: Snapshot | None, new: Snapshot | None, events: Sequence[Event] = (), missed: int = 0) -> bytes:
    """Write news; ``old`` is the snapshot that this screen was sent last."""
    news: dict[str, object] = {}
    if new is not None:
        news["snapshot" if old is None else "changes"] = changes(old, new)
    if events:
        news["events"] = [tagged(event) for event in events]
    if missed:
        news["missed"] = missed
    return write({"news": news}) + b"\n"


def encode_reply(request_id: str, value: Reply) -> bytes:
    """Write the reply to a request. Raises TypeError where what was done holds other than plain JSON."""
    return write({"reply": request_id, "value": tagged(value)}) + b"\n"


def decode_from_cockpit(line: bytes, old: Snapshot | None) -> Heard:
    """Read a line of the cockpit; ``old`` is the snapshot that it sent last. Unreadable where it is none."""
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Unreadable("not JSON") from error
    match said:
        case {"news": dict(news)}:
            return _news(news, old)
        case {"reply": str(request_id), "value": value}:
            return Replied(request_id, _reply(value))
        case {"welcome": str(program)}:
            return Welcome(safe(program, _MAX_VERSION))
        case {"refused": str(says)}:
            return TurnedAway(safe(says, 300))
        case {"refusal": {"message": str(says)}}:
            # A cockpit of before there were screens at a distance, or one that takes no more.
            return TurnedAway(safe(says, 300))
    raise Unreadable("nothing that a cockpit says")


def _news(news: dict[str, Any], old: Snapshot | None) -> News:
    snapshot = None
    if "snapshot" in news:
        snapshot = changed(None, news["snapshot"])
    elif "changes" in news:
        if old is None:
            raise Unreadable("changes of nothing")
        snapshot = changed(old, news["changes"])
    events, missed = news.get("events", []), news.get("missed", 0)
    if not isinstance(events, list) or not isinstance(missed, int):
        raise Unreadable("not news")
    return News(snapshot, tuple(_event(event) for event in events), missed)
