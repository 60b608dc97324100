from dataclasses import replace
from decimal import Decimal

import pytest

from cockpit.model.orders import Order, OrderRequest, OrderType, Role, Side, TimeInForce
from cockpit.operator.at_stop import profit_at_stop
from tests.tui.fake_face import order

D = Decimal


def touch(side: Side) -> Decimal:
    return D("100.1") if side is Side.BUY else D("99.9")


def asked(side: Side, kind: OrderType, limit: str | None = None, stop: str | None = None) -> OrderRequest:
    made = OrderRequest("ALFA", side, D(10), kind, None if limit is None else D(limit), TimeInForce.DAY)
    return replace(made, stop_price=None if stop is None else D(stop))


def bracket(side: Side, limit: str | None, stop: str) -> tuple[Order, ...]:
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    entry = order(1, "claude", "buy 1 ALFA", request=asked(side, kind, limit), role=Role.ENTRY)
    end = order(2, "claude", "buy 1 ALFA", request=asked(side.opposite, OrderType.STOP, stop=stop), role=Role.STOP)
    return entry, end


@pytest.mark.parametrize(
    ("side", "limit", "stop", "profit"),
    [
        (Side.BUY, "100", "95", "-50"),
        (Side.BUY, None, "95", "-51"),
        (Side.SELL, "100", "104", "-40"),
        (Side.BUY, "100", "101", "10"),
    ],
)
def test_a_bracket_is_reckoned_from_its_entry_to_its_stop(side: Side, limit: str, stop: str, profit: str) -> None:
    legs = bracket(side, limit, stop)
    assert profit_at_stop(legs[0].request, legs, touch, D(1), D(0), None) == D(profit)
    assert profit_at_stop(legs[0].request, legs, touch, D(100), D(0), None) == D(profit) * 100


@pytest.mark.parametrize(
    ("side", "held", "stop", "profit"),
    [(Side.SELL, "10", "95", "-30"), (Side.SELL, "4", "95", "-12"), (Side.BUY, "-10", "104", "-60")],
)
def test_a_stop_alone_is_reckoned_from_what_the_position_cost(side: Side, held: str, stop: str, profit: str) -> None:
    request = asked(side, OrderType.STOP, stop=stop)
    assert profit_at_stop(request, (), touch, D(1), D(held), D(98)) == D(profit)


def test_where_there_is_no_stop_no_price_or_no_rate_nothing_is_claimed() -> None:
    legs = bracket(Side.BUY, None, "95")
    plain = asked(Side.BUY, OrderType.LIMIT, "100")
    opening = asked(Side.BUY, OrderType.STOP, stop="104")
    assert profit_at_stop(plain, (), touch, D(1), D(10), D(98)) is None
    assert profit_at_stop(opening, (), touch, D(1), D(10), D(98)) is None
    assert profit_at_stop(asked(Side.SELL, OrderType.STOP, stop="95"), (), touch, D(1), D(10), None) is None
    assert profit_at_stop(legs[0].request, legs, lambda side: None, D(1), D(0), None) is None
    assert profit_at_stop(legs[0].request, legs, touch, None, D(0), None) is None
