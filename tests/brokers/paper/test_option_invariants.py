"""What holds of options in the engine whatever is ordered, found out by random orders for shares, calls and puts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cockpit.brokers.paper.book import State
from cockpit.brokers.paper.engine import apply
from cockpit.brokers.paper.events import Cancel, PaperEvent, Quoted, Settled, Submit
from cockpit.brokers.paper.margin import equity, required, uncovered
from cockpit.brokers.paper.prices import SeededPrices
from cockpit.brokers.paper.records import event_kind, event_text, read_event, read_state, state_text
from cockpit.brokers.paper.rules import Rules
from cockpit.model.money import ZERO
from cockpit.model.options import read_option
from cockpit.model.orders import OrderRef, OrderRequest, OrderType, Side, TimeInForce

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
PRICES = SeededPrices("cockpit")
RULES = Rules(PRICES.terms)
CALLS = ("ALFA260306C00355000", "ALFA260306C00365000", "ALFA260417C00360000")
PUTS = ("ALFA260306P00350000", "ALFA260417P00345000")
SYMBOLS = ("ALFA", *CALLS, *PUTS)

wishes = st.lists(
    st.tuples(
        st.sampled_from(SYMBOLS), st.sampled_from(Side), st.integers(1, 3), st.sampled_from((None, "0.01", "900"))
    ),
    max_size=14,
)


def lived(wanted: list[tuple[str, Side, int, str | None]]) -> list[tuple[PaperEvent, State]]:
    """Return what happens: every wish is ordered at a market that moves, and in the end everything expires."""
    state, seen, now = State.opened(Decimal(100_000)), list[tuple[PaperEvent, State]](), NOW

    def happen(event: PaperEvent) -> None:
        nonlocal state
        state = apply(RULES, state, event).state
        seen.append((event, state))

    for number, (symbol, side, quantity, limit) in enumerate(wanted):
        now += timedelta(minutes=7)
        touches = tuple(touch for name in SYMBOLS if (touch := PRICES.touch(name, now)) is not None)
        happen(Quoted(now, touches))
        kind = OrderType.MARKET if limit is None else OrderType.LIMIT
        amount = Decimal(quantity if symbol != "ALFA" else quantity * 50)
        price = None if limit is None else Decimal(limit)
        request = OrderRequest(symbol, side, amount, kind, price, TimeInForce.GTC)
        happen(Submit(now, OrderRef(f"o{number}"), request))
        if number % 5 == 4:
            happen(Cancel(now, OrderRef(f"o{number - 2}")))
    for symbol in (*CALLS, *PUTS):
        ended = NOW + timedelta(days=100)
        price = PRICES.settled(symbol, ended)
        assert price is not None
        happen(Settled(ended, symbol, price))
    return seen


whatever = settings(max_examples=150)


@whatever
@given(wishes)
def test_no_order_leaves_a_sold_call_uncovered(wanted: list[tuple[str, Side, int, str | None]]) -> None:
    for _, state in lived(wanted):
        assert uncovered(state, RULES.terms) == frozenset()


@whatever
@given(wishes)
def test_cash_and_cost_are_what_was_put_in_and_settled_less_the_fees(
    wanted: list[tuple[str, Side, int, str | None]],
) -> None:
    for _, state in lived(wanted):
        cost = sum((held.cost for held in state.holdings.values()), ZERO)
        assert state.cash + cost == state.opening_cash + state.realised - state.fees


@whatever
@given(wishes)
@example(
    [("ALFA", Side.BUY, 1, None)] * 7
    + [("ALFA", Side.BUY, 3, "900"), ("ALFA", Side.BUY, 1, None), ("ALFA", Side.BUY, 1, None)]
    + [("ALFA", Side.SELL, 3, "0.01"), ("ALFA", Side.BUY, 1, None)]
)
def test_after_the_expiry_no_option_is_left_in_the_account(wanted: list[tuple[str, Side, int, str | None]]) -> None:
    _, state = lived(wanted)[-1]
    assert not any(read_option(symbol) for symbol in (*state.holdings, *state.shown))
    assert not any(read_option(order.request.symbol) for order in state.open.values())
    assert required(state, RULES.terms) >= ZERO
    assert equity(state, RULES.terms) >= ZERO


@whatever
@given(wishes)
def test_what_is_written_down_is_read_back_the_same(wanted: list[tuple[str, Side, int, str | None]]) -> None:
    for event, state in lived(wanted):
        assert read_event(event_kind(event), event_text(event)) == event
        assert state_text(read_state(state_text(state))) == state_text(state)
