"""Sessions of the real client: connecting, accounts, several clients, restarts, and what breaks none of it."""

from __future__ import annotations

import asyncio
import struct
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ib_async import IB

from tests.gateway import FakeGateway, faults
from tests.gateway.clients import connected, order, status, stock, until
from tests.gateway.fixtures import gateway as gateway
from tests.gateway.server import Meter
from tests.gateway.wire import enclose, frame

ACCOUNT = "DU1234567"


async def test_the_client_connects_and_syncs(gateway: FakeGateway) -> None:
    async with connected(gateway) as ib:
        assert ib.managedAccounts() == [ACCOUNT]
        assert ib.client.serverVersion() == 178
        assert {one.tag: one.value for one in ib.accountValues(ACCOUNT)}["NetLiquidation"] == "1000000.00"
        assert ib.positions() == []
        assert abs((datetime.now(UTC) - await ib.reqCurrentTimeAsync()).total_seconds()) < 2


async def test_positions_portfolio_and_values_are_told_at_the_start_and_follow_each_fill(gateway: FakeGateway) -> None:
    listing = gateway.world.one("ALFA")
    gateway.world.set("ALFA", "109.99", "110.01", "110")
    gateway.book.holdings.put(ACCOUNT, listing, Decimal(100), Decimal(90))
    async with connected(gateway) as ib:
        (held,) = ib.positions()
        assert (held.contract.conId, held.position, held.avgCost) == (listing.con_id, 100, 90)
        (item,) = ib.portfolio(ACCOUNT)
        assert (item.marketValue, item.unrealizedPNL) == (11000, 2000)
        ib.placeOrder(stock(gateway), order("SELL", 40))
        await until(ib.updatePortfolioEvent, lambda: [one.position for one in ib.portfolio(ACCOUNT)] == [60])
        (item,) = ib.portfolio(ACCOUNT)
        assert item.realizedPNL == pytest.approx(40 * 19.99)
        assert [one.position for one in ib.positions()] == [60]
        cash = f"{1_000_000 + 40 * Decimal('109.99') - 1:.2f}"
        await until(
            ib.accountValueEvent,
            lambda: {one.tag: one.value for one in ib.accountValues() if one.currency == "USD"}["CashBalance"] == cash,
        )


async def test_a_third_account_summary_is_refused(gateway: FakeGateway) -> None:
    async with connected(gateway) as ib:
        summary = {one.tag: one.value for one in await ib.accountSummaryAsync()}
        assert summary["AccountType"] == "INDIVIDUAL"
        assert Decimal(summary["BuyingPower"]) == 4_000_000
        codes: list[int] = []
        ib.errorEvent += lambda _, code, *__: codes.append(code)
        for request in (901, 902):
            ib.client.reqAccountSummary(request, "All", "NetLiquidation")
        await until(ib.errorEvent, lambda: codes == [322])


async def test_every_account_has_its_own_values_and_orders_need_one() -> None:
    async with FakeGateway(accounts=("DU1", "DU2")) as g:
        g.book.holdings.cash["DU2"]["USD"] = Decimal(5)
        async with connected(g, account="DU2") as ib:
            net = {(one.account, one.tag): one.value for one in ib.accountValues()}
            assert (net["DU1", "TotalCashValue"], net["DU2", "TotalCashValue"]) == ("1000000.00", "5.00")
            codes: list[int] = []
            ib.errorEvent += lambda _, code, *__: codes.append(code)
            ib.placeOrder(stock(g), order("BUY", 1))
            await until(ib.errorEvent, lambda: codes == [435])
            ib.placeOrder(stock(g), order("BUY", 1, account="DU9"))
            await until(ib.errorEvent, lambda: codes == [435, 321])


async def test_an_id_that_is_in_use_is_refused_until_its_client_has_gone(gateway: FakeGateway) -> None:
    async with connected(gateway, 17):
        second = IB()
        codes: list[int] = []
        second.errorEvent += lambda _, code, *__: codes.append(code)
        with pytest.raises(TimeoutError):
            await second.connectAsync("127.0.0.1", gateway.port, clientId=17, timeout=0.2)
        assert codes == [326]
    async with connected(gateway, 17) as again:
        assert again.isConnected()


async def test_where_the_api_is_read_only_orders_are_refused_and_open_ones_not_told() -> None:
    async with FakeGateway(read_only=True) as g:
        ib = IB()
        with pytest.raises(ConnectionError, match="open orders request timed out"):
            await ib.connectAsync("127.0.0.1", g.port, clientId=1, timeout=0.2, raiseSyncErrors=True)
        await ib.connectAsync("127.0.0.1", g.port, clientId=1, timeout=2, readonly=True, raiseSyncErrors=True)
        codes: list[int] = []
        ib.errorEvent += lambda _, code, *__: codes.append(code)
        trade = ib.placeOrder(stock(g), order("BUY", 1))
        await until(ib.errorEvent, lambda: codes == [321])
        ib.cancelOrder(trade.order)
        await until(ib.errorEvent, lambda: codes == [321, 321])
        assert not g.book.orders
        ib.disconnect()


async def test_more_messages_in_a_second_than_allowed_end_the_session_with_error_100(gateway: FakeGateway) -> None:
    async with connected(gateway) as ib:
        codes: list[int] = []
        ib.errorEvent += lambda _, code, *__: codes.append(code)
        ib.client.MaxRequests = 0
        for _ in range(60):
            ib.client.reqCurrentTime()
        await until(ib.disconnectedEvent, lambda: not ib.isConnected())
        assert codes == [100]
        assert gateway.most_in_a_second(17) == 51
        assert len(gateway.named("reqCurrentTime")) < 51


def test_a_meter_counts_in_a_sliding_second() -> None:
    meter = Meter()
    for at in (0.0, 0.5, 0.9, 1.2, 1.45, 3.0):
        meter.add(at)
    assert (meter.peak, meter.count) == (4, 6)


async def test_what_was_seen_has_its_time_client_and_name(gateway: FakeGateway) -> None:
    async with connected(gateway, 5) as ib:
        await ib.reqCurrentTimeAsync()
    (start,) = gateway.named("startApi")
    (asked,) = gateway.named("reqCurrentTime", 5)
    assert (start.client_id, asked.client_id) == (-1, 5)
    assert start.at < asked.at
    assert asked.fields == ["49", "1"]


async def test_a_restart_keeps_orders_and_may_give_ids_out_again(gateway: FakeGateway) -> None:
    ib = IB()
    await ib.connectAsync("127.0.0.1", gateway.port, clientId=17, timeout=2)
    trades = [
        await status(ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=1, orderRef=f"ck:{n}")), "Submitted")
        for n in range(3)
    ]
    gone = asyncio.Event()
    ib.disconnectedEvent += gone.set
    await gateway.down()
    await gone.wait()
    with pytest.raises(ConnectionRefusedError):
        await ib.connectAsync("127.0.0.1", gateway.port, clientId=17, timeout=2)
    await gateway.up(ids_back=2)
    await ib.connectAsync("127.0.0.1", gateway.port, clientId=17, timeout=2)
    assert sorted(one.order.orderRef for one in ib.openTrades()) == ["ck:0", "ck:1", "ck:2"]
    assert gateway.book.next_id(17) == trades[1].order.orderId
    ib.disconnect()


async def test_an_id_given_out_again_belongs_to_two_orders(gateway: FakeGateway) -> None:
    async with connected(gateway) as ib:
        first = ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=1, orderRef="ck:first"))
        await status(first, "Submitted")
    await gateway.restart(ids_back=1)
    ib = IB()
    await ib.connectAsync("127.0.0.1", gateway.port, clientId=17, timeout=2, readonly=True)
    again = order("BUY", 1, "LMT", lmtPrice=2, orderRef="ck:second", orderId=first.order.orderId)
    await status(ib.placeOrder(stock(gateway), again), "Submitted")
    assert gateway.book.order("ck:first").perm_id != gateway.book.order("ck:second").perm_id
    assert not gateway.book.order("ck:first").done
    ib.disconnect()


async def test_a_gateway_that_hangs_answers_nothing_until_it_wakes(gateway: FakeGateway) -> None:
    async with connected(gateway) as ib:
        gateway.hang()
        asked = asyncio.ensure_future(ib.reqCurrentTimeAsync())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asked), 0.05)
        assert ib.isConnected()
        gateway.wake()
        assert await asked


@pytest.mark.parametrize(
    "bad",
    [frame(3, 1, "x"), frame(3), frame(1), frame("what"), frame(""), frame(9999, 1), frame(76, 1), frame(7, 3, 1), b"\0\0\0\0",
     frame(3, *["x"] * 110), frame(4, 1, "x", ""), frame(62, 1), frame(6, 2), frame(86, 1, "x"), b"\0\0\0\2\xff\0"],
)  # fmt: skip
async def test_a_session_lives_on_after_a_message_that_makes_no_sense(gateway: FakeGateway, bad: bytes) -> None:
    async with connected(gateway) as ib:
        ib.client.conn.sendMsg(bad)
        assert await ib.reqCurrentTimeAsync()
    assert not gateway.book.orders


@pytest.mark.parametrize(
    "bad",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"API\0" + enclose(b"nonsense"),
        b"API\0" + enclose(b"v10..20"),
        b"API\0\xff\xff\xff\xff",
    ],
)
async def test_who_does_not_speak_the_protocol_is_let_go(gateway: FakeGateway, bad: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(bad)
    await asyncio.wait_for(reader.read(), 2)
    assert reader.at_eof()
    writer.close()


async def test_a_frame_longer_than_any_message_ends_the_session(gateway: FakeGateway) -> None:
    async with connected(gateway) as ib:
        ib.client.conn.sendMsg(struct.pack(">I", 0x7FFFFFFF))
        await until(ib.disconnectedEvent, lambda: not ib.isConnected())


async def test_nothing_is_answered_before_a_client_has_told_its_id(gateway: FakeGateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"API\0" + enclose(b"v157..178") + frame(16, 1))
    said = await asyncio.wait_for(reader.readuntil(b"Not connected\0\0"), 2)
    assert b"\x00504\x00" in said
    writer.close()


async def test_after_a_cut_frames_that_have_arrived_already_are_lost(gateway: FakeGateway) -> None:
    async with connected(gateway) as ib:
        gateway.once("placeOrder", faults.drop_before_accept, when=lambda _, fields: "ck:2" in fields)
        for number in (1, 2, 3):
            ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=1, orderRef=f"ck:{number}"))
        await until(ib.disconnectedEvent, lambda: not ib.isConnected())
    assert [one.reference for one in gateway.book.orders.values()] == ["ck:1"]
