"""Prices, bars and hours: nothing here changes anything."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator, Field

from cockpit.desk.gate import Served
from cockpit.model.identity import Scope
from cockpit.model.money import plain
from cockpit.model.quotes import Bar, Bars, Interval, MarketClock, Quote
from cockpit.model.refusals import Refusal, Refused
from cockpit.model.text import safe
from tools.registry import Arguments, Call, Result, tool
from tools.words import OUTSIDE, Outside, Symbol, iso, maybe


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) and len(value) < 10 else value


class QuoteArguments(Arguments):
    """Which instrument."""

    symbol: Symbol


class QuoteResult(Result):
    """Best bid and ask, where they come from, and how old they are."""

    symbol: str
    bid: str | None
    ask: str | None
    bid_size: str | None
    ask_size: str | None
    last: str | None
    as_of: str
    age_ms: int
    """Milliseconds since as_of."""
    source: str
    data_type: str
    """live, delayed, frozen, delayed_frozen, simulated or unknown."""

    @classmethod
    def of(cls, quote: Quote, now: datetime) -> QuoteResult:
        """Write a quote."""
        return cls(
            symbol=quote.symbol,
            bid=maybe(quote.bid),
            ask=maybe(quote.ask),
            bid_size=maybe(quote.bid_size),
            ask_size=maybe(quote.ask_size),
            last=maybe(quote.last),
            as_of=quote.as_of.isoformat(timespec="milliseconds"),
            age_ms=quote.age_ms(now),
            source=quote.source,
            data_type=quote.data_type,
        )


@tool("get_quote", scope=Scope.READ_MARKET, title="Quote", arguments=QuoteArguments, result=QuoteResult)
async def get_quote(call: Call, asked: QuoteArguments) -> Served[QuoteResult]:
    """Best bid and ask of one instrument, with source, data type (live, delayed, frozen, simulated or unknown) and
    age in milliseconds. A price that is missing is the error MARKET_DATA_MISSING; nothing is taken from elsewhere.
    """
    market = call.market
    instrument = await market.resolve(asked.symbol)
    quote = await market.quote(instrument)
    result = QuoteResult.of(quote, call.rooms.clock.now())
    return Served(result, symbol=quote.symbol, summary=safe(f"{quote.symbol} {quote.bid} / {quote.ask}"))


MOST_QUOTES: Final = 25
_AT_ONCE: Final = 5
"""Quotes that one call asks the broker for side by side."""


class QuotesArguments(Arguments):
    """Which instruments."""

    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=MOST_QUOTES)] = Field(
        description=f"Symbols of 1 to {MOST_QUOTES} instruments"
    )


class ErrorRow(Result):
    """Why one part of a call gave nothing."""

    code: str
    message: str
    retryable: bool
    who_can_fix: str
    details: Annotated[dict[str, str], Field(json_schema_extra={OUTSIDE: True})]

    @classmethod
    def of(cls, refusal: Refusal) -> ErrorRow:
        """Write a refusal."""
        return cls(
            code=refusal.code,
            message=refusal.message,
            retryable=refusal.retryable,
            who_can_fix=refusal.who_can_fix,
            details=dict(refusal.details),
        )


class QuoteRow(Result):
    """The quote of one symbol, or why there is none: one of the two is null."""

    asked: Outside
    """The symbol as it was asked for."""
    quote: QuoteResult | None
    error: ErrorRow | None


class QuotesResult(Result):
    """One row for each symbol, in the order in which they were asked for."""

    quotes: list[QuoteRow]
    says: str


@tool("get_quotes", scope=Scope.READ_MARKET, title="Quotes", arguments=QuotesArguments, result=QuotesResult)
async def get_quotes(call: Call, asked: QuotesArguments) -> Served[QuotesResult]:
    """Best bid and ask of up to 25 instruments, in the order asked for, each with source, data type and age. A symbol
    that isn't exactly one instrument, or has no price, has an error of its own in its row; the others are answered.
    """
    turns, market = asyncio.Semaphore(_AT_ONCE), call.market

    async def one(symbol: str) -> QuoteRow:
        async with turns:
            try:
                quote = await market.quote(await market.resolve(symbol))
            except Refused as refused:
                return QuoteRow(asked=safe(symbol, 40), quote=None, error=ErrorRow.of(refused.refusal))
        return QuoteRow(asked=safe(symbol, 40), quote=QuoteResult.of(quote, call.rooms.clock.now()), error=None)

    once = tuple(dict.fromkeys(asked.symbols))
    rows = dict(zip(once, await asyncio.gather(*(one(symbol) for symbol in once)), strict=True))
    good = sum(1 for symbol in asked.symbols if rows[symbol].quote is not None)
    says = f"{good} of {len(asked.symbols)} have a quote."
    return Served(QuotesResult(quotes=[rows[symbol] for symbol in asked.symbols], says=says), summary=safe(says))


class BarsArguments(Arguments):
    """Which bars."""

    symbol: Symbol
    interval: Annotated[Interval, BeforeValidator(_lower)] = Field(Interval.MIN_1, description="Length of a bar")
    count: int = Field(100, ge=1, le=1000, description="How many bars at most")
    end: AwareDatetime | None = Field(None, description="Only bars that open before this (ISO 8601 with offset); now")


class BarRow(Result):
    """One bar."""

    opens_at: str
    open: str
    high: str
    low: str
    close: str
    volume: str | None
    """Null where nobody counts it, as of currencies."""

    @classmethod
    def of(cls, bar: Bar) -> BarRow:
        """Write a bar."""
        return cls(
            opens_at=iso(bar.opens_at) or "",
            open=plain(bar.open),
            high=plain(bar.high),
            low=plain(bar.low),
            close=plain(bar.close),
            volume=maybe(bar.volume),
        )


class BarsResult(Result):
    """Bars, oldest first, with their source."""

    symbol: str
    interval: str
    bars: list[BarRow]
    source: str
    data_type: str

    @classmethod
    def of(cls, bars: Bars) -> BarsResult:
        """Write bars."""
        return cls(
            symbol=bars.symbol,
            interval=bars.interval,
            bars=[BarRow.of(bar) for bar in bars.bars],
            source=bars.source,
            data_type=bars.data_type,
        )


@tool("get_bars", scope=Scope.READ_MARKET, title="Bars", arguments=BarsArguments, result=BarsResult)
async def get_bars(call: Call, asked: BarsArguments) -> Served[BarsResult]:
    """Finished bars (open, high, low, close, volume) of one instrument, oldest first, at most 1000, with source and
    data type. The interval is 1m, 5m, 15m, 30m, 1h or 1d.
    """
    market = call.market
    instrument = await market.resolve(asked.symbol)
    bars = await market.bars(instrument, asked.interval, asked.count, asked.end)
    summary = safe(f"{bars.symbol} {bars.interval} x{len(bars.bars)}")
    return Served(BarsResult.of(bars), symbol=bars.symbol, summary=summary)


class ClockArguments(Arguments):
    """Nothing to say."""


class ClockResult(Result):
    """Whether the market trades now."""

    now: str
    is_open: bool
    opens_at: str | None
    closes_at: str | None
    source: str
    note: Outside

    @classmethod
    def of(cls, clock: MarketClock) -> ClockResult:
        """Write a market's hours."""
        return cls(
            now=iso(clock.now) or "",
            is_open=clock.is_open,
            opens_at=iso(clock.opens_at),
            closes_at=iso(clock.closes_at),
            source=clock.source,
            note=clock.note,
        )


@tool("get_clock", scope=Scope.READ_MARKET, title="Market hours", arguments=ClockArguments, result=ClockResult)
async def get_clock(call: Call, asked: ClockArguments) -> Served[ClockResult]:
    """The host's time, whether the connection's market is open now, and when that changes next (null: it doesn't)."""
    clock = await call.market.clock()
    return Served(ClockResult.of(clock), summary=safe("open" if clock.is_open else "closed"))
