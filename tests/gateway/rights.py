"""What the account may see, and how the data behaves: the knobs that tests turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Feed(StrEnum):
    """What happens when the quotes of a contract are asked for."""

    LIVE = "live"
    FROZEN = "frozen"
    """Live, but the last of a closed market: only its type message says so."""
    DELAYED = "delayed"
    """No live subscription: 10089, or delayed ticks with warning 10167 for who asked for delayed data."""
    DELAYED_FROZEN = "delayed_frozen"
    """As delayed, and of a closed market: type 4 for who asked for that."""
    PARTLY = "partly"
    """Live, with warning 10090 that a part is missing."""
    NONE = "none"
    """No subscription and no delayed data either: 354, or 10186 for who asked for delayed data."""
    COMPETING = "competing"
    """10197: another session of the same user has the live data."""
    SILENT = "silent"
    """Nothing comes, neither a tick nor an error; a snapshot ends all the same."""
    HANGING = "hanging"
    """Nothing comes, and a snapshot never ends."""


@dataclass
class Pacing:
    """IB's documented limits of requests for history, as seconds and counts."""

    identical: float = 15.0
    """No identical request within that many seconds."""
    burst: int = 5
    """Requests for one contract, exchange and kind within ``burst_seconds``; one more is refused."""
    burst_seconds: float = 2.0
    most: int = 60
    """Requests in ``window``, bid and ask counting twice."""
    window: float = 600.0


@dataclass
class Rights:
    """Entitlements of the account and manners of its data, all as a well-kept account has them until a test says other."""

    feed: Feed = Feed.LIVE
    """Of every contract that ``feeds`` doesn't name."""
    feeds: dict[int, Feed] = field(default_factory=dict)
    """By contract id."""
    refusals: dict[int, int] = field(default_factory=dict)
    """By contract id: the code with which its quotes are refused whatever its feed, such as 10168."""
    snapshot_waits: float = 0.0
    """Seconds until a snapshot ends that lacks something; IB takes about eleven."""
    typed: bool = True
    """Whether the market data type message is sent before the ticks."""
    stale: bool = False
    """True: open streams are told nothing, and no error says why."""
    lines: int = 100
    """Quote streams that one session may have open at once; 101 beyond."""
    depths: int = 3
    """Order books that one session may have open at once; 309 beyond."""
    depth: bool = True
    """Whether order books are served at all; 10092 where not."""
    history: bool = True
    """Whether bars are served; 162 with the words of a missing permission where not."""
    pacing: Pacing | None = None
    """Refuse what asks for history too fast."""
    chains: bool = True
    """Whether option parameters are served; an empty answer where not."""
    scanner: bool = True
    """Whether scans find something; 165 where not."""
    news: bool = True
    """Whether there are news providers; an empty list, and 10276 for the rest, where not."""
    fundamentals: bool = True
    """Whether company reports are served; 430 where not."""
    events: bool = False
    """Whether corporate events (Wall Street Horizon) are served; 10276 where not."""
    estimates: bool = True
    """Whether volatilities and option prices are calculated; no answer where not."""

    def feed_of(self, con_id: int) -> Feed:
        """Return how the quotes of one contract behave."""
        return self.feeds.get(con_id, self.feed)
