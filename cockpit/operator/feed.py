"""Events from every room to every face: appended at once, drained by each at its own pace."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from cockpit.model.events import Event, Notice

_NOTICES_KEPT: Final = 100
_WORDS_KEPT: Final = 30
"""Notices in the words of clients. They have a place of their own, so that no client pushes out the cockpit's."""

log = logging.getLogger(__name__)


class FeedSubscription:
    """One face's bounded queue. What doesn't fit is counted and dropped, oldest first."""

    __slots__ = ("_feed", "_size", "_wake", "events", "missed")

    def __init__(self, feed: Feed, size: int, wake: Callable[[Event], None] | None) -> None:
        self._feed = feed
        self._size = size
        self._wake = wake
        self.events: deque[Event] = deque()
        self.missed = 0

    def put(self, event: Event) -> None:
        """Take an event."""
        if len(self.events) >= self._size:
            self.events.popleft()
            self.missed += 1
        self.events.append(event)
        if self._wake is not None:
            try:
                self._wake(event)
            except Exception:  # a face that fails must never reach back into the room that published
                log.exception("a face failed to take an event")
                self._wake = None

    def close(self) -> None:
        """Stop receiving."""
        self._feed.drop(self)


class Feed:
    """Where rooms publish. Publishing never waits and never raises."""

    def __init__(self) -> None:
        self._subscriptions: list[FeedSubscription] = []
        self._listeners: list[Callable[[Event], None]] = []
        self._notices: deque[Notice] = deque(maxlen=_NOTICES_KEPT)
        self._words: deque[Notice] = deque(maxlen=_WORDS_KEPT)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Return the newest notices, oldest first: a face that comes later must not miss one."""
        if not self._words:
            return tuple(self._notices)
        return tuple(sorted((*self._notices, *self._words), key=lambda notice: notice.at))

    def publish(self, event: Event) -> None:
        """Hand an event to everybody who listens, in the order in which they came."""
        if isinstance(event, Notice):
            (self._words if event.client else self._notices).append(event)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # one listener must not keep an event from the others
                log.exception("a listener failed on %s", type(event).__name__)
        for subscription in self._subscriptions:
            subscription.put(event)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` for each event, at once; for parts of the host that live as long as it does."""
        self._listeners.append(listener)

    def subscribe(self, size: int, wake: Callable[[Event], None] | None) -> FeedSubscription:
        """Give a face its own queue."""
        subscription = FeedSubscription(self, size, wake)
        self._subscriptions = [*self._subscriptions, subscription]
        return subscription

    def missed(self, count: int) -> None:
        """Tell every face that events never came this far."""
        for subscription in self._subscriptions:
            subscription.missed += count

    def drop(self, subscription: FeedSubscription) -> None:
        """Forget a face's queue."""
        self._subscriptions = [one for one in self._subscriptions if one is not subscription]
