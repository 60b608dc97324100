"""How a line is, since when and why, and everybody who is told of it and of what comes over it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from cockpit.brokers.base import LinkSink
from cockpit.brokers.ibkr.wire import WireLink, WireMarket, WireRecord
from cockpit.model.clock import Clock
from cockpit.model.text import safe
from cockpit.model.trading import Link

_LOG: Final = logging.getLogger(__name__)


class Standing:
    """The state of one line. Whoever listens is told in the order of what happens, and never keeps others from it."""

    def __init__(self, clock: Clock, where: str) -> None:
        self._clock = clock
        self._where = where
        self._changed = asyncio.Event()
        self.sinks: list[Callable[[WireRecord], None]] = []
        self.market_sinks: list[Callable[[WireMarket], None]] = []
        self.link_sinks: list[LinkSink] = []
        self.link = Link.CONNECTING
        self.note = safe("not connected yet")
        self.since = clock.now()
        self.epoch = 0
        self.streams = 0

    async def wait_for(self, *links: Link) -> None:
        """Wait until the line is in one of these states."""
        while self.link not in links:
            self._changed.clear()
            await self._changed.wait()

    def publish(self, record: WireRecord) -> None:
        """Tell of a record."""
        for sink in self.sinks:
            _tell(sink, record)

    def publish_market(self, record: WireMarket) -> None:
        """Tell of a price."""
        for sink in self.market_sinks:
            _tell(sink, record)

    def become(self, link: Link, note: str) -> None:
        """Take another state, or another reason for it, and tell of it."""
        said = safe(note, 300)
        if (link, said) == (self.link, self.note):
            return
        self.link, self.note, self.since = link, said, self._clock.now()
        level = logging.WARNING if link in {Link.DOWN, Link.DEGRADED} else logging.INFO
        _LOG.log(level, "line to %s is %s: %s", self._where, link, said)
        self._changed.set()
        self.publish(WireLink(self.since, link, said, self.epoch, self.streams))
        for sink in self.link_sinks:
            _tell(sink, link, said)

    def close(self) -> None:
        """Be down for good; whoever listened may be gone already, and is not told."""
        self.link, self.note = Link.DOWN, safe("closed")


def _tell(sink: Callable[..., Any], *what: object) -> None:
    try:
        sink(*what)
    except Exception:  # noqa: BLE001 - a listener's mistake must not keep the others from what came
        _LOG.exception("a listener failed on %s", type(what[0]).__name__)
