"""What every broker must be able to say and do, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self, runtime_checkable

from cockpit.model.accounts import Balances, Position
from cockpit.model.chains import Greeks, OptionChain, OptionSeries
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.orders import (
    BrokerFact,
    BrokerOrder,
    Execution,
    Linkage,
    Order,
    OrderRef,
    OrderRequest,
    OrderType,
    TimeInForce,
)
from cockpit.model.quotes import Bars, Borrow, Depth, FxRate, Interval, MarketClock, Quote
from cockpit.model.research import Article, Fundamentals, Headline, Scan, ScanRequest, ScanResult, Transfer
from cockpit.model.text import Safe
from cockpit.model.trading import Link, Mode

FactSink = Callable[[BrokerFact], None]
"""Where a broker puts what it says about orders: never blocks, never raises, keeps the order of arrival."""

LinkSink = Callable[[Link, str], None]
"""Where a broker with a line says how it is now, and why."""


FOR_SENDING: Final[ContextVar[bool]] = ContextVar("for_sending", default=False)
"""Whether what is asked now decides on an order that is about to be sent, or that has to go: one that may ask only so
often asks it first."""


MAY_LEAVE: Final[ContextVar[Callable[[], None]]] = ContextVar("may_leave", default=lambda: None)
"""Called, in the task that handed it over, by a broker that lets an order or a change wait for its turn: directly before
it leaves, with nothing awaited in between. Raises Refused where it may not leave any more."""


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """Who is at the other end, and how the line is."""

    kind: str
    account: str
    mode: Mode
    """What the account itself says it is, not what the settings say."""
    link: Link
    latency_ms: float | None
    note: str
    since: datetime
    whole: bool = True
    """Whether all that stands behind the line is known to answer; else what the broker doesn't show proves nothing."""
    unsure_positions: int = 0
    """Of how many instruments the broker contradicts itself on how much is held."""
    no_orders: str = ""
    """Why it takes no orders though the line is up; empty where it takes them."""

    @property
    def simulated(self) -> bool:
        """Whether prices, fills and money are invented here."""
        return self.kind == "paper"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an order would cost if it filled now, as far as the broker says."""

    fee: Decimal
    margin: Decimal
    """Initial margin that the order would need besides what is held already."""
    currency: str
    source: str
    warning: str = ""
    """What the broker's own preview warns of; empty where of nothing."""


class Feature(StrEnum):
    """What a broker may offer besides the Broker protocol, each with a protocol of its own below."""

    DEPTH = "depth"
    OPTIONS = "options"
    OPTION_RATE = "option_rate"
    """Beside OPTIONS, and by its protocol: the interest rate by which its options are priced."""
    FX = "fx"
    LISTING = "listing"
    NEWS = "news"
    FUNDAMENTALS = "fundamentals"
    SCANNER = "scanner"
    TRANSFERS = "transfers"
    BORROW = "borrow"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a broker takes; anything else is CAPABILITY_UNAVAILABLE before it is sent."""

    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    linkages: frozenset[Linkage]
    short_selling: bool
    at_once: frozenset[OrderType] = frozenset({OrderType.MARKET, OrderType.LIMIT})
    """Types that may be IOC or FOK; the others rest before they trade."""
    features: frozenset[Feature] = frozenset()
    """What it offers besides, on this very account: a broker whose code has a method may still lack the data."""

    def lives(self, order_type: OrderType) -> frozenset[TimeInForce]:
        """Return how long orders of that type may live here."""
        if order_type in self.at_once:
            return self.times_in_force
        return self.times_in_force - {TimeInForce.IOC, TimeInForce.FOK}


class BrokerUnavailable(Exception):
    """The line is down or no answer came: what was asked may or may not have happened."""


@runtime_checkable
class HasAccount(Protocol):
    """A broker that learns from its line which account it has: it may be one that another connection has already."""

    def on_account(self, claim: Callable[[str], str]) -> None:
        """Set who is asked before an account is used. Called once, before the line is begun.

        ``claim`` takes the account for this connection and returns "", or the name of the connection that has it.
        """
        ...


@runtime_checkable
class HasLine(Protocol):
    """A broker that is reached over a line, and says when it breaks and when it is up again."""

    def on_link(self, sink: LinkSink) -> None:
        """Set who is told. Called once, before anything is submitted."""
        ...


@runtime_checkable
class HasNotices(Protocol):
    """A broker that says things that the operator has to know and that no order's state can say."""

    def on_notice(self, sink: Callable[[Safe], None]) -> None:
        """Set who is told. Called once, before anything is submitted."""
        ...


@runtime_checkable
class HasOpenOrders(Protocol):
    """A broker whose account others use too, and that tells cheaply what is open in it."""

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Return the open orders, whoever placed them, as they are after this was called."""
        ...


@runtime_checkable
class HasGroups(Protocol):
    """A broker that itself sees to it that orders which hang together don't go on without one another."""

    def know_groups(self, groups: Sequence[Sequence[Order]], cancel_asked: Collection[OrderRef]) -> None:
        """Take over what an earlier run sent: whole groups of which something may still work, as they were left.

        ``cancel_asked`` are those of their orders whose cancel somebody asked for and nobody refused since. Called once,
        before the broker is entered.
        """
        ...


@runtime_checkable
class HasHours(Protocol):
    """A broker that tells the hours of each instrument; where it doesn't, those of the connection stand for all."""

    async def clock_of(self, instrument: Instrument) -> MarketClock:
        """Return whether the market of one instrument trades now."""
        ...


class Broker(Protocol):
    """One account at one broker.

    Every method bounds its own time and raises BrokerUnavailable when that is over. ``submit``, ``replace`` and
    ``cancel`` return once the broker has the message; what became of it arrives as facts, even before they return.
    A submit that raises Refused left nothing that could trade: with BROKER_REJECTED the broker itself said no, with any
    other code it never got there. They never send anything twice. A broker that waits before an order or a change
    leaves asks ``MAY_LEAVE`` then.
    """

    can: Capabilities
    books_complete: bool
    """Whether an order that ``orders()`` doesn't show was certainly never taken, and ``positions()`` shows every fill
    that was told; else absence proves nothing."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def listen(self, sink: FactSink) -> None:
        """Set where facts go. Called once, before anything is submitted."""
        ...

    def status(self) -> BrokerStatus: ...

    async def find(self, symbol: str) -> Sequence[Instrument]:
        """Return the instruments whose symbol is exactly that (upper case); more than one means ambiguous."""
        ...

    async def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """Return instruments whose symbol or name contains the text, best first."""
        ...

    async def quote(self, instrument: Instrument) -> Quote | None:
        """Return the newest quote, or None where the broker has none. Never a price from elsewhere."""
        ...

    async def bars(self, instrument: Instrument, interval: Interval, count: int, end: datetime | None) -> Bars:
        """Return up to ``count`` finished bars that opened before ``end`` (now), oldest first."""
        ...

    async def clock(self) -> MarketClock: ...

    async def balances(self) -> Balances: ...

    async def positions(self) -> Sequence[Position]:
        """Return what is held now.

        Fills that were told and that it doesn't show yet are counted beside it, unless ``books_complete``.
        """
        ...

    async def estimate(self, request: OrderRequest) -> Estimate | None:
        """Return costs and margin of an order that isn't placed, or None where the broker can't tell."""
        ...

    async def submit(self, reference: OrderRef, request: OrderRequest) -> None: ...

    async def submit_linked(self, linkage: Linkage, legs: Sequence[tuple[OrderRef, OrderRequest]]) -> None:
        """Hand over a BRACKET (entry first, then target and stop) or an OCO pair: all of it or nothing."""
        ...

    async def replace(self, reference: OrderRef, request: OrderRequest) -> None: ...

    async def cancel(self, reference: OrderRef) -> None: ...

    async def orders(self) -> Sequence[BrokerOrder]:
        """Return open and ended orders as far back as the broker keeps them."""
        ...

    async def executions(self, since: datetime) -> Sequence[Execution]:
        """Return the fills since then, oldest first; all of them, as far back as the broker keeps them."""
        ...

    async def history(self, since: datetime, count: int) -> Sequence[tuple[datetime, Decimal]]:
        """Return up to ``count`` moments since then at which the equity was recorded, the newest, oldest first."""
        ...


# What follows is optional. A broker that names a feature in ``can.features`` implements its protocol; each method bounds
# its own time and raises BrokerUnavailable like those of Broker. Text from outside is made safe before it is returned.


@runtime_checkable
class HasDepth(Protocol):
    """Feature.DEPTH: a book beyond the touch."""

    async def depth(self, instrument: Instrument, levels: int) -> Depth | None:
        """Return up to ``levels`` prices a side, best first; None where the broker has no book of it."""
        ...


@runtime_checkable
class HasOptions(Protocol):
    """Feature.OPTIONS: chains of listed options. ``find`` resolves their symbols in the form of `OptionContract`."""

    async def option_series(self, underlying: Instrument) -> Sequence[OptionSeries]:
        """Return what has not expired, soonest first; nothing where there are no options on it."""
        ...

    async def option_chain(self, underlying: Instrument, expiry: date, strikes: int) -> OptionChain | None:
        """Return the ``strikes`` strikes nearest to the money that are really listed, by rising strike.

        None where there is no such series, or no price of the underlying to find the money by.
        """
        ...

    async def greeks(self, option: Instrument) -> Greeks | None:
        """Return the broker's own model values, or None where it has none."""
        ...


@runtime_checkable
class HasFx(Protocol):
    """Feature.FX: exchange rates."""

    async def fx_rate(self, base: str, counter: str) -> FxRate | None:
        """Return what one unit of ``base`` costs in ``counter`` (ISO 4217, upper case), or None."""
        ...


@runtime_checkable
class HasListing(Protocol):
    """Feature.LISTING: all that can be traded can be listed. Options are not in it: they have chains."""

    async def listed(self, kind: InstrumentKind | None, member_of: str) -> Sequence[Instrument]:
        """Return everything by symbol: of one kind, or what an index or fund holds; None and "" take all."""
        ...


@runtime_checkable
class HasNews(Protocol):
    """Feature.NEWS: headlines and articles. All of their text is made `Safe`, with times that bear an offset."""

    async def headlines(self, instrument: Instrument | None, since: datetime, limit: int) -> Sequence[Headline]:
        """Return the newest headlines since then, newest first, of one instrument or of all."""
        ...

    async def article(self, article_id: str) -> Article | None:
        """Return the article of that id, or None where there is none or the account may not read it."""
        ...


@runtime_checkable
class HasFundamentals(Protocol):
    """Feature.FUNDAMENTALS: figures of companies."""

    async def fundamentals(self, instrument: Instrument) -> Fundamentals | None:
        """Return what is reported, or None where nothing is known or the account may not read it."""
        ...


@runtime_checkable
class HasScanner(Protocol):
    """Feature.SCANNER: scans of the whole market, made by the broker."""

    async def scans(self) -> Sequence[Scan]:
        """Return the scans that ``scan`` takes."""
        ...

    async def scan(self, asked: ScanRequest) -> ScanResult:
        """Return what the scan finds, best first. Its code is one of ``scans()``."""
        ...


@runtime_checkable
class HasTransfers(Protocol):
    """Feature.TRANSFERS: money that came in or left without a trade."""

    async def transfers(self, since: datetime, limit: int) -> Sequence[Transfer]:
        """Return the newest since then, newest first."""
        ...


@runtime_checkable
class HasBorrow(Protocol):
    """Feature.BORROW: what can be borrowed for short sales."""

    async def borrow(self, instrument: Instrument) -> Borrow | None:
        """Return what can be borrowed now, asked for anew; None where the broker doesn't say."""
        ...
