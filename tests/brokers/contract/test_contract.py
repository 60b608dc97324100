"""What every broker must do, whatever stands behind it: one suite, run on each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest

from cockpit.brokers.base import (
    Feature,
    HasBorrow,
    HasDepth,
    HasFundamentals,
    HasFx,
    HasListing,
    HasNews,
    HasOptions,
    HasScanner,
    HasTransfers,
)
from cockpit.model.orders import (
    DONE,
    Acknowledged,
    Cancelled,
    Executed,
    Expired,
    Linkage,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    Rejected,
    Replaced,
    ReplaceRefused,
    Side,
    TimeInForce,
)
from cockpit.model.quotes import Interval
from cockpit.model.refusals import Refused
from cockpit.model.trading import Link
from tests.brokers.contract.venue import Venue

PROTOCOLS: Final = {
    Feature.DEPTH: HasDepth,
    Feature.OPTIONS: HasOptions,
    Feature.OPTION_RATE: HasOptions,
    Feature.FX: HasFx,
    Feature.LISTING: HasListing,
    Feature.NEWS: HasNews,
    Feature.FUNDAMENTALS: HasFundamentals,
    Feature.SCANNER: HasScanner,
    Feature.TRANSFERS: HasTransfers,
    Feature.BORROW: HasBorrow,
}
HOSTILE: Final = ("AL\0FA", "ALFA\n", "ALFA;1=1", "\u202eAFLA", "A" * 500)


async def test_it_says_who_it_is_and_that_it_is_ready(venue: Venue) -> None:
    status = venue.broker.status()
    assert status.link is Link.READY
    assert status.account
    assert status.kind
    assert status.since.tzinfo is not None


async def test_it_takes_what_it_must_and_names_nothing_else(venue: Venue) -> None:
    can = venue.broker.can
    assert (can.order_types, can.times_in_force, can.linkages) == (
        venue.order_types, venue.times_in_force, venue.linkages,
    )  # fmt: skip
    assert can.short_selling
    assert venue.features <= can.features


async def test_what_it_names_as_offered_is_there(venue: Venue) -> None:
    for feature in venue.broker.can.features:
        assert isinstance(venue.broker, PROTOCOLS[feature]), feature


async def test_a_symbol_is_found_exactly_or_not_at_all(venue: Venue) -> None:
    (found,) = await venue.broker.find(venue.symbol)
    assert found.symbol == venue.symbol
    assert found.tick > 0
    assert found.lot > 0
    assert found.multiplier > 0
    assert len(found.currency) == 3
    assert await venue.broker.find(venue.unlisted) == () or list(await venue.broker.find(venue.unlisted)) == []


async def test_a_search_keeps_its_limit_and_finds_what_can_be_found_again(venue: Venue) -> None:
    found = await venue.broker.search(venue.symbol[:2], 3)
    assert 1 <= len(found) <= 3
    for one in found:
        assert one.symbol in {again.symbol for again in await venue.broker.find(one.symbol)}


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_hostile_symbol_finds_nothing_or_is_refused(venue: Venue, text: str) -> None:
    try:
        assert not await venue.broker.find(text)
    except Refused:
        pass
    assert venue.broker.status().link is Link.READY


async def test_a_quote_says_where_it_comes_from_and_when(venue: Venue) -> None:
    quote, instrument = await venue.quote(), await venue.instrument()
    assert quote.symbol == venue.symbol
    assert quote.source
    assert quote.as_of.utcoffset() is not None
    assert quote.bid is not None
    assert quote.ask is not None
    assert 0 < quote.bid <= quote.ask
    assert quote.bid % instrument.tick == 0
    assert quote.ask % instrument.tick == 0


@pytest.mark.parametrize("interval", [Interval.MIN_1, Interval.HOUR_1, Interval.DAY_1])
async def test_bars_are_finished_rising_in_time_and_no_more_than_asked(venue: Venue, interval: Interval) -> None:
    bars = await venue.broker.bars(await venue.instrument(), interval, 5, None)
    assert (1 if venue.has_history else 0) <= len(bars.bars) <= 5
    if not bars.bars:
        return
    opened = [bar.opens_at for bar in bars.bars]
    assert opened == sorted(set(opened))
    assert all(one.utcoffset() is not None for one in opened)
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars.bars)
    earlier = await venue.broker.bars(await venue.instrument(), interval, 5, opened[-1])
    assert all(bar.opens_at < opened[-1] for bar in earlier.bars)


async def test_the_clock_and_the_account_say_what_they_must(venue: Venue) -> None:
    clock = await venue.broker.clock()
    assert clock.now.utcoffset() is not None
    assert clock.source
    balances = await venue.broker.balances()
    assert balances.account == venue.broker.status().account
    assert len(balances.currency) == 3
    assert balances.equity > 0
    assert list(await venue.broker.positions()) == []


async def test_a_market_order_is_taken_filled_and_held(venue: Venue) -> None:
    before, reference = await venue.broker.balances(), venue.reference()
    await venue.broker.submit(reference, await venue.market(2))
    await venue.until(lambda: sum(one.execution.quantity for one in venue.of(reference, Executed)) == 2)
    assert venue.of(reference, Acknowledged)
    fills = {one.execution.execution_id: one.execution for one in venue.of(reference, Executed)}
    (held,) = await venue.broker.positions()
    assert (held.symbol, held.quantity) == (venue.symbol, Decimal(2))
    shown = await venue.shown(reference)
    assert shown is not None
    assert shown.state is OrderState.FILLED
    assert {one.execution_id for one in shown.executions} == fills.keys()
    told = await venue.broker.executions(datetime(2000, 1, 1, tzinfo=UTC))
    assert [one.execution_id for one in told if one.reference == reference] == list(fills)
    after = await venue.broker.balances()
    paid = sum((one.quantity * one.price for one in told), Decimal(0)) + sum((one.fee for one in told), Decimal(0))
    assert after.cash == before.cash - paid
    assert not venue.of(reference, Rejected)


async def test_what_is_sold_again_leaves_no_position(venue: Venue) -> None:
    for side in (Side.BUY, Side.SELL):
        reference = venue.reference()
        await venue.broker.submit(reference, await venue.market(1, side))
        await venue.until(lambda reference=reference: venue.of(reference, Executed))
    assert [one for one in await venue.broker.positions() if one.quantity] == []


async def test_an_order_that_rests_is_shown_with_its_terms_and_can_be_cancelled(venue: Venue) -> None:
    reference, wanted = venue.reference(), await venue.far(3)
    await venue.broker.submit(reference, wanted)
    await venue.until(lambda: venue.of(reference, Acknowledged))
    shown = await venue.shown(reference)
    assert shown is not None
    assert (shown.state, shown.request) == (OrderState.WORKING, wanted)
    await venue.broker.cancel(reference)
    await venue.until(lambda: venue.of(reference, Cancelled))
    assert not venue.of(reference, Executed)
    left = await venue.shown(reference)
    assert left is None or left.state is OrderState.CANCELLED


async def test_a_change_is_told_and_shown(venue: Venue) -> None:
    reference, wanted = venue.reference(), await venue.far(3)
    await venue.broker.submit(reference, wanted)
    await venue.until(lambda: venue.of(reference, Acknowledged))
    changed = replace(wanted, quantity=Decimal(2), limit_price=await venue.price("0.8"))
    await venue.broker.replace(reference, changed)
    await venue.until(lambda: venue.of(reference, Replaced))
    assert not venue.of(reference, ReplaceRefused)
    told = venue.of(reference, Replaced)[-1]
    assert (told.quantity, told.limit_price) == (changed.quantity, changed.limit_price)
    shown = await venue.shown(reference)
    assert shown is not None
    assert (shown.state, shown.request) == (OrderState.WORKING, changed)


async def test_the_same_reference_is_never_two_orders(venue: Venue) -> None:
    reference, wanted = venue.reference(), await venue.far(3)
    await venue.broker.submit(reference, wanted)
    await venue.until(lambda: venue.of(reference, Acknowledged))
    try:
        await venue.broker.submit(reference, wanted)
    except Refused as refused:
        assert refused.refusal.code  # noqa: PT017 - either way is right; what counts is the book below
    with pytest.raises(Refused):
        await venue.broker.submit(reference, replace(wanted, quantity=Decimal(4)))
    open_now = [one for one in await venue.broker.orders() if one.state not in DONE]
    assert [(one.reference, one.request.quantity) for one in open_now] == [(reference, Decimal(3))]


async def test_an_order_that_was_never_sent_can_be_neither_cancelled_nor_changed(venue: Venue) -> None:
    with pytest.raises(Refused):
        await venue.broker.cancel(venue.reference())
    with pytest.raises(Refused):
        await venue.broker.replace(venue.reference(), await venue.far())
    assert venue.facts == []


async def test_an_order_that_has_ended_is_not_moved_by_a_late_cancel(venue: Venue) -> None:
    reference = venue.reference()
    await venue.broker.submit(reference, await venue.market())
    await venue.until(lambda: venue.of(reference, Executed))
    try:
        await venue.broker.cancel(reference)
    except Refused as refused:
        assert refused.refusal.code  # noqa: PT017 - it may say so, and may say nothing
    assert not venue.of(reference, Cancelled)
    shown = await venue.shown(reference)
    assert shown is not None
    assert shown.state is OrderState.FILLED


@pytest.mark.parametrize("life", [TimeInForce.IOC, TimeInForce.FOK])
async def test_what_must_trade_at_once_never_rests(venue: Venue, life: TimeInForce) -> None:
    reference = venue.reference()
    await venue.broker.submit(reference, await venue.far(1, life))
    await venue.until(
        lambda: any(venue.of(reference, kind) for kind in (Cancelled, Expired, Rejected))  # type: ignore[type-abstract]
    )
    shown = await venue.shown(reference)
    assert shown is None or shown.state in DONE
    assert list(await venue.broker.positions()) == []


def _terms(kind: OrderType, low: Decimal, high: Decimal, symbol: str) -> OrderRequest:
    """Return an order of that kind to buy which the market is far from."""
    one = OrderRequest(symbol, Side.BUY, Decimal(1), kind, None, TimeInForce.DAY)
    match kind:
        case OrderType.LIMIT:
            return replace(one, limit_price=low)
        case OrderType.STOP:
            return replace(one, stop_price=high)
        case OrderType.STOP_LIMIT:
            return replace(one, stop_price=high, limit_price=high)
        case OrderType.TRAILING_STOP:
            return replace(one, trail_amount=high - low)
        case OrderType.MARKET:
            return one


@pytest.mark.parametrize("kind", sorted(OrderType))
async def test_every_kind_of_order_that_it_names_is_taken_and_shown_as_asked(venue: Venue, kind: OrderType) -> None:
    if kind not in venue.order_types:
        return  # the desk refuses it, and never asks the broker
    reference = venue.reference()
    wanted = _terms(kind, await venue.price("0.9"), await venue.price("1.1"), venue.symbol)
    await venue.broker.submit(reference, wanted)
    await venue.until(lambda: venue.of(reference, Acknowledged))
    if kind is OrderType.MARKET:
        await venue.until(lambda: venue.of(reference, Executed))
    shown = await venue.shown(reference)
    assert shown is not None
    assert shown.request == wanted
    assert shown.state is (OrderState.FILLED if kind is OrderType.MARKET else OrderState.WORKING)


async def test_a_trail_in_percent_keeps_its_percent(venue: Venue) -> None:
    if OrderType.TRAILING_STOP not in venue.order_types:
        return
    reference = venue.reference()
    wanted = OrderRequest(
        venue.symbol, Side.BUY, Decimal(1), OrderType.TRAILING_STOP, None, TimeInForce.GTC,
        trail_percent=Decimal("2.5"),
    )  # fmt: skip
    await venue.broker.submit(reference, wanted)
    await venue.until(lambda: venue.of(reference, Acknowledged))
    shown = await venue.shown(reference)
    assert shown is not None
    assert shown.request == wanted


async def test_a_price_off_the_tick_is_rejected_and_nothing_rests(venue: Venue) -> None:
    reference, wanted = venue.reference(), await venue.far()
    assert wanted.limit_price is not None
    odd = replace(wanted, limit_price=wanted.limit_price + (await venue.instrument()).tick / 2)
    try:
        await venue.broker.submit(reference, odd)
    except Refused as refused:
        assert refused.refusal.code == "BAD_TICK"  # noqa: PT017 - it is refused before it is sent, or rejected after
    else:
        await venue.until(lambda: venue.of(reference, Rejected))
    shown = await venue.shown(reference)
    assert shown is None or shown.state is OrderState.REJECTED


def _bracket(entry: OrderRequest, target: Decimal, stop: Decimal) -> list[OrderRequest]:
    exit_ = replace(entry, side=entry.side.opposite, order_type=OrderType.LIMIT, limit_price=target)
    return [entry, exit_, replace(exit_, order_type=OrderType.STOP, limit_price=None, stop_price=stop)]


async def _hand_over(venue: Venue, linkage: Linkage, legs: list[OrderRequest]) -> list[OrderRef]:
    assert linkage in venue.broker.can.linkages, "nobody offers none; one that does needs the tests to leave it out"
    references = [venue.reference() for _ in legs]
    await venue.broker.submit_linked(linkage, list(zip(references, legs, strict=True)))
    return references


async def test_a_bracket_whose_entry_fills_leaves_its_two_exits_working(venue: Venue) -> None:
    entry = replace(await venue.market(2), time_in_force=TimeInForce.GTC)
    legs = _bracket(entry, await venue.price("1.1"), await venue.price("0.9"))
    first, target, stop = await _hand_over(venue, Linkage.BRACKET, legs)
    await venue.until(lambda: sum(one.execution.quantity for one in venue.of(first, Executed)) == 2)
    await venue.until(lambda: venue.of(target, Acknowledged) and venue.of(stop, Acknowledged))
    for reference, wanted in zip((target, stop), legs[1:], strict=True):
        shown = await venue.shown(reference)
        assert shown is not None
        assert (shown.state, shown.request) == (OrderState.WORKING, wanted)


async def test_a_bracket_whose_entry_is_cancelled_leaves_nothing(venue: Venue) -> None:
    legs = _bracket(await venue.far(2), await venue.price("1.1"), await venue.price("0.8"))
    references = await _hand_over(venue, Linkage.BRACKET, legs)
    await venue.until(lambda: all(venue.of(one, Acknowledged) for one in references))
    await venue.broker.cancel(references[0])
    await venue.until(lambda: all(venue.of(one, Cancelled) for one in references))
    assert [one for one in await venue.broker.orders() if one.state not in DONE] == []
    assert list(await venue.broker.positions()) == []


async def test_of_a_pair_the_fill_of_one_cancels_the_other(venue: Venue) -> None:
    resting = await venue.far(1, TimeInForce.GTC)
    at_once = replace(resting, limit_price=await venue.price("1.05"))
    filled, other = await _hand_over(venue, Linkage.OCO, [at_once, resting])
    await venue.until(lambda: venue.of(filled, Executed) and venue.of(other, Cancelled))
    (held,) = await venue.broker.positions()
    assert held.quantity == Decimal(1)


@pytest.mark.parametrize("reference", ["ck:" + "\0" * 26, "ck:A\n", "ck: " + "A" * 70, "ck:\u00e9"])
async def test_a_reference_that_could_break_a_message_is_refused(venue: Venue, reference: str) -> None:
    wanted = await venue.far()
    if venue.escapes:
        await venue.broker.submit(OrderRef(reference), wanted)
        assert [(one.reference, one.request) for one in await venue.broker.orders()] == [(reference, wanted)]
        return
    with pytest.raises(Refused):
        await venue.broker.submit(OrderRef(reference), wanted)
    assert [one for one in await venue.broker.orders() if one.state not in DONE] == []


@pytest.mark.parametrize("symbol", HOSTILE)
async def test_an_order_for_a_hostile_symbol_never_rests(venue: Venue, symbol: str) -> None:
    reference, wanted = venue.reference(), replace(await venue.far(), symbol=symbol)
    try:
        await venue.broker.submit(reference, wanted)
    except Refused as refused:
        assert refused.refusal.code  # noqa: PT017 - it is refused before it is sent, or rejected after
    else:
        await venue.until(lambda: venue.of(reference, Rejected))
    assert [one for one in await venue.broker.orders() if one.state not in DONE] == []


async def test_an_estimate_says_what_an_order_would_cost_and_sends_nothing(venue: Venue) -> None:
    estimate = await venue.broker.estimate(await venue.market(2))
    if venue.estimates:
        assert estimate is not None
        assert estimate.fee >= 0
        assert estimate.margin > 0
        assert estimate.source
    else:
        assert estimate is None
    assert list(await venue.broker.orders()) == []
    assert venue.facts == []


async def test_after_a_restart_the_books_say_the_same(venue: Venue) -> None:
    done, resting = venue.reference(), venue.reference()
    wanted = await venue.far(3)
    await venue.broker.submit(done, await venue.market(2))
    await venue.broker.submit(resting, wanted)
    await venue.until(lambda: venue.of(done, Executed) and venue.of(resting, Acknowledged))
    since = datetime.now(UTC) - timedelta(days=3650)
    told = await venue.broker.executions(since)
    await venue.again()
    again = await venue.shown(resting)
    assert again is not None
    assert (again.state, again.request) == (OrderState.WORKING, wanted)
    filled = await venue.shown(done)
    assert filled is not None
    assert filled.state is OrderState.FILLED
    assert list(await venue.broker.executions(since)) == list(told)
    await venue.broker.cancel(resting)
    await venue.until(lambda: venue.of(resting, Cancelled))
