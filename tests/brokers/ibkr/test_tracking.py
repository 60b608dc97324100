"""Which record is about which order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr import life as lives
from cockpit.brokers.ibkr.identities import Links
from cockpit.brokers.ibkr.tracking import Tracker
from cockpit.brokers.ibkr.wire import WireError, WireUnread
from cockpit.model.clock import SystemClock
from cockpit.model.orders import (
    Acknowledged,
    BrokerFact,
    BrokerOrder,
    Cancelled,
    Executed,
    FeeTold,
    FoundWorking,
    LinkLost,
    OrderRef,
    OrderState,
    Rejected,
)
from cockpit.model.text import Safe
from tests.brokers.ibkr.records import NOON, REF, completed, error, fee, fill, limit, opened, status

OTHER = OrderRef("ck:01JD0000000000000000000001")
ASKED = limit(10)


class Following:
    """A tracker, and what it said."""

    def __init__(self) -> None:
        self.facts: list[BrokerFact] = []
        self.notices: list[Safe] = []
        self.doubts = 0
        self.names: dict[int, str] = {265001: "ALFA"}
        self.tracker = Tracker(
            17, SystemClock(), self.facts.append, self._doubt, self.notices.append, self._name, self._converted
        )

    def submitted(self, reference: OrderRef = REF, number: int = 7) -> Tracker:
        self.tracker.placing(lives.sent(reference, ASKED))
        self.tracker.ids.sending(reference, number, Links())
        return self.tracker

    def of(self, reference: OrderRef) -> list[type[BrokerFact]]:
        return [type(fact) for fact in self.facts if fact.reference == reference]

    def _doubt(self) -> None:
        self.doubts += 1

    async def _name(self, con_id: int) -> str:
        await asyncio.sleep(0)
        if con_id not in self.names:
            raise BrokerUnavailable("no answer")
        return self.names[con_id]

    def _converted(self, amount: Decimal, currency: str, into: str) -> Decimal:
        return amount * 2


@pytest.fixture
async def following() -> AsyncIterator[Following]:
    found = Following()
    yield found
    found.tracker.close()


async def test_a_status_is_whose_its_permanent_number_is_whatever_its_number(following: Following) -> None:
    tracker = following.submitted()
    tracker.take(opened(ASKED, perm=900, number=7))
    following.submitted(OTHER, number=8)
    tracker.take(status("Cancelled", perm=900, number=8))
    tracker.take(error(202, number=7))

    assert following.of(REF) == [Acknowledged, Cancelled]
    assert following.of(OTHER) == []


async def test_a_number_that_was_given_out_twice_is_believed_of_neither(following: Following) -> None:
    tracker = following.submitted()
    tracker.take(opened(ASKED, perm=900, number=7))
    tracker.take(status("Cancelled", perm=901, number=7))

    assert following.of(REF) == [Acknowledged]
    assert following.doubts == 1
    assert tracker.take_doubts() == {REF}


async def test_numbers_are_forgotten_with_their_line(following: Following) -> None:
    tracker = following.submitted()
    tracker.take(opened(ASKED))
    tracker.line_broke("the line broke")
    tracker.take(error(201, number=7))

    assert following.of(REF) == [Acknowledged]
    assert tracker.ids.number_of(REF) is None
    tracker.take(opened(ASKED, number=12))
    assert tracker.ids.number_of(REF) == (17, 12)


async def test_errors_are_about_orders_of_this_client_alone(following: Following) -> None:
    tracker = following.submitted()
    tracker.take(replace(opened(ASKED, reference=OTHER, perm=901, number=9), client_id=99))
    tracker.take(error(201, number=9))
    tracker.take(error(1100, number=-1))

    assert following.facts == []


async def test_whoever_waits_for_an_answer_is_told_that_the_line_broke(following: Following) -> None:
    waiting = following.submitted().next_record(REF)
    following.tracker.line_broke("the line broke")

    with pytest.raises(BrokerUnavailable, match="the line broke"):
        await waiting


async def test_an_answer_is_heard_however_close_behind_another_record_it_comes(following: Following) -> None:
    tracker = following.submitted()
    tracker.take(opened(ASKED))
    refused, ended = tracker.next_record(REF, lambda record: isinstance(record, WireError)), tracker.next_record(REF)
    tracker.take(status("Submitted"))
    tracker.take(error(161))

    assert (await refused, await ended) == (error(161), status("Submitted"))


async def test_the_end_of_an_order_answers_whatever_is_waited_for(following: Following) -> None:
    tracker = following.submitted()
    waiting = tracker.next_record(REF, lambda record: False)
    tracker.take(opened(ASKED))
    assert not waiting.done()
    tracker.take(status("Cancelled"))

    assert await waiting == status("Cancelled")


async def test_an_order_may_have_to_be_cancelled_from_before_it_is_placed_until_it_has_ended(
    following: Following,
) -> None:
    tracker = following.tracker
    tracker.placing(lives.sent(REF, ASKED))
    tracker.placing(lives.sent(OTHER, ASKED))
    assert tracker.resting() == 2
    tracker.forget(OTHER)
    tracker.ids.sending(REF, 7, Links())
    tracker.take(status("Submitted"))
    assert tracker.resting() == 1
    tracker.take(error(202))
    tracker.take(status("Cancelled"))
    assert tracker.resting() == 0
    tracker.take(status("Submitted"))
    assert tracker.resting() == 1, "it is said to work again"


async def test_an_order_is_counted_over_the_line_that_can_cancel_it(following: Following) -> None:
    tracker = following.submitted()
    tracker.take(opened(ASKED))
    tracker.line_broke("the line broke")
    assert tracker.resting() == 0
    tracker.take(replace(opened(ASKED, number=9), client_id=99))
    assert tracker.resting() == 0, "another client placed it"
    tracker.line_broke("the line broke")
    tracker.take(opened(ASKED, number=9))
    assert tracker.resting() == 1


async def test_a_fee_that_comes_before_its_fill_is_told_with_it(following: Following) -> None:
    tracker = following.submitted()
    tracker.take(fee(1, "1.25"))
    tracker.take(fill(1, 10))

    assert following.of(REF) == [Acknowledged, Executed, FeeTold]
    told = [fact.fee for fact in following.facts if isinstance(fact, FeeTold)]
    assert told == [Decimal("1.25")]


async def test_a_fee_in_another_currency_is_converted(following: Following) -> None:
    tracker = following.submitted()
    for record in (fill(1, 10), fee(1, "1.25", "EUR")):
        tracker.take(record)

    assert [fact.fee for fact in following.facts if isinstance(fact, FeeTold)] == [Decimal("2.5")]


async def test_an_order_of_an_earlier_run_is_followed_once_its_instrument_has_a_name(following: Following) -> None:
    tracker = following.tracker
    for record in (opened(ASKED), status("Submitted"), fill(1, 4), fee(1)):
        tracker.take(record)
    assert following.facts == []
    await tracker.named()

    assert following.of(REF) == [Acknowledged, Executed, FeeTold]
    assert tracker.ids.number_of(REF) == (17, 7)
    tracker.take(status("Cancelled", 4))
    tracker.take(error(202))
    assert following.of(REF)[-1] is Cancelled


async def test_an_order_whose_instrument_can_not_be_named_is_followed_later(following: Following) -> None:
    following.names.clear()
    following.tracker.take(opened(ASKED))
    await following.tracker.named()
    assert following.facts == []
    following.names[265001] = "ALFA"
    following.tracker.take(opened(ASKED))
    await following.tracker.named()

    assert following.of(REF) == [Acknowledged]


async def test_orders_of_others_are_not_followed(following: Following) -> None:
    for record in (
        opened(ASKED, reference=""),
        status("Filled", 10),
        fill(1, 10, reference=""),
        completed(ASKED, "Filled", 10, reference=""),
    ):
        following.tracker.take(record)
    await following.tracker.named()

    assert (following.facts, following.tracker.in_doubt) == ([], set())


async def test_the_books_are_asked_about_what_is_in_doubt_and_believed(following: Following) -> None:
    tracker = following.submitted()
    tracker.take(opened(ASKED))
    for _ in range(3):
        tracker.take(error(31415))
    assert following.doubts == 3
    assert len(following.notices) == 1
    asked = tracker.take_doubts()
    tracker.compare({REF: BrokerOrder(REF, ASKED, OrderState.CANCELLED, (), Safe("by hand"))}, asked)

    assert following.of(REF) == [Acknowledged, Cancelled]
    assert tracker.in_doubt == set()


async def test_books_that_were_read_before_an_end_say_nothing_against_it(following: Following) -> None:
    tracker = following.submitted()
    tracker.take(opened(ASKED))
    before = tracker.ended()
    tracker.take(status("Cancelled"))
    tracker.take(error(202))
    open_ = {REF: BrokerOrder(REF, ASKED, OrderState.WORKING, (), Safe(""))}
    tracker.compare(open_, {REF}, before)
    assert following.of(REF) == [Acknowledged, Cancelled]

    tracker.compare(open_, (), tracker.ended())
    assert following.of(REF) == [Acknowledged, Cancelled, FoundWorking]


async def test_what_the_books_do_not_show_is_not_known(following: Following) -> None:
    tracker = following.submitted()
    tracker.compare({}, {REF})

    assert following.of(REF) == [LinkLost]


async def test_a_message_that_could_not_be_read_is_a_reason_to_look(following: Following) -> None:
    following.tracker.take(WireUnread(NOON, 5))

    assert following.doubts == 1


async def test_an_order_of_which_nothing_left_is_forgotten(following: Following) -> None:
    tracker = following.submitted()
    tracker.forget(REF)
    tracker.take(error(201, number=7))

    assert tracker.life(REF) is None
    assert following.facts == []


async def test_of_two_orders_with_our_reference_the_one_that_was_seen_first_is_ours(following: Following) -> None:
    tracker = following.submitted()
    tracker.take(tracker.own(opened(ASKED, perm=900, number=7)))
    twin = replace(opened(limit(99), perm=901, number=4711), client_id=5)
    for record in (twin, replace(completed(ASKED, "Cancelled"), perm_id=901), fill(1, 4, perm=901)):
        own = tracker.own(record)
        assert own == replace(record, order_ref=Safe(""))
        tracker.take(own)

    assert following.of(REF) == [Acknowledged]
    assert tracker.ids.number_of(REF) == (17, 7)
    assert len(following.notices) == 1
    assert REF in following.notices[0]


async def test_what_this_client_placed_is_ours_even_where_another_order_was_seen_first(following: Following) -> None:
    tracker = following.tracker
    twin = replace(opened(limit(99), perm=901, number=4711), client_id=5)
    mine = opened(ASKED, perm=900, number=7)
    for record in (twin, mine):
        tracker.take(tracker.own(record))
    await tracker.named()

    assert tracker.ids.number_of(REF) == (17, 7)
    assert tracker.own(mine) == mine
    assert tracker.own(twin) == replace(twin, order_ref=Safe(""))


async def test_a_rejected_order_stays_known(following: Following) -> None:
    following.submitted().take(error(201))

    assert following.of(REF) == [Rejected]
    found = following.tracker.life(REF)
    assert found is not None
    assert found.over
