"""What a line carries: in which order, at which pace, and what becomes of it when the line breaks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from ib_async.contract import Contract, TagValue
from ib_async.order import Order

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.line import COMPLETED_ORDERS, OPEN_ORDERS, CockpitIB, Lane, Told
from cockpit.brokers.ibkr.wire import WireRecord
from cockpit.model.refusals import Refused
from cockpit.model.trading import Link
from tests.brokers.ibkr.lines import ALFA, line_to, new_line, resting, until
from tests.gateway import FakeGateway, faults


def all_open(ib: CockpitIB) -> Any:
    return ib.reqAllOpenOrdersAsync()


async def arrived(gateway: FakeGateway, name: str, count: int = 1, client_id: int | None = None) -> None:
    """Wait until the gateway has received so many messages of that name."""
    async with asyncio.timeout(5):
        while len(gateway.named(name, client_id)) < count:
            await asyncio.sleep(0.002)


async def test_150_reads_that_wait_hold_up_neither_a_cancel_nor_an_order() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port, request_seconds=20) as line:
        placed = await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting()))
        reads = [asyncio.create_task(line.read("", lambda ib: ib.reqContractDetailsAsync(ALFA))) for _ in range(150)]
        await arrived(gateway, "reqContractDetails")
        loop = asyncio.get_running_loop()
        took: dict[str, list[float]] = {"cancelOrder": [], "reqGlobalCancel": []}
        for count in (1, 2, 3):
            begun = loop.time()
            await line.send(Lane.CANCEL, lambda ib: ib.cancelOrder(placed.order))
            await arrived(gateway, "cancelOrder", count)
            took["cancelOrder"].append(loop.time() - begun)
            begun = loop.time()
            await line.send(Lane.CANCEL, lambda ib: ib.reqGlobalCancel())
            await arrived(gateway, "reqGlobalCancel", count)
            took["reqGlobalCancel"].append(loop.time() - begun)
        # The quickest of three: another program of this host may hold one of them up.
        assert all(min(times) < 0.05 for times in took.values()), took
        await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting("ck:2")))
        await arrived(gateway, "placeOrder", 2)
        assert sum(not read.done() for read in reads) > 100
        await asyncio.gather(*reads)
        assert gateway.most_in_a_second() <= 49


async def test_a_burst_of_everything_never_exceeds_the_budget() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port, request_seconds=20) as line:
        work: list[asyncio.Task[Any]] = []
        for number in range(40):
            work.append(asyncio.create_task(line.read("", lambda ib: ib.reqMatchingSymbolsAsync("A"))))
            work.append(
                asyncio.create_task(
                    line.send(Lane.ORDER, lambda ib, number=number: ib.placeOrder(ALFA, resting(f"ck:{number}")))
                )
            )
        await asyncio.gather(*work)
        await arrived(gateway, "placeOrder", 40)
        assert len({seen.fields[1] for seen in gateway.named("placeOrder")}) == 40
        assert 30 <= gateway.most_in_a_second(17) <= 40


async def test_an_answer_is_never_older_than_its_question() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        asked = len(gateway.named("reqAllOpenOrders"))
        let_go = asyncio.Event()
        gateway.once("reqAllOpenOrders", faults.wait_for(let_go))
        first = asyncio.create_task(line.read(OPEN_ORDERS, all_open))
        await arrived(gateway, "reqAllOpenOrders", asked + 1)
        later = [asyncio.create_task(line.read(OPEN_ORDERS, all_open)) for _ in range(5)]
        shared = asyncio.create_task(line.read(OPEN_ORDERS, all_open, shared=True))
        await asyncio.sleep(0.02)
        assert len(gateway.named("reqAllOpenOrders")) == asked + 1
        let_go.set()
        answers = await asyncio.gather(first, *later, shared)
        assert answers[1] is not answers[0]
        assert all(answer is answers[1] for answer in answers[1:])
        assert len(gateway.named("reqAllOpenOrders")) == asked + 2


async def test_whoever_shares_joins_the_request_that_is_under_way() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        answers = await asyncio.gather(
            *(line.read("details", lambda ib: ib.reqContractDetailsAsync(ALFA), shared=True) for _ in range(10))
        )
        assert all(answer is answers[0] for answer in answers)
        assert len(gateway.named("reqContractDetails")) == 1


async def test_a_request_that_is_given_up_is_bounded_and_the_next_waits_for_its_late_answer() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        asked = len(gateway.named("reqAllOpenOrders"))
        let_go = asyncio.Event()
        gateway.once("reqAllOpenOrders", faults.wait_for(let_go))
        with pytest.raises(BrokerUnavailable, match=r"no answer to openOrders within 0\.05 s"):
            await line.read(OPEN_ORDERS, all_open, within=0.05)
        late = asyncio.create_task(line.read(OPEN_ORDERS, all_open))
        await asyncio.sleep(0.02)
        assert len(gateway.named("reqAllOpenOrders")) == asked + 1
        let_go.set()
        assert await late == []
        assert len(gateway.named("reqAllOpenOrders")) == asked + 2


async def test_one_who_gives_up_takes_the_answer_from_nobody_else() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        let_go = asyncio.Event()
        gateway.once("reqContractDetails", faults.wait_for(let_go))
        first, second = (
            asyncio.create_task(line.read("d", lambda ib: ib.reqContractDetailsAsync(ALFA), shared=True))
            for _ in range(2)
        )
        await arrived(gateway, "reqContractDetails")
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        let_go.set()
        (details,) = await second
        assert details.longName


async def test_an_error_instead_of_data_is_told_with_its_code() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        nothing = Contract(symbol="NOTHING", secType="STK", exchange="SMART", currency="USD")
        with pytest.raises(Told) as told:
            await line.read("", lambda ib: ib.reqContractDetailsAsync(nothing))
        assert told.value.code == 200
        assert "No security definition" in told.value.text


async def test_a_preview_that_is_refused_with_a_warning_code_ends() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        gateway.once("whatIfOrder", faults.reject(321))
        with pytest.raises(Told) as told:
            await line.read("", lambda ib: ib.whatIfOrderAsync(ALFA, resting()))
        assert told.value.code == 321


@pytest.mark.parametrize("lane", list(Lane))
async def test_a_field_that_must_not_leave_is_refused_and_nothing_left(lane: Lane) -> None:
    evil = 'X\0"1\0"0\0"0"'
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        before = gateway.received(17)
        with pytest.raises(Refused) as refused:
            await line.send(lane, lambda ib: ib.placeOrder(ALFA, resting(evil)))
        assert refused.value.refusal.code == "BAD_ARGUMENTS"
        with pytest.raises(Refused):
            await line.read("", lambda ib: ib.whatIfOrderAsync(ALFA, resting(evil)))
        await line.read("", lambda ib: ib.reqCurrentTimeAsync())
        assert gateway.received(17) == before + 1
        assert gateway.bad == 0
        assert gateway.named("placeOrder") == []


async def test_of_a_bracket_whose_last_leg_must_not_leave_no_leg_leaves() -> None:
    def bracket(ib: CockpitIB) -> None:
        for number in range(3):
            leg = resting(f"ck:{number}")
            if number == 2:
                leg.algoStrategy, leg.algoParams = "Vwap", [TagValue("a", "1;b=2")]
            ib.placeOrder(ALFA, leg)

    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        with pytest.raises(Refused):
            await line.send(Lane.ORDER, bracket, messages=3)
        await line.read("", lambda ib: ib.reqCurrentTimeAsync())
        assert gateway.named("placeOrder") == []


async def test_a_change_that_ib_async_takes_for_impossible_does_not_leave_either() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        placed = await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting()))
        placed.orderStatus.status = "Cancelled"
        with pytest.raises(AssertionError):
            await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, placed.order))
        await line.read("", lambda ib: ib.reqCurrentTimeAsync())
        assert len(gateway.named("placeOrder")) == 1


async def test_an_order_that_waits_for_its_turn_when_the_line_breaks_is_refused_and_never_sent() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        sending = {
            f"ck:{number}": asyncio.create_task(
                line.send(Lane.ORDER, lambda ib, number=number: ib.placeOrder(ALFA, resting(f"ck:{number}")))
            )
            for number in range(60)
        }
        await arrived(gateway, "placeOrder", 20)
        gateway.cut()
        async with asyncio.timeout(0.5):
            await asyncio.gather(*sending.values(), return_exceptions=True)
        refused = {name for name, task in sending.items() if isinstance(task.exception(), Refused)}
        assert len(refused) > 20
        await until(line, Link.READY, epoch=2)
        await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting("ck:last")))
        async with asyncio.timeout(2):
            while not any("ck:last" in seen.fields for seen in gateway.named("placeOrder")):
                await asyncio.sleep(0.002)
        sent = {field for seen in gateway.named("placeOrder") for field in seen.fields if field.startswith("ck:")}
        assert sent == (set(sending) | {"ck:last"}) - refused


async def test_an_order_that_waits_for_its_turn_when_tws_loses_the_server_is_refused_and_never_sent() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        sending = [
            asyncio.create_task(
                line.send(Lane.ORDER, lambda ib, number=number: ib.placeOrder(ALFA, resting(f"ck:{number}")))
            )
            for number in range(60)
        ]
        await arrived(gateway, "placeOrder", 20)
        gateway.lost()
        await asyncio.gather(*sending, return_exceptions=True)
        assert sum(isinstance(one.exception(), Refused) for one in sending) == 60 - len(gateway.named("placeOrder"))
        assert len(gateway.named("placeOrder")) <= 35


async def test_more_messages_than_were_asked_for_wait_for_no_place_they_do_not_have() -> None:
    def flood(ib: CockpitIB) -> None:
        for _ in range(60):
            ib.reqMarketDataType(3)

    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        with pytest.raises(Refused):
            await line.send(Lane.READ, flood)
        await line.read("", lambda ib: ib.reqCurrentTimeAsync())
        assert gateway.named("reqMarketDataType") == []


async def test_while_tws_has_lost_the_server_orders_and_reads_are_refused_and_cancels_pass() -> None:
    done: list[int] = []
    async with FakeGateway() as gateway:
        line = new_line(gateway.port)

        async def work() -> None:
            await line.read(COMPLETED_ORDERS, lambda ib: ib.reqCompletedOrdersAsync(False))
            done.append(line.streams)

        line.on_up(work)
        async with line:
            placed = await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting()))
            gateway.lost()
            await until(line, Link.DEGRADED)
            assert "TWS has lost Interactive Brokers" in line.note
            with pytest.raises(Refused, match="BROKER_NOT_READY"):
                await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting("ck:2")))
            with pytest.raises(BrokerUnavailable, match="TWS has lost"):
                await line.read("", lambda ib: ib.reqContractDetailsAsync(ALFA))
            await line.send(Lane.CANCEL, lambda ib: ib.cancelOrder(placed.order))
            gateway.restored()
            await until(line, Link.READY)
            assert done == [1, 1]
            gateway.lost()
            gateway.restored(data_lost=True)
            await asyncio.wait_for(_more(done, 3), 2)
            await until(line, Link.READY)
            assert done == [1, 1, 2]
            assert line.epoch == 1


async def _more(done: list[int], than: int) -> None:
    while len(done) < than:
        await asyncio.sleep(0.005)


async def test_a_server_that_is_lost_while_the_line_comes_up_does_not_break_the_line() -> None:
    async with FakeGateway() as gateway:
        line = new_line(gateway.port)
        first = iter((True,))

        given_up = asyncio.Event()

        async def work() -> None:
            if next(first, False):
                gateway.lost()
                await line.wait_for(Link.DEGRADED)
            try:
                await line.read(OPEN_ORDERS, all_open)
            finally:
                given_up.set()

        line.on_up(work)
        links: list[Link] = []
        line.on_link(lambda link, note: links.append(link))
        entering = asyncio.create_task(line.__aenter__())
        await given_up.wait()
        await asyncio.sleep(0.02)
        assert line.link is Link.DEGRADED
        gateway.restored()
        await until(line, Link.READY)
        assert line.epoch == 1
        assert links == [Link.CONNECTING, Link.DEGRADED, Link.CONNECTING, Link.READY]
        await entering
        await line.__aexit__(None, None, None)


async def test_a_farm_that_answers_ends_a_loss_that_promises_no_end() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        gateway.broadcast_error(2110, "Connectivity between TWS and server is broken. It will be restored.")
        await until(line, Link.DEGRADED)
        gateway.broadcast_error(2104, "Market data farm connection is OK:usfarm")
        await until(line, Link.READY)
        assert (line.epoch, line.streams) == (1, 2)


async def test_farms_that_are_broken_are_named_until_they_are_well() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        gateway.broadcast_error(2103, "Market data farm connection is broken:usfarm")
        await line.read("", lambda ib: ib.reqCurrentTimeAsync())
        assert line.farms_down == ("usfarm",)
        gateway.broadcast_error(2104, "Market data farm connection is OK:usfarm")
        await line.read("", lambda ib: ib.reqCurrentTimeAsync())
        assert line.farms_down == ()


async def test_a_listener_that_fails_keeps_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    records: list[WireRecord] = []

    def fail(record: WireRecord) -> None:
        raise ZeroDivisionError

    async with FakeGateway() as gateway:
        line = new_line(gateway.port)
        line.listen(fail)
        line.on_link(lambda link, note: fail(records[0]))
        line.listen(records.append)
        async with line:
            await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting()))
            await line.read(OPEN_ORDERS, all_open)
            assert line.ib.openOrders()
    assert records
    assert "a listener failed" in caplog.text


async def test_what_was_sent_last_leaves_before_the_line_is_closed() -> None:
    async with FakeGateway() as gateway:
        async with line_to(gateway.port) as line:
            await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting()))
        await arrived(gateway, "placeOrder")
        assert line.link is Link.DOWN
        with pytest.raises(Refused):
            await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, Order()))


async def test_what_is_sent_in_the_moment_in_which_the_socket_closes_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        monkeypatch.setattr(line.ib.client, "_apiReady", False)
        with pytest.raises(Refused) as caught:
            await line.send(Lane.ORDER, lambda ib: ib.client.getReqId())
        assert caught.value.refusal.code == "BROKER_NOT_READY"
