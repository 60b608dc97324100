"""How many calls and orders each client may still make: token buckets that fill with time."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.model.clock import Clock
from cockpit.model.identity import ClientName
from cockpit.settings.model import BudgetSettings


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


@dataclass(frozen=True, slots=True)
class Left:
    """What a client has left, and what fills up again."""

    calls: int
    calls_per_second: float
    orders: int
    orders_per_minute: float


class Budgets:
    """The buckets of all clients. A client that is not seen has full ones."""

    def __init__(self, settings: BudgetSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._calls: dict[ClientName, _Bucket] = {}
        self._orders: dict[ClientName, _Bucket] = {}

    def take_call(self, client: ClientName) -> float:
        """Take one call; return 0, or the seconds until there is one."""
        return self._take(self._calls, client, self._settings.calls_per_second, self._settings.burst)

    def take_order(self, client: ClientName) -> float:
        """Take one new or changed order; return 0, or the seconds until there is one."""
        return self._take(self._orders, client, self._settings.orders_per_minute / 60, self._settings.order_burst)

    def take_rest_of_group(self, client: ClientName, legs: int) -> float:
        """Take the other orders of a group whose first one was taken; return 0, or the seconds until all are there.

        A group never needs more than a full bucket, or it could never be asked for.
        """
        rest = min(legs, self._settings.order_burst) - 1
        if rest < 1:
            return 0.0
        return self._take(self._orders, client, self._settings.orders_per_minute / 60, self._settings.order_burst, rest)

    def left(self, client: ClientName) -> Left:
        """Return what is left now, without taking any."""
        settings, now = self._settings, self._clock.monotonic()
        calls = _filled(self._calls.get(client), now, settings.calls_per_second, settings.burst)
        orders = _filled(self._orders.get(client), now, settings.orders_per_minute / 60, settings.order_burst)
        return Left(int(calls), self._settings.calls_per_second, int(orders), self._settings.orders_per_minute)

    def _take(
        self, buckets: dict[ClientName, _Bucket], client: ClientName, rate: float, burst: int, count: int = 1
    ) -> float:
        now, bucket = self._clock.monotonic(), buckets.get(client)
        level = _filled(bucket, now, rate, burst)
        short = count - level
        if short > 0:
            return short / rate
        if bucket is None:
            buckets[client] = _Bucket(level - count, now)
        else:
            bucket.level, bucket.at = level - count, now
        return 0.0


def _filled(bucket: _Bucket | None, now: float, rate: float, burst: int) -> float:
    """Return what is in a bucket now; one that nobody took from is full."""
    return float(burst) if bucket is None else min(float(burst), bucket.level + (now - bucket.at) * rate)
