"""Browsers that wait for the operator: each shows a code of its own, and only that code selects it."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from cockpit.model.identity import GrantId, Scope
from cockpit.model.networks import place_of
from cockpit.model.text import Safe
from oauth.parameters import Parameters
from oauth.records import Kind

ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants: no words, and nothing that looks like a digit (RFC 8628, 6.1)."""
CODE_LENGTH: Final = 6


@dataclass(frozen=True, slots=True)
class WaitingClient:
    """A request that waits, as the operator may see it: without its code."""

    request_id: str
    claimed_name: Safe
    client_id: str
    host: Safe
    redirect_uri: Safe
    address: Safe
    asked: tuple[Scope, ...]
    asked_at: datetime
    decide_by: datetime
    kind: Kind = Kind.DCR
    redirect_host: Safe = Safe("")
    """Where the code goes; another host than the client's own for a program on the browser's computer."""
    unfetched: bool = False
    """Nothing but its client_id is known yet: its document is read once its code was typed."""
    changed: bool = False
    """It says other things of itself than when it was let in before."""
    alike: int = 0
    """How many other registrations claim its name for the same hosts."""


class Stage(StrEnum):
    """How far a request has come."""

    WAITING = "waiting"
    APPROVED = "approved"
    """The browser may fetch its authorization code."""
    DENIED = "denied"
    UNUSABLE = "unusable"
    """Its document says that it is not what it asked as, or can't be had."""
    EXPIRED = "expired"
    DONE = "done"
    """The browser was sent back to the client."""


@dataclass(slots=True)
class WaitingRequest:
    """One browser's request."""

    shown: WaitingClient
    code: str = field(repr=False)
    bind: bytes = field(repr=False)
    """Digest of the cookie of the browser that began it."""
    parameters: Parameters = field(repr=False)
    shape: bytes = field(repr=False, default=b"")
    """Digest of what an approval is about (`Registration.shape`)."""
    stage: Stage = Stage.WAITING
    ends_at: datetime | None = None
    """When it is forgotten; None while it waits."""
    grant_id: GrantId | None = None
    location: str | None = field(default=None, repr=False)
    """Where the browser was sent: a repeated poll after a lost answer goes there too."""


class WaitingRoom:
    """The requests that wait, and for a while those that were decided: bounded in all and for each address."""

    def __init__(self, most: int, most_per_address: int, random: Callable[[int], bytes]) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._random = random
        self._requests: dict[str, WaitingRequest] = {}

    def has_room(self, address: str) -> bool:
        """Whether one more browser of that address may wait."""
        return len(self.waiting()) < self._most and not self.is_full_for(address)

    def is_full_for(self, address: str) -> bool:
        """Whether as many browsers of its place wait as may; of IPv6 a place is a /64."""
        place = place_of(address)
        here = sum(place_of(request.shown.address) == place for request in self.waiting())
        return here >= self._most_per_address

    def new_code(self) -> str:
        """Draw a code that no other browser shows."""
        taken = {request.code for request in self._requests.values()}
        while True:
            code = _draw(self._random)
            if code not in taken:
                return code

    def add(self, request: WaitingRequest) -> None:
        """Let a browser wait."""
        self._requests[request.shown.request_id] = request

    def get(self, request_id: str) -> WaitingRequest | None:
        """Return a request, waiting or decided."""
        return self._requests.get(request_id)

    def waiting(self) -> tuple[WaitingRequest, ...]:
        """Return those that wait, in order of arrival."""
        return tuple(request for request in self._requests.values() if request.stage is Stage.WAITING)

    def by_code(self, code: str) -> WaitingRequest | None:
        """Return the one request whose browser shows ``code``; every code is compared, in constant time."""
        typed = code.strip().upper().encode()
        found = None
        for request in self.waiting():
            if hmac.compare_digest(request.code.encode(), typed):
                found = request
        return found

    def knows_browser(self, bind: bytes) -> bool:
        """Whether a browser with that cookie has a request here."""
        return any(hmac.compare_digest(request.bind, bind) for request in self._requests.values())

    def clients(self) -> frozenset[str]:
        """Return the registrations that a request here belongs to."""
        return frozenset(request.shown.client_id for request in self._requests.values())

    def expire(self, now: datetime, keep_until: datetime) -> tuple[WaitingRequest, ...]:
        """Expire what nobody decided in time, forget what is over, and return what expired."""
        expired = tuple(request for request in self.waiting() if request.shown.decide_by <= now)
        for request in expired:
            request.stage, request.ends_at = Stage.EXPIRED, keep_until
        for request_id, request in list(self._requests.items()):
            if request.ends_at is not None and request.ends_at <= now:
                del self._requests[request_id]
        return expired

    def clear(self) -> tuple[WaitingRequest, ...]:
        """Forget everything; return what still waited."""
        waited = self.waiting()
        self._requests.clear()
        return waited


def _draw(random: Callable[[int], bytes]) -> str:
    letters = ""
    fair = 256 - 256 % len(ALPHABET)
    while len(letters) < CODE_LENGTH:
        letters += "".join(ALPHABET[byte % len(ALPHABET)] for byte in random(16) if byte < fair)
    return letters[:CODE_LENGTH]
