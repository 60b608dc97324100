"""What can be traded: found by name, told by symbol, listed in pages."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, StringConstraints

from cockpit.brokers.base import Feature
from cockpit.desk.gate import Served
from cockpit.model.identity import Scope
from cockpit.model.instruments import SYMBOL_PATTERN, Instrument, InstrumentKind
from cockpit.model.money import plain
from cockpit.model.text import safe
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.words import Outside, Symbol

MOST_MEMBERS: Final = 1000


def lower(value: object) -> object:
    """Read a word in any case."""
    return value.strip().lower() if isinstance(value, str) and len(value) < 20 else value


KindWord = Annotated[InstrumentKind, BeforeValidator(lower)]


class OptionRow(Result):
    """The contract of an option."""

    underlying: str
    expiry: str
    right: str
    strike: str


class InstrumentRow(Result):
    """One tradable thing."""

    symbol: str
    name: Outside
    kind: str
    exchange: str
    currency: str
    tick: str
    lot: str
    multiplier: str
    """Units in one contract: what a price is multiplied by to come to money."""
    simulated: bool
    option: OptionRow | None
    """Only of options."""

    @classmethod
    def of(cls, instrument: Instrument) -> InstrumentRow:
        """Write an instrument."""
        option = instrument.option
        return cls(
            symbol=instrument.symbol,
            name=instrument.name,
            kind=instrument.kind,
            exchange=instrument.exchange,
            currency=instrument.currency,
            tick=plain(instrument.tick),
            lot=plain(instrument.lot),
            multiplier=plain(instrument.multiplier),
            simulated=instrument.simulated,
            option=None
            if option is None
            else OptionRow(
                underlying=option.underlying,
                expiry=option.expiry.isoformat(),
                right=option.right,
                strike=plain(option.strike),
            ),
        )


class SearchArguments(Arguments):
    """What to look for."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)] = Field(
        description="Part of a symbol or name"
    )
    limit: int = Field(20, ge=1, le=100, description="How many at most")


class SearchResult(Result):
    """What was found, best first."""

    instruments: list[InstrumentRow]
    says: str


@tool(
    "search_instruments",
    scope=Scope.READ_MARKET,
    title="Search instruments",
    arguments=SearchArguments,
    result=SearchResult,
)
async def search_instruments(call: Call, asked: SearchArguments) -> Served[SearchResult]:
    """Instruments whose symbol or name contains a text, best first, with tick (price step) and lot (quantity step).
    Instruments that are marked simulated are invented: they exist at no venue.
    """
    found = [InstrumentRow.of(one) for one in await call.market.search(asked.text, asked.limit)]
    text = safe(asked.text, 40)
    says = f"{len(found)} found." if found else "Nothing found; try a shorter text."
    return Served(SearchResult(instruments=found, says=says), summary=safe(f"{text}: {len(found)}"))


class InstrumentArguments(Arguments):
    """Which instrument."""

    symbol: Symbol


class InstrumentResult(Result):
    """One instrument with all that is known of it."""

    instrument: InstrumentRow
    members: list[str]
    """What an index or fund holds, where that is known."""
    has_options: bool
    """Whether options on it are listed on this connection."""


@tool(
    "get_instrument",
    scope=Scope.READ_MARKET,
    title="Instrument",
    arguments=InstrumentArguments,
    result=InstrumentResult,
    toolset=Toolset.ORDERS,
)
async def get_instrument(call: Call, asked: InstrumentArguments) -> Served[InstrumentResult]:
    """Everything that is known of the one instrument of a symbol: kind, currency, tick (price step), lot (quantity
    step), multiplier, the contract of an option, the members of an index or fund, and whether options on it are listed.
    A symbol is resolved and never guessed; INSTRUMENT_UNRESOLVED lists candidates.
    """
    found = await call.market.resolve(asked.symbol)
    result = InstrumentResult(
        instrument=InstrumentRow.of(found),
        members=list(found.members[:MOST_MEMBERS]),
        has_options=await call.offers.has_options(found),
    )
    return Served(result, symbol=found.symbol, summary=safe(f"{found.symbol} {found.kind}"))


class ListArguments(Arguments):
    """Which instruments, and from where."""

    kind: KindWord | None = Field(None, description="stock, etf, future, fx or crypto; all of them without it")
    index: Symbol | None = Field(None, description="Only the members of this index or fund, where they are known")
    after: Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=SYMBOL_PATTERN)] | None = (
        Field(None, description="next_after of the page before; the first page without it")
    )
    limit: int = Field(50, ge=1, le=200, description="How many in one page")


class ListResult(Result):
    """One page, by symbol."""

    instruments: list[InstrumentRow]
    total: int
    """In all pages."""
    next_after: str | None
    """What to give as `after` for the next page; null on the last one."""


@tool(
    "list_instruments",
    scope=Scope.READ_MARKET,
    title="Instruments",
    arguments=ListArguments,
    result=ListResult,
    toolset=Toolset.ORDERS,
    needs=Feature.LISTING,
)
async def list_instruments(call: Call, asked: ListArguments) -> Served[ListResult]:
    """All instruments of the connection by symbol, in pages: of one kind, or the members of an index or fund. Options
    are not listed here: get_expiries and get_option_chain have them. Give next_after of a page as after for the next.
    """
    member_of = "" if asked.index is None else (await call.market.resolve(asked.index)).symbol
    every = await call.offers.listed(asked.kind, member_of)
    rows, following = _page(every, asked.after, asked.limit)
    result = ListResult(instruments=[InstrumentRow.of(one) for one in rows], total=len(every), next_after=following)
    return Served(result, summary=safe(f"{len(rows)} of {len(every)}"))


def _page(every: Sequence[Instrument], after: str | None, limit: int) -> tuple[Sequence[Instrument], str | None]:
    """Return the rows behind ``after``, and what stands for them in turn; None where none are left."""
    start = 0 if after is None else bisect_right(every, after, key=lambda one: one.symbol)
    rows = every[start : start + limit]
    return rows, rows[-1].symbol if rows and start + limit < len(every) else None
