"""The book of an instrument beyond its touch."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from cockpit.brokers.base import Feature
from cockpit.desk.gate import Served
from cockpit.model.identity import Scope
from cockpit.model.money import plain
from cockpit.model.quotes import DepthLevel
from cockpit.model.text import safe
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.words import Outside, Symbol, iso


class DepthArguments(Arguments):
    """Which book, and how much of it."""

    symbol: Symbol
    levels: int = Field(5, ge=1, le=20, description="How many prices a side at most")


class LevelRow(Result):
    """One price of a book."""

    price: str
    size: str

    @classmethod
    def rows(cls, levels: Sequence[DepthLevel]) -> list[LevelRow]:
        """Write one side."""
        return [cls(price=plain(one.price), size=plain(one.size)) for one in levels]


class DepthResult(Result):
    """Both sides of a book, each best first."""

    symbol: str
    bids: list[LevelRow]
    asks: list[LevelRow]
    as_of: str
    age_ms: int
    source: str
    data_type: str
    note: Outside


@tool(
    "get_depth",
    scope=Scope.READ_MARKET,
    title="Order book",
    arguments=DepthArguments,
    result=DepthResult,
    toolset=Toolset.ORDERS,
    needs=Feature.DEPTH,
)
async def get_depth(call: Call, asked: DepthArguments) -> Served[DepthResult]:
    """Bids and asks of one instrument by price, each side best first, up to 20 levels, with source, data type and age
    in milliseconds. Read the note: a simulated book shows more than orders can trade with. MARKET_DATA_MISSING where
    the broker has no book of it; nothing is taken from elsewhere.
    """
    instrument = await call.market.resolve(asked.symbol)
    found = await call.offers.depth(instrument, asked.levels)
    result = DepthResult(
        symbol=found.symbol,
        bids=LevelRow.rows(found.bids[: asked.levels]),
        asks=LevelRow.rows(found.asks[: asked.levels]),
        as_of=iso(found.as_of) or "",
        age_ms=found.age_ms(call.rooms.clock.now()),
        source=found.source,
        data_type=found.data_type,
        note=found.note,
    )
    summary = safe(f"{found.symbol} {len(result.bids)} x {len(result.asks)}")
    return Served(result, symbol=found.symbol, summary=summary)
