"""How a line comes up, why it doesn't, and how it comes back."""

from __future__ import annotations

import asyncio
import logging

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.backoff import jittered
from cockpit.brokers.ibkr.budget import Budget
from cockpit.brokers.ibkr.line import OPEN_ORDERS, Lane, ReadOnlyApi
from cockpit.brokers.ibkr.session import Session
from cockpit.brokers.ibkr.turns import Turns
from cockpit.brokers.ibkr.wire import WireLink, WireRecord, WireStatus
from cockpit.model.clock import SystemClock
from cockpit.model.refusals import Refused, refuse
from cockpit.model.trading import Link, Mode
from cockpit.settings.ibkr import IbkrSettings
from tests.brokers.ibkr.lines import ALFA, line_to, new_line, resting, until
from tests.gateway import FakeGateway, faults


async def test_a_line_is_ready_once_the_account_answers() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        assert (line.link, line.account, line.accounts, line.epoch) == (
            Link.READY, "DU1234567", ("DU1234567",), 1,
        )  # fmt: skip
        assert line.server_version == 178
        assert line.latency_ms is not None
        assert [position.account for position in line.ib.positions()] == ["DU1234567" for _ in line.ib.positions()]
        assert line.ib.accountValues("DU1234567")


async def test_entering_does_not_wait_where_nothing_listens_and_the_line_comes_up_later() -> None:
    async with FakeGateway() as gateway:
        await gateway.down()
        async with line_to(gateway.port) as line:
            assert line.link is Link.DOWN
            assert "nothing listens at 127.0.0.1" in line.note
            with pytest.raises(BrokerUnavailable, match="nothing listens"):
                await line.read("", lambda ib: ib.reqCurrentTimeAsync())
            with pytest.raises(Refused) as refused:
                await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting()))
            assert refused.value.refusal.code == "BROKER_NOT_READY"
            await gateway.up()
            await until(line, Link.READY)


async def test_a_client_number_that_is_in_use_is_named_at_once() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as first:
        assert first.link is Link.READY
        before = asyncio.get_running_loop().time()
        async with line_to(gateway.port) as second:
            assert asyncio.get_running_loop().time() - before < 1
            assert second.link is Link.DOWN
            assert "client number is in use" in second.note
            assert "326" in second.note


@pytest.mark.parametrize(
    ("accounts", "wanted", "mode", "said"),
    [
        (("U1234567",), "", Mode.PAPER, "MODE_MISMATCH: account U…567 is a live account"),
        (("DU1234567",), "", Mode.LIVE, "MODE_MISMATCH: account DU…567 is a paper account"),
        (("DU1234567",), "DU7654321", Mode.PAPER, "the settings name account DU…321, and TWS reports DU…567"),
        (("DU1234567", "DU1234568"), "", Mode.PAPER, "name the connection's account in the settings"),
    ],
)
async def test_a_wrong_account_is_never_ready(accounts: tuple[str, ...], wanted: str, mode: Mode, said: str) -> None:
    seen: list[Link] = []
    async with FakeGateway(accounts=accounts) as gateway:
        line = new_line(gateway.port, account=wanted, mode=mode)
        line.on_link(lambda link, note: seen.append(link))
        async with line:
            assert line.link is Link.DOWN
            assert said in line.note
    assert Link.READY not in seen
    assert gateway.named("reqPositions") == []


async def test_one_of_several_accounts_is_taken_where_the_settings_name_it() -> None:
    accounts = ("DU1234567", "DU1234568")
    async with FakeGateway(accounts=accounts) as gateway, line_to(gateway.port, account="DU1234568") as line:
        assert (line.link, line.account) == (Link.READY, "DU1234568")


async def test_a_read_only_api_is_named_and_takes_no_orders() -> None:
    async with FakeGateway(read_only=True) as gateway, line_to(gateway.port) as line:
        assert line.link is Link.READY
        assert line.read_only
        assert "Read-Only" in line.note
        with pytest.raises(ReadOnlyApi):
            await line.read(OPEN_ORDERS, lambda ib: ib.reqAllOpenOrdersAsync())
        with pytest.raises(Refused, match="BROKER_NOT_READY"):
            await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting()))
        assert gateway.named("placeOrder") == []


async def test_a_connection_is_made_even_where_reads_have_used_up_their_messages() -> None:
    loop = asyncio.get_running_loop()
    budget = Budget()
    budget.take(35, loop.time())
    async with FakeGateway() as gateway:
        turns = Turns(budget, loop.time)
        session = Session(IbkrSettings(port=gateway.port), 17, SystemClock(), turns, lambda record: None)
        await session.dial()
        await session.probe()
        assert session.accounts == ("DU1234567",)
        session.close()


async def test_work_that_asks_a_read_only_api_for_orders_keeps_the_line() -> None:
    async with FakeGateway(read_only=True) as gateway:
        line = new_line(gateway.port)

        async def work() -> None:
            await line.read(OPEN_ORDERS, lambda ib: ib.reqAllOpenOrdersAsync())

        line.on_up(work)
        async with line:
            assert (line.link, line.epoch) == (Link.READY, 1)


async def test_whoever_else_listens_there_is_not_taken_for_tws() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server, line_to(server.sockets[0].getsockname()[1]) as line:
        assert line.link is Link.DOWN
        assert "isn't the wire of TWS" in line.note


async def test_a_peer_that_takes_the_connection_and_says_nothing_is_given_up() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server, new_line(server.sockets[0].getsockname()[1], settings={"connect_seconds": 1}) as line:
        await until(line, Link.DOWN)
        assert "said nothing for 1 s" in line.note


async def test_a_broken_line_comes_back_with_a_new_epoch_and_all_work_done_before_it_is_ready() -> None:
    done: list[tuple[int, Link]] = []
    async with FakeGateway() as gateway:
        line = new_line(gateway.port)

        async def work() -> None:
            done.append((line.epoch, line.link))

        line.on_up(work)
        async with line:
            old = line.ib
            gateway.cut()
            await until(line, Link.DOWN)
            with pytest.raises(BrokerUnavailable):
                await line.read("", lambda ib: ib.reqCurrentTimeAsync())
            await until(line, Link.READY, epoch=2)
            assert line.ib is not old
    assert done == [(1, Link.CONNECTING), (2, Link.CONNECTING)]


async def test_a_line_whose_work_fails_is_not_ready_and_says_why() -> None:
    async with FakeGateway() as gateway:
        line = new_line(gateway.port)
        answers = iter((BrokerUnavailable("books missing"), Refused(refuse("BUSY", "No room.")), None))

        async def work() -> None:
            if problem := next(answers, None):
                raise problem

        line.on_up(work)
        notes: list[tuple[Link, str]] = []
        line.on_link(lambda link, note: notes.append((link, note)))
        async with line:
            await until(line, Link.READY)
    down = [note for link, note in notes if link is Link.DOWN]
    assert down == ["books missing", "No room."]


async def test_work_that_breaks_unforeseen_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async with FakeGateway() as gateway:
        line = new_line(gateway.port)
        first = iter((True,))

        async def work() -> None:
            if next(first, False):
                raise ZeroDivisionError

        line.on_up(work)
        async with line:
            await until(line, Link.READY)
    assert "ZeroDivisionError" in caplog.text


async def test_a_line_that_falls_silent_is_made_anew() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port, probe_seconds=1) as line:
        notes: list[str] = []
        line.on_link(lambda link, note: notes.append(note) if link is Link.DOWN else None)
        gateway.once("reqCurrentTime", faults.mute, when=lambda session, _: session.client_id == 17)
        await until(line, Link.READY, epoch=2)
        assert notes[0].startswith("nothing came for")


async def test_an_answer_that_breaks_off_in_the_middle_is_no_answer() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        gateway.once("reqAllOpenOrders", faults.half_frame)
        with pytest.raises(BrokerUnavailable, match="the line"):
            await line.read(OPEN_ORDERS, lambda ib: ib.reqAllOpenOrdersAsync())
        await until(line, Link.READY, epoch=2)
        assert await line.read(OPEN_ORDERS, lambda ib: ib.reqAllOpenOrdersAsync()) == []


async def test_numbers_that_a_gateway_gives_out_twice_are_not_confused() -> None:
    records: list[WireRecord] = []
    async with FakeGateway() as gateway:
        line = new_line(gateway.port)
        line.listen(records.append)
        async with line:
            first = await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting("ck:before")))
            await gateway.restart(ids_back=3)
            await until(line, Link.READY, epoch=2)
            records.clear()
            again = await line.send(
                Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting("ck:after", first.order.orderId))
            )
            assert again.order.orderId == first.order.orderId
            async with asyncio.timeout(2):
                while not any(isinstance(one, WireStatus) for one in records):
                    await asyncio.sleep(0.005)
    told = [one.order_ref for one in records if isinstance(one, WireStatus)]
    assert "ck:before" not in told


async def test_a_gateway_that_moves_its_port_is_left() -> None:
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        notes: list[str] = []
        line.on_link(lambda link, note: notes.append(note) if link is Link.DOWN else None)
        gateway.broadcast_error(1300, "TWS socket port has been reset and this connection is being dropped.")
        await until(line, Link.READY, epoch=2)
        assert "TWS moved its API to another port" in notes[0]


async def test_too_many_messages_are_named_as_the_cause() -> None:
    async with FakeGateway(messages_per_second=3) as gateway, line_to(gateway.port) as line:
        assert line.link is Link.DOWN
        assert "too many messages came within a second" in line.note


async def test_the_state_of_the_line_comes_in_order_with_what_came_over_it() -> None:
    records: list[WireRecord] = []
    async with FakeGateway() as gateway:
        line = new_line(gateway.port)
        line.listen(records.append)
        async with line:
            gateway.lost()
            await until(line, Link.DEGRADED)
    links = [one.link for one in records if isinstance(one, WireLink)]
    assert links == [Link.CONNECTING, Link.READY, Link.DEGRADED]


async def test_no_log_line_bears_an_account_number_in_full(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with FakeGateway() as gateway, line_to(gateway.port) as line:
        await line.send(Lane.ORDER, lambda ib: ib.placeOrder(ALFA, resting()))
        await line.read(OPEN_ORDERS, lambda ib: ib.reqAllOpenOrdersAsync())
        gateway.broadcast_error(321, "Account DU1234567 is not allowed to do that.")
        gateway.cut()
        await until(line, Link.READY, epoch=2)
    assert "DU…567" in caplog.text
    assert "1234567" not in "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("tests.")
    )


def test_attempts_come_ever_less_often_and_never_in_step() -> None:
    from random import Random

    wait = jittered(Random(1))
    for failed, most in enumerate([1, 2, 4, 8, 16, 32, 60, 60, 60], start=1):
        assert most * 0.75 <= wait(failed) <= most
    assert wait(10_000) <= 60
    assert len({wait(1) for _ in range(20)}) > 10
