"""What one currency costs in another."""

from __future__ import annotations

from decimal import Context
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from cockpit.brokers.base import Feature
from cockpit.desk.gate import Served
from cockpit.model.identity import Scope
from cockpit.model.money import plain
from cockpit.model.text import safe
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.words import iso

_DIGITS: Final = Context(prec=8)

Currency = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z]{3}$")]


class FxArguments(Arguments):
    """Which two currencies."""

    base: Currency = Field(description="The currency that is bought, by its ISO 4217 code such as EUR")
    counter: Currency = Field(description="The currency in which its price is told, such as USD")


class FxResult(Result):
    """What one unit of base costs in counter."""

    base: str
    counter: str
    bid: str
    ask: str
    middle: str
    as_of: str
    age_ms: int
    source: str
    data_type: str


@tool(
    "get_fx_rate",
    scope=Scope.READ_MARKET,
    title="Exchange rate",
    arguments=FxArguments,
    result=FxResult,
    toolset=Toolset.ORDERS,
    needs=Feature.FX,
)
async def get_fx_rate(call: Call, asked: FxArguments) -> Served[FxResult]:
    """What one unit of a currency costs in another: bid, ask and their middle, with source, data type and age in
    milliseconds. It is a price to look at; currencies are not traded by it.
    """
    rate = await call.offers.fx_rate(asked.base, asked.counter)
    middle = _DIGITS.divide(rate.bid + rate.ask, 2)
    result = FxResult(
        base=rate.base,
        counter=rate.counter,
        bid=plain(rate.bid),
        ask=plain(rate.ask),
        middle=plain(middle),
        as_of=iso(rate.as_of) or "",
        age_ms=rate.age_ms(call.rooms.clock.now()),
        source=rate.source,
        data_type=rate.data_type,
    )
    return Served(result, summary=safe(f"{rate.base}/{rate.counter} {result.middle}"))
