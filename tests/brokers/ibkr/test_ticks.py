"""Quotes from ticks: nothing is live until it was said, and what isn't quoted is None."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.ibkr.listing import Listed, Step
from cockpit.brokers.ibkr.ticks import Board
from cockpit.brokers.ibkr.wire import WireDataType, WireTick
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.money import ZERO
from cockpit.model.quotes import DataType
from cockpit.model.text import safe

NOON = datetime(2026, 4, 13, 12, tzinfo=UTC)
ALFA = Listed(
    instrument=Instrument("ALFA", safe("Alfa"), InstrumentKind.STOCK, "NASDAQ", "USD", Decimal("0.01"), Decimal(1)),
    con_id=1, sec_type="STK", ticker="ALFA", local_symbol="ALFA", trading_class="NMS", exchange="SMART", primary="NASDAQ",
    currency="USD", expires="", strike=ZERO, right="", multiplier="", magnifier=Decimal(1), under_id=0,
    zone="US/Eastern", trading_hours="", liquid_hours="", rule=0,
)  # fmt: skip
FUTURE = replace(ALFA, sec_type="FUT")
LIVE, DELAYED = (1, 2, 4), (66, 67, 68)


def tick(number: int, price: str | None, size: str | None = "100", at: datetime = NOON) -> WireTick:
    return WireTick(at, 7, number, None if price is None else Decimal(price), None if size is None else Decimal(size))


def board(*records: WireTick | WireDataType) -> Board:
    made = Board()
    for record in records:
        made.take(record)
    return made


def test_prices_are_of_unknown_kind_until_the_source_says_which() -> None:
    assert board(tick(1, "10.00"), tick(2, "10.02")).data_type is DataType.UNKNOWN


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (1, DataType.LIVE),
        (2, DataType.FROZEN),
        (3, DataType.DELAYED),
        (4, DataType.DELAYED_FROZEN),
        (9, DataType.UNKNOWN),
    ],
)
def test_the_kind_is_what_was_said_for_this_request(said: int, kind: DataType) -> None:
    assert board(WireDataType(NOON, 7, said), tick(1, "10.00")).data_type is kind


@given(st.sampled_from([66, 67, 68, 69, 70, 71, 74, 75, 80, 83, 88, 90]), st.sampled_from([None, 1, 2, 3]))
def test_a_tick_of_delayed_data_makes_all_of_it_delayed_whatever_was_said(number: int, said: int | None) -> None:
    made = board(tick(number, "10.00"))
    if said is not None:
        made.take(WireDataType(NOON, 7, said))
    assert made.data_type is DataType.DELAYED


def test_a_side_that_nobody_quotes_is_none_and_not_zero() -> None:
    made = board(tick(1, None, "0"), tick(2, "10.02"), tick(4, "10.01"))
    quote = made.quote(ALFA)
    assert quote is not None
    assert (quote.bid, quote.bid_size, quote.ask, quote.last) == (None, None, Decimal("10.02"), Decimal("10.01"))
    assert made.complete


@pytest.mark.parametrize("price", ["0", "-0.9", "-0.5"])
def test_a_price_that_is_not_above_zero_is_none_but_for_futures(price: str) -> None:
    made = board(tick(1, price), tick(2, "0.05"))
    stock, future = made.quote(ALFA), made.quote(FUTURE)
    assert stock is not None
    assert stock.bid is None
    assert future is not None
    assert future.bid == Decimal(price)


@pytest.mark.parametrize("price", ["0", "-1", "-0.5"])
def test_a_price_of_a_future_that_is_not_above_zero_is_none_where_no_other_is_near_it(price: str) -> None:
    far = board(tick(1, price), tick(2, "4980.25")).quote(FUTURE)
    assert far is not None
    assert (far.bid, far.ask) == (None, Decimal("4980.25"))
    assert board(tick(4, price)).quote(FUTURE) is None


def test_a_future_below_zero_is_quoted_so() -> None:
    found = board(tick(1, "-37.65"), tick(2, "-37.50"), tick(4, "-37.63")).quote(FUTURE)
    assert found is not None
    assert (found.bid, found.ask, found.last) == (Decimal("-37.65"), Decimal("-37.50"), Decimal("-37.63"))


@pytest.mark.parametrize("price", ["0", "-1"])
def test_where_no_trade_was_what_is_written_instead_is_none(price: str) -> None:
    found = board(tick(1, "-0.05"), tick(2, "0.05"), tick(4, price, "0")).quote(FUTURE)
    assert found is not None
    assert (found.bid, found.last) == (Decimal("-0.05"), None)


@pytest.mark.parametrize("number", [45, 88])
def test_a_trade_without_a_side_is_as_old_as_it_was_and_not_as_its_telling(number: int) -> None:
    friday = NOON - timedelta(days=3)
    made = board(tick(4, "10.01"), tick(number, str(int(friday.timestamp())), None))
    found = made.quote(ALFA)
    assert found is not None
    assert found.as_of == friday
    made.take(tick(1, "10.00"))
    quoted = made.quote(ALFA)
    assert quoted is not None
    assert quoted.as_of == NOON


@pytest.mark.parametrize("seconds", [None, "0", "-5", "1e300"])
def test_a_trade_of_which_nobody_says_when_it_was_is_not_live(seconds: str | None) -> None:
    found = board(WireDataType(NOON, 7, 1), tick(4, "10.01"), tick(45, seconds, None)).quote(ALFA)
    assert found is not None
    assert (found.as_of, found.data_type) == (NOON, DataType.UNKNOWN)


def test_a_trade_of_the_future_is_as_old_as_its_telling() -> None:
    ahead = str(int((NOON + timedelta(hours=1)).timestamp()))
    found = board(WireDataType(NOON, 7, 1), tick(4, "10.01"), tick(45, ahead, None)).quote(ALFA)
    assert found is not None
    assert (found.as_of, found.data_type) == (NOON, DataType.LIVE)


def test_a_size_that_goes_to_zero_takes_its_side_away() -> None:
    made = board(tick(1, "10.00"), tick(2, "10.02"), tick(0, None, "0"), tick(3, None, "700"))
    quote = made.quote(ALFA)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.ask_size) == (None, Decimal("10.02"), Decimal(700))


def test_a_quote_is_as_old_as_its_newest_price_and_not_as_its_newest_volume() -> None:
    made = board(tick(1, "10.00"), tick(8, None, "5000", NOON + timedelta(seconds=9)))
    quote = made.quote(ALFA)
    assert quote is not None
    assert quote.as_of == NOON
    assert made.volume == 5000


@pytest.mark.parametrize("numbers", [(1, 2, 4, 0, 3, 8, 49), (66, 67, 68, 69, 70, 74, 90)])
def test_live_and_delayed_ticks_tell_the_same_things(numbers: tuple[int, ...]) -> None:
    bid, ask, last, bids, asks, volume, halt = numbers
    made = board(
        tick(bid, "10.00", "1"), tick(ask, "10.02", "2"), tick(last, "10.01", "3"), tick(bids, None, "4"),
        tick(asks, None, "5"), tick(volume, None, "6"), tick(halt, "1", None),
    )  # fmt: skip
    quote = made.quote(ALFA)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.last) == (Decimal("10.00"), Decimal("10.02"), Decimal("10.01"))
    assert (quote.bid_size, quote.ask_size, made.volume, quote.halted) == (4, 5, 6, True)
    assert made.data_type is (DataType.UNKNOWN if bid == 1 else DataType.DELAYED)


@pytest.mark.parametrize("number", [72, 73, 75, 76, 81, 82, 83])
def test_other_ticks_of_delayed_data_say_so_without_being_a_quote(number: int) -> None:
    made = board(tick(number, "10.00"))
    assert made.data_type is DataType.DELAYED
    assert made.at is None


@pytest.mark.parametrize("number", [65, 77, 79, 84, 91])
def test_ticks_that_are_none_of_delayed_data_do_not_say_so(number: int) -> None:
    assert board(tick(number, "10.00")).data_type is DataType.UNKNOWN


def test_both_sides_have_to_be_told_and_one_to_be_there() -> None:
    bid, ask, nobody = tick(1, "10.00"), tick(2, "10.02"), tick(1, None, "0")
    assert not board(bid).complete
    assert not board(ask).complete
    assert not board(tick(4, "10.01")).complete
    assert not board(nobody, tick(2, None, "0")).complete
    assert board(nobody, ask).complete
    assert board(bid, tick(2, None, "0")).complete


def test_a_last_price_alone_is_a_quote() -> None:
    quote = board(tick(4, "10.01")).quote(ALFA)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.last) == (None, None, Decimal("10.01"))


def test_closing_and_opening_prices_are_no_quote() -> None:
    made = board(tick(9, "10.00"), tick(14, "9.80"), tick(6, "10.10"))
    assert made.at is None
    assert made.quote(ALFA) is None


def test_a_halt_is_told_and_unknown_until_then() -> None:
    made = board(tick(1, "10.00"))
    assert made.quote(ALFA).halted is None  # type: ignore[union-attr]
    made.take(tick(49, "1", None))
    assert made.quote(ALFA).halted is True  # type: ignore[union-attr]
    made.take(tick(49, "0", None))
    assert made.quote(ALFA).halted is False  # type: ignore[union-attr]


@given(st.integers(1, 10**6), st.sampled_from(["0.01", "0.05"]))
def test_prices_lie_on_the_finest_step_that_the_contract_has(steps: int, coarse: str) -> None:
    listed = ALFA.stepped((Step(ZERO, Decimal("0.0001")), Step(Decimal(1), Decimal(coarse))))
    price = steps * Decimal("0.0001")
    quote = board(tick(1, str(price + Decimal("0.00000001")))).quote(listed)
    assert quote is not None
    assert quote.bid == price


@given(
    st.lists(
        st.builds(
            tick,
            st.integers(0, 110),
            st.one_of(st.none(), st.decimals("-5", "500", places=4).map(str)),
            st.one_of(st.none(), st.integers(0, 1000).map(str)),
        ),
        max_size=30,
    )
)
def test_no_sequence_of_ticks_gives_a_price_of_zero_or_less_or_without_its_size(ticks: list[WireTick]) -> None:
    quote = board(*ticks).quote(ALFA)
    if quote is not None:
        assert all(price is None or price > 0 for price in (quote.bid, quote.ask, quote.last))
        assert (quote.bid is None) <= (quote.bid_size is None)
        assert quote.data_type is not DataType.LIVE
