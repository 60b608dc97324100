"""How the wire of TWS reads and writes at server version 178: frames, and the order of their fields.

The orders of fields are written out here from the wire itself; nothing is taken from the client under test, so that one
mistake can't hide in both.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import Final

from tests.gateway.messages import In as In
from tests.gateway.messages import Out as Out

SERVER_VERSION: Final = 178
UNSET: Final = "1.7976931348623157E308"
"""A double that has no value."""
LONGEST_FRAME: Final = 0xFFFFFF


Spec = tuple[str, ...]


def spec(text: str) -> Spec:
    """Return the names of fields in the order of the wire; ``#`` is a count that is always 0, ``_`` is always empty."""
    return tuple(text.split())


CONTRACT_IN: Final = spec(
    "conId symbol secType expiry strike right multiplier exchange primaryExchange currency localSymbol tradingClass"
)
CONTRACT_OUT: Final = spec(
    "conId symbol secType expiry strike right multiplier exchange currency localSymbol tradingClass"
)
PORTFOLIO_CONTRACT: Final = spec(
    "conId symbol secType expiry strike right multiplier primaryExchange currency localSymbol tradingClass"
)
EXECUTION: Final = spec(
    "execId time account venue side shares price permId clientId liquidation cumQty avgPrice orderRef evRule evMultiplier "
    "modelCode lastLiquidity pendingPriceRevision"
)
ORDER_STATUS: Final = spec(
    "orderId status filled remaining avgFillPrice permId parentId lastFillPrice clientId whyHeld mktCapPrice"
)
_OCA_AND_OWNER: Final = "tif ocaGroup account openClose origin orderRef"
_VOLATILITY: Final = (
    "volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice continuousUpdate referencePriceType"
)
_STOCK_RANGE: Final = "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper"
_ADVISOR: Final = "faGroup faMethod faPercentage modelCode"
_AT_BEST: Final = "minTradeQty minCompeteSize competeAgainstBestOffset midOffsetAtWhole midOffsetAtHalf"

OPEN_ORDER: Final = (
    "orderId",
    *CONTRACT_OUT,
    *spec(f"action totalQuantity orderType lmtPrice auxPrice {_OCA_AND_OWNER} clientId permId outsideRth hidden"),
    *spec(f"discretionaryAmt goodAfterTime _ {_ADVISOR} goodTillDate rule80A percentOffset settlingFirm shortSaleSlot"),
    *spec(f"designatedLocation exemptCode auctionStrategy {_STOCK_RANGE} displaySize blockOrder sweepToFill allOrNone"),
    *spec(f"minQty ocaType eTradeOnly firmQuoteOnly nbboPriceCap parentId triggerMethod {_VOLATILITY} trailStopPrice"),
    *spec("trailingPercent basisPoints basisPointsType comboLegsDescrip # # # scaleInit scaleSubs scaleIncrement"),
    *spec("hedgeType optOutSmartRouting clearingAccount clearingIntent notHeld # algoStrategy solicited whatIf status"),
    *spec("initMarginBefore maintMarginBefore equityBefore initMarginChange maintMarginChange equityChange"),
    *spec("initMarginAfter maintMarginAfter equityAfter commission minCommission maxCommission commissionCurrency"),
    *spec("warningText randomizeSize randomizePrice # adjustedOrderType triggerPrice trailStopPrice lmtPriceOffset"),
    *spec("adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit tierName tierValue"),
    *spec("tierDisplay cashQty noAutoPrice isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo duration"),
    *spec(f"postToAts autoCancelParent {_AT_BEST}"),
)
COMPLETED_ORDER: Final = (
    *CONTRACT_OUT,
    *spec(f"action totalQuantity orderType lmtPrice auxPrice {_OCA_AND_OWNER} permId outsideRth hidden"),
    *spec(f"discretionaryAmt goodAfterTime {_ADVISOR} goodTillDate rule80A percentOffset settlingFirm shortSaleSlot"),
    *spec(f"designatedLocation exemptCode {_STOCK_RANGE} displaySize sweepToFill allOrNone minQty ocaType"),
    *spec(f"triggerMethod {_VOLATILITY} trailStopPrice trailingPercent comboLegsDescrip # # # scaleInit scaleSubs"),
    *spec("scaleIncrement hedgeType clearingAccount clearingIntent notHeld # algoStrategy solicited status"),
    *spec("randomizeSize randomizePrice # trailStopPrice lmtPriceOffset cashQty noAutoPrice isOmsContainer"),
    *spec("autoCancelDate filledQuantity refFuturesConId autoCancelParent shareholder imbalanceOnly"),
    *spec(f"routeMarketableToBbo parentPermId completedTime completedStatus {_AT_BEST}"),
)

_PLACED_BEFORE_LEGS: Final = (
    *CONTRACT_IN,
    *spec(f"secIdType secId action totalQuantity orderType lmtPrice auxPrice {_OCA_AND_OWNER} transmit parentId"),
    *spec("blockOrder sweepToFill displaySize triggerMethod outsideRth hidden"),
)
_PLACED_BEFORE_NEUTRAL: Final = (
    *spec("_ discretionaryAmt goodAfterTime goodTillDate faGroup faMethod faPercentage modelCode shortSaleSlot"),
    *spec("designatedLocation exemptCode ocaType rule80A settlingFirm allOrNone minQty percentOffset eTradeOnly"),
    *spec(f"firmQuoteOnly nbboPriceCap auctionStrategy {_STOCK_RANGE} overridePercentage volatility volatilityType"),
    *spec("deltaNeutralOrderType deltaNeutralAuxPrice"),
)
_PLACED_BEFORE_SCALE: Final = spec(
    "continuousUpdate referencePriceType trailStopPrice trailingPercent scaleInit scaleSubs scaleIncrement"
)
_PLACED_BEFORE_HEDGE: Final = spec("scaleTable activeStartTime activeStopTime hedgeType")
_PLACED_BEFORE_ALGO: Final = spec("optOutSmartRouting clearingAccount clearingIntent notHeld")
_PLACED_BEFORE_CONDITIONS: Final = spec("algoId whatIf miscOptions solicited randomizeSize randomizePrice")
_PLACED_LAST: Final = spec(
    "adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount "
    "adjustableTrailingUnit extOperator tierName tierValue cashQty mifidMaker mifidAlgo mifidTrader mifidExecution "
    "noAutoPrice isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo duration postToAts autoCancelParent "
    "advancedErrorOverride manualOrderTime"
)


def text(value: object) -> str:
    """Return one field as it stands on the wire: a flag is 1 or 0, nothing is empty, a Decimal never has an exponent."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(int(value)) if isinstance(value, IntEnum) else str(value)


def frame(*fields: object) -> bytes:
    """Return one message: four bytes of length, then every field ended by NUL."""
    return enclose("".join([text(field) + "\0" for field in fields]).encode())


def enclose(body: bytes) -> bytes:
    """Put the length before a body."""
    return struct.pack(">I", len(body)) + body


def pick(names: Spec, values: Mapping[str, object]) -> list[str]:
    """Return the values in the order of the names; what has no value is empty."""
    return ["0" if name == "#" else text(values.get(name)) for name in names]


def named(names: Spec, fields: Sequence[str]) -> dict[str, str]:
    """Return the fields by name; raises ValueError where some are missing."""
    if len(fields) < len(names):
        raise ValueError(f"{len(names)} fields are needed, {len(fields)} came")
    return dict(zip(names, fields, strict=False))


def contract_in(fields: Sequence[str], start: int) -> dict[str, str]:
    """Return the twelve fields of a contract as clients send it, from ``start`` on."""
    return named(CONTRACT_IN, fields[start : start + len(CONTRACT_IN)])


def placed_order(fields: Sequence[str]) -> dict[str, str]:
    """Return an order with its contract from placeOrder, by name, to the last field; raises ValueError where it doesn't fit."""
    reader = _Reader(fields, 2)
    order = {"orderId": fields[1], **reader.take(_PLACED_BEFORE_LEGS)}
    if order["secType"] == "BAG":
        reader.skip_list(8)
        reader.skip_list(1)
        reader.skip_list(2)
    order |= reader.take(_PLACED_BEFORE_NEUTRAL)
    if order["deltaNeutralOrderType"]:
        reader.skip(8)
    order |= reader.take(_PLACED_BEFORE_SCALE)
    if order["scaleIncrement"] and Decimal(order["scaleIncrement"]) > 0:
        reader.skip(7)
    order |= reader.take(_PLACED_BEFORE_HEDGE)
    if order["hedgeType"]:
        reader.skip(1)
    order |= reader.take(_PLACED_BEFORE_ALGO)
    if reader.one() == "1":
        reader.skip(3)
    order["algoStrategy"] = reader.one()
    if order["algoStrategy"]:
        reader.skip_list(2)
    order |= reader.take(_PLACED_BEFORE_CONDITIONS)
    if int(reader.one() or 0):
        raise ValueError("orders with conditions are not known here")
    order |= reader.take(_PLACED_LAST)
    order.pop("_", None)
    return order


class _Reader:
    """Takes fields one after the other."""

    def __init__(self, fields: Sequence[str], at: int) -> None:
        self._fields, self._at = fields, at

    def take(self, names: Spec) -> dict[str, str]:
        found = named(names, self._fields[self._at : self._at + len(names)])
        self._at += len(names)
        return found

    def one(self) -> str:
        if self._at >= len(self._fields):
            raise ValueError("the message ends too early")
        self._at += 1
        return self._fields[self._at - 1]

    def skip(self, count: int) -> None:
        self._at += count

    def skip_list(self, width: int) -> None:
        self.skip(width * int(self.one() or 0))
