"""How often requests that need no authority are answered: to one address, and in all.

Strangers and those that were let in have a bucket for all apart: neither uses up what the others need.

Each place has a bucket that a minute's worth of requests fills; kept as one number, the time at which it is empty again.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice, RequestsTurnedAway
from cockpit.model.networks import place_of
from cockpit.model.text import safe

_SECONDS: Final = 60.0
_MOST_PLACES: Final = 4096
_MOST_KNOWN: Final = 1024
_MET_SHARE: Final = 4
"""How many times what all strangers may is for all places that a client was let in from: it may make such places."""
_QUIET_SECONDS: Final = 600.0
"""After the operator was told that one kind of request is turned away, nothing more about it is said for so long."""
_TELL_SECONDS: Final = 1.0
"""How long refusals are gathered before their number is published."""


class Kind(StrEnum):
    """What is limited apart from the others."""

    REGISTER = "register"
    AUTHORIZE = "authorize"
    WAIT = "wait"
    TOKEN = "token"  # noqa: S105 - the endpoint's name
    REVOKE = "revoke"
    METADATA = "metadata"
    BAD_TOKENS = "bad_tokens"
    SIGN_IN = "sign_in"
    """Tries to sign in as the operator at the web pages."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a minute; as many may come at once."""

    each: int
    """Of one place."""
    all: int
    """Of all strangers together; those that were let in have four times as much of their own."""


Later = Callable[[float, Callable[[], None]], object]


class Limits:
    """Lets requests through, or says after how many seconds to come again."""

    def __init__(
        self,
        rates: Mapping[Kind, Rate],
        clock: Clock,
        publish: Callable[[Event], None],
        later: Later | None = None,
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._later = later
        self._meters = {kind: _Meter(rate) for kind, rate in rates.items()}
        self._met: OrderedDict[str, None] = OrderedDict()
        self._quiet_until: dict[Kind, float] = {}
        self._gathered = 0

    def refuse(self, kind: Kind, address: str) -> int | None:
        """Count one request. None lets it through; otherwise after how many whole seconds it is worth trying again."""
        meter = self._meters.get(kind)
        if meter is None:
            return None
        place, now = place_of(address), self._clock.monotonic()
        wait = meter.take(place, now, met=place in self._met)
        if wait <= 0:
            return None
        self._refused(kind, address, now)
        return math.ceil(wait)

    def met(self, address: str) -> None:
        """Note where a client that was let in asks from: a flood of strangers doesn't use up what it needs."""
        place = place_of(address)
        self._met[place] = None
        self._met.move_to_end(place)
        if len(self._met) > _MOST_KNOWN:
            self._met.popitem(last=False)

    def _refused(self, kind: Kind, address: str, now: float) -> None:
        if now >= self._quiet_until.get(kind, -math.inf):
            self._quiet_until[kind] = now + _QUIET_SECONDS
            what = f"Too many requests ({kind.replace('_', ' ')}), the last from {address}: more are turned away."
            self._publish(Notice(self._clock.now(), safe(what), True))
        if not self._gathered:
            later = self._later or asyncio.get_running_loop().call_later
            later(_TELL_SECONDS, self._tell)
        self._gathered += 1

    def _tell(self) -> None:
        count, self._gathered = self._gathered, 0
        self._publish(RequestsTurnedAway(self._clock.now(), count))


class _Meter:
    """One kind's buckets."""

    def __init__(self, rate: Rate) -> None:
        self._each = _SECONDS / rate.each
        self._all = {False: _SECONDS / rate.all, True: _SECONDS / (rate.all * _MET_SHARE)}
        self._empty_at: OrderedDict[str, float] = OrderedDict()
        self._all_empty_at = {False: 0.0, True: 0.0}

    def take(self, place: str, now: float, *, met: bool) -> float:
        """Return 0 for a request that is let through, otherwise the seconds until one would be."""
        mine = max(self._empty_at.get(place, 0.0), now) + self._each
        everybody = max(self._all_empty_at[met], now) + self._all[met]
        wait = max(mine, everybody) - now - _SECONDS
        if wait > 1e-6:  # below it is rounding, not a request too many
            return wait
        self._all_empty_at[met] = everybody
        self._empty_at[place] = mine
        self._empty_at.move_to_end(place)
        if len(self._empty_at) > _MOST_PLACES:
            self._empty_at.popitem(last=False)
        return 0.0
