"""Options to look at: expiries, chains, Greeks, which contract is meant, and the future that a call and a put make."""

from __future__ import annotations

from decimal import Decimal
from math import exp
from typing import Final, Self

from pydantic import Field, model_validator

from cockpit.brokers.base import Feature
from cockpit.desk.gate import Served
from cockpit.desk.option_choice import Board, Wish, board, resolve
from cockpit.model.black_scholes import Assumptions, implied_volatility
from cockpit.model.identity import Scope
from cockpit.model.instruments import Instrument
from cockpit.model.money import plain
from cockpit.model.options import Right
from cockpit.model.quotes import Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe
from tools.instruments import InstrumentRow
from tools.market import QuoteResult
from tools.option_rows import GreeksRow, SeriesRow, StrikeRow, digits, digits_or_none
from tools.option_words import EXPIRY, MONEY, OFFSET, RIGHT, STRIKE, ExpiryWord, MoneynessWord, OffsetWord, RightWord
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.words import Price, Symbol, iso, maybe

MOST_STRIKES: Final = 41
_STEP: Final = Decimal("0.0001")


class SeriesArguments(Arguments):
    """Which underlying and expiry."""

    underlying: Symbol
    expiry: ExpiryWord | None = Field(None, description=EXPIRY)
    expiry_offset: OffsetWord | None = Field(None, description=OFFSET)

    @model_validator(mode="after")
    def _one_expiry(self) -> Self:
        if (self.expiry is None) == (self.expiry_offset is None):
            raise ValueError("give either expiry or expiry_offset; get_expiries lists them")
        return self

    async def board(self, call: Call, strikes: int = 1) -> Board:
        """Return the series that is meant."""
        return await board(call.market, call.offers, self.underlying, self.expiry, self.expiry_offset, strikes)


class OptionArguments(SeriesArguments):
    """Which option."""

    right: RightWord = Field(description=RIGHT)
    strike: Price | None = Field(None, description=STRIKE)
    moneyness: MoneynessWord | None = Field(None, description=MONEY)

    @model_validator(mode="after")
    def _one_strike(self) -> Self:
        if (self.strike is None) == (self.moneyness is None):
            raise ValueError("give either strike or moneyness")
        return self

    def wish(self) -> Wish:
        """Return the option as the desk looks for it."""
        return Wish(self.right, self.strike, self.moneyness or "")


class UnderlyingArguments(Arguments):
    """Options on what."""

    underlying: Symbol


class ExpiriesResult(Result):
    """The listed expiries, soonest first: the place of each is its expiry_offset."""

    underlying: str
    expiries: list[SeriesRow]


@tool(
    "get_expiries",
    scope=Scope.READ_MARKET,
    title="Option expiries",
    arguments=UnderlyingArguments,
    result=ExpiriesResult,
    toolset=Toolset.OPTIONS,
    needs=Feature.OPTIONS,
)
async def get_expiries(call: Call, asked: UnderlyingArguments) -> Served[ExpiriesResult]:
    """The expiries of the options on an underlying, soonest first, each with the instant at which trading ends, the
    multiplier (units of the underlying in one contract) and how it is settled. INSTRUMENT_UNRESOLVED where none exist.
    """
    underlying = await call.market.resolve(asked.underlying)
    found, now = await call.offers.option_series(underlying), call.rooms.clock.now()
    rows = [SeriesRow.of(one, now) for one in found]
    result = ExpiriesResult(underlying=underlying.symbol, expiries=rows)
    return Served(result, symbol=underlying.symbol, summary=safe(f"{underlying.symbol} {len(rows)} expiries"))


class ChainArguments(SeriesArguments):
    """Which chain, and how much of it."""

    strikes: int = Field(11, ge=1, le=MOST_STRIKES, description="How many strikes around the money at most")


class ChainResult(Result):
    """Calls and puts around the money, by rising strike."""

    underlying: str
    series: SeriesRow
    spot: str
    """Middle of the underlying's bid and ask."""
    at_the_money: str
    chain: list[StrikeRow]
    listed_strikes: int
    """How many strikes the series has in all."""
    lowest_strike: str
    highest_strike: str
    as_of: str
    source: str
    data_type: str


@tool(
    "get_option_chain",
    scope=Scope.READ_MARKET,
    title="Option chain",
    arguments=ChainArguments,
    result=ChainResult,
    toolset=Toolset.OPTIONS,
    needs=Feature.OPTIONS,
)
async def get_option_chain(call: Call, asked: ChainArguments) -> Served[ChainResult]:
    """Calls and puts of one expiry for up to 41 listed strikes nearest to the money, by rising strike: bid, ask and
    model values (delta, gamma, theta, vega, rho) of each, with source and data type. Prices are for one unit of the
    underlying: a contract costs multiplier times as much.
    """
    found = await asked.board(call, asked.strikes)
    chain, symbol = found.chain, found.underlying.symbol
    result = ChainResult(
        underlying=symbol,
        series=SeriesRow.of(found.series, call.rooms.clock.now()),
        spot=plain(chain.spot),
        at_the_money=plain(chain.at_the_money),
        chain=[StrikeRow.of(row) for row in chain.rows[: asked.strikes]],
        listed_strikes=len(chain.strikes),
        lowest_strike=plain(chain.strikes[0]),
        highest_strike=plain(chain.strikes[-1]),
        as_of=iso(chain.as_of) or "",
        source=chain.source,
        data_type=chain.data_type,
    )
    return Served(result, symbol=symbol, summary=safe(f"{symbol} {found.series.expiry} x{len(chain.rows)}"))


class GreeksArguments(Arguments):
    """Which option, and at which price."""

    symbol: Symbol
    price: Price | None = Field(None, description="Tell the volatility that this price stands for, too")


class GreeksResult(Result):
    """Model values of one option, and the volatility that its prices stand for; null where no volatility gives them."""

    symbol: str
    underlying: str
    expiry: str
    right: str
    strike: str
    multiplier: str
    model: str
    spot: str
    rate: str | None
    """Null where the broker doesn't tell what its model was given; then no volatility can be told either."""
    dividend_yield: str | None
    days: str
    greeks: GreeksRow
    bid: str | None
    ask: str | None
    implied_volatility_of_bid: str | None
    implied_volatility_of_ask: str | None
    implied_volatility_of_price: str | None
    as_of: str
    age_ms: int
    source: str
    data_type: str


@tool(
    "get_option_greeks",
    scope=Scope.READ_MARKET,
    title="Option Greeks",
    arguments=GreeksArguments,
    result=GreeksResult,
    toolset=Toolset.OPTIONS,
    needs=Feature.OPTIONS,
)
async def get_option_greeks(call: Call, asked: GreeksArguments) -> Served[GreeksResult]:
    """Delta, gamma, theta (a day), vega and rho (a percentage point) of one option by its broker's model, for one unit
    of the underlying, with what the model was given, and the volatility that bid, ask and a price of yours stand for.
    Estimates, not prices to trade at.
    """
    instrument = await call.market.resolve(asked.symbol)
    option = instrument.option
    if option is None:
        raise Refused(refuse("INSTRUMENT_UNRESOLVED", "That is no option.", symbol=instrument.symbol))
    found, quote = await call.offers.greeks(instrument), await _quote(call, instrument)
    bid, ask = (None, None) if quote is None else (quote.bid, quote.ask)
    given = None
    if found.rate is not None and found.yields is not None:
        given = Assumptions(found.spot, float(option.strike), found.years, found.rate, 0.0, found.yields)
    result = GreeksResult(
        symbol=instrument.symbol,
        underlying=option.underlying,
        expiry=option.expiry.isoformat(),
        right=option.right,
        strike=plain(option.strike),
        multiplier=plain(instrument.multiplier),
        model=found.model,
        spot=digits(found.spot),
        rate=digits_or_none(found.rate),
        dividend_yield=digits_or_none(found.yields),
        days=format(found.years * 365, ".2f"),
        greeks=GreeksRow.of(found),
        bid=maybe(bid),
        ask=maybe(ask),
        implied_volatility_of_bid=_implied(option.right, given, bid),
        implied_volatility_of_ask=_implied(option.right, given, ask),
        implied_volatility_of_price=_implied(option.right, given, asked.price),
        as_of=iso(found.as_of) or "",
        age_ms=max(0, int((call.rooms.clock.now() - found.as_of).total_seconds() * 1000)),
        source=found.source,
        data_type=found.data_type,
    )
    return Served(result, symbol=instrument.symbol, summary=safe(f"{instrument.symbol} delta {result.greeks.delta}"))


class ResolvedResult(Result):
    """Exactly one option, with its price now."""

    instrument: InstrumentRow
    series: SeriesRow
    spot: str
    at_the_money: str
    quote: QuoteResult | None
    """Null where it has no price now."""


@tool(
    "resolve_option",
    scope=Scope.READ_MARKET,
    title="Find an option",
    arguments=OptionArguments,
    result=ResolvedResult,
    toolset=Toolset.OPTIONS,
    needs=Feature.OPTIONS,
)
async def resolve_option(call: Call, asked: OptionArguments) -> Served[ResolvedResult]:
    """The one listed option that underlying, expiry (a day, or its place: 0 is the soonest), call or put, and strike
    (or its distance from the money in listed strikes: atm, itm1, otm2) mean, with its quote. Where they don't mean
    exactly one, the error INSTRUMENT_UNRESOLVED lists what is nearest; nothing is chosen for you.
    """
    found = await asked.board(call)
    instrument = await resolve(call.market, found, asked.wish())
    quote, now = await _quote(call, instrument), call.rooms.clock.now()
    result = ResolvedResult(
        instrument=InstrumentRow.of(instrument),
        series=SeriesRow.of(found.series, now),
        spot=plain(found.chain.spot),
        at_the_money=plain(found.chain.at_the_money),
        quote=None if quote is None else QuoteResult.of(quote, now),
    )
    return Served(result, symbol=instrument.symbol, summary=safe(instrument.name))


class SyntheticResult(Result):
    """The future that a bought call and a sold put of one strike make."""

    underlying: str
    series: SeriesRow
    strike: str
    """Nearest to the money."""
    call: str
    put: str
    spot: str
    price: str
    """Strike + (call - put) grown by the interest rate until the expiry, at the middle of bids and asks."""
    bid: str
    """Where one can sell it: at the call's bid and the put's ask."""
    ask: str
    rate: str
    basis: str
    """Price less spot."""
    as_of: str
    source: str
    data_type: str


@tool(
    "get_synthetic_future",
    scope=Scope.READ_MARKET,
    title="Synthetic future",
    arguments=SeriesArguments,
    result=SyntheticResult,
    toolset=Toolset.OPTIONS,
    needs=Feature.OPTION_RATE,
)
async def get_synthetic_future(call: Call, asked: SeriesArguments) -> Served[SyntheticResult]:
    """The price at which options imply that the underlying is delivered at an expiry: strike + (call - put), grown by
    the interest rate, of the strike nearest to the money, with bid, ask and the basis to the spot.
    """
    found = await asked.board(call)
    chain = found.chain
    row = next((one for one in chain.rows if one.strike == chain.at_the_money), None)
    lines = None if row is None or row.call is None or row.put is None else (row.call, row.put)
    sides = None if lines is None else tuple(_sides(line.quote) for line in lines)
    greeks = None if lines is None else lines[0].greeks
    if lines is None or sides is None or sides[0] is None or sides[1] is None or greeks is None:
        raise Refused(refuse("MARKET_DATA_MISSING", "Call or put at the money has no price.", symbol=asked.underlying))
    (call_bid, call_ask), (put_bid, put_ask) = sides[0], sides[1]
    if greeks.rate is None:
        raise Refused(
            refuse("MARKET_DATA_MISSING", "The broker doesn't tell an interest rate.", symbol=asked.underlying)
        )
    grown = Decimal(exp(greeks.rate * greeks.years))

    def at(one: Decimal, other: Decimal) -> Decimal:
        return (chain.at_the_money + (one - other) * grown).quantize(_STEP)

    bid, ask = at(call_bid, put_ask), at(call_ask, put_bid)
    price = ((bid + ask) / 2).quantize(_STEP)
    result = SyntheticResult(
        underlying=found.underlying.symbol,
        series=SeriesRow.of(found.series, call.rooms.clock.now()),
        strike=plain(chain.at_the_money),
        call=lines[0].instrument.symbol,
        put=lines[1].instrument.symbol,
        spot=plain(chain.spot),
        price=plain(price),
        bid=plain(bid),
        ask=plain(ask),
        rate=digits(greeks.rate),
        basis=plain(price - chain.spot),
        as_of=iso(chain.as_of) or "",
        source=chain.source,
        data_type=chain.data_type,
    )
    symbol = found.underlying.symbol
    return Served(result, symbol=symbol, summary=safe(f"{symbol} {found.series.expiry} {result.price}"))


async def _quote(call: Call, instrument: Instrument) -> Quote | None:
    """Return a quote, or None where there is none."""
    try:
        return await call.market.quote(instrument)
    except Refused as refused:
        if refused.refusal.code != "MARKET_DATA_MISSING":
            raise
        return None


def _sides(quote: Quote | None) -> tuple[Decimal, Decimal] | None:
    return None if quote is None or quote.bid is None or quote.ask is None else (quote.bid, quote.ask)


def _implied(right: Right, given: Assumptions | None, price: Decimal | None) -> str | None:
    found = None if price is None or given is None else implied_volatility(right, given, float(price))
    return None if found is None else digits(found)
