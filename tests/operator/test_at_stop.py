from dataclasses import replace
from decimal import Decimal

import pytest

from cockpit.model.orders import Linkage, Order, OrderRequest, OrderState, OrderType, Role, Side, TimeInForce
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
    entry = order(1, "claude", "buy 1 ALFA", request=asked(side, kind, limit))
    end = order(2, "claude", "buy 1 ALFA", request=asked(side.opposite, OrderType.STOP, stop=stop))
    return (
        replace(entry, linkage=Linkage.BRACKET, role=Role.ENTRY),
        replace(end, linkage=Linkage.BRACKET, role=Role.STOP),
    )


def alone(request: OrderRequest) -> Order:
    return order(3, "claude", "buy 1 ALFA", request=request)


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
    assert profit_at_stop(legs[0], legs, touch, D(1), D(0), None) == D(profit)
    assert profit_at_stop(legs[0], legs, touch, D(100), D(0), None) == D(profit) * 100


@pytest.mark.parametrize(
    ("side", "held", "stop", "profit"),
    [(Side.SELL, "10", "95", "-30"), (Side.SELL, "4", "95", "-12"), (Side.BUY, "-10", "104", "-60")],
)
def test_a_stop_alone_is_reckoned_from_what_the_position_cost(side: Side, held: str, stop: str, profit: str) -> None:
    request = asked(side, OrderType.STOP, stop=stop)
    assert profit_at_stop(alone(request), (), touch, D(1), D(held), D(98)) == D(profit)


def test_where_there_is_no_stop_no_price_or_no_rate_nothing_is_claimed() -> None:
    legs = bracket(Side.BUY, None, "95")
    plain = asked(Side.BUY, OrderType.LIMIT, "100")
    opening = asked(Side.BUY, OrderType.STOP, stop="104")
    assert profit_at_stop(alone(plain), (), touch, D(1), D(10), D(98)) is None
    assert profit_at_stop(alone(opening), (), touch, D(1), D(10), D(98)) is None
    assert profit_at_stop(alone(asked(Side.SELL, OrderType.STOP, stop="95")), (), touch, D(1), D(10), None) is None
    assert profit_at_stop(legs[0], legs, lambda side: None, D(1), D(0), None) is None
    assert profit_at_stop(legs[0], legs, touch, None, D(0), None) is None


def test_a_changed_exit_is_reckoned_from_its_own_entry_whatever_else_is_held() -> None:
    entry, end = bracket(Side.BUY, "100", "95")
    moved = replace(end, proposed=asked(Side.SELL, OrderType.STOP, stop="90"))
    assert profit_at_stop(moved, (entry, moved), touch, D(1), D(5), D(300)) == D(-100)
    filled = replace(entry, state=OrderState.FILLED, filled=D(10), average_price=D(99))
    assert profit_at_stop(moved, (filled, moved), touch, D(1), D(15), D(300)) == D(-90)
    half = replace(entry, filled=D(4), average_price=D(99))
    assert profit_at_stop(moved, (half, moved), touch, D(1), D(4), D(300)) == D(-96)
    ended = replace(half, state=OrderState.CANCELLED)
    assert profit_at_stop(moved, (ended, moved), touch, D(1), D(4), D(300)) == D(-36)
    partly = replace(moved, filled=D(6))
    assert profit_at_stop(partly, (filled, partly), touch, D(1), D(4), D(300)) == D(-36)


@pytest.mark.parametrize("state", [OrderState.CANCELLED, OrderState.FILLED, OrderState.EXPIRED])
def test_a_stop_that_has_ended_bounds_nothing(state: OrderState) -> None:
    entry, end = bracket(Side.BUY, "100", "95")
    assert profit_at_stop(entry, (entry, replace(end, state=state)), touch, D(1), D(0), None) is None
    assert profit_at_stop(entry, (replace(entry, state=OrderState.CANCELLED), end), touch, D(1), D(0), None) is None
