"""Orders that look like ours and aren't: of another account of the login, and of another client with our reference."""

from __future__ import annotations

from pathlib import Path

from cockpit.brokers.ibkr.identities import account_of
from cockpit.brokers.ibkr.wire import WireRecord
from cockpit.model.orders import Acknowledged, Cancelled, Executed, OrderRef, Replaced
from tests.brokers.ibkr.trading import Trading, far, trading_at
from tests.brokers.ibkr.trading import trading as trading
from tests.gateway import FakeGateway


async def test_nothing_is_said_of_orders_of_another_account_of_the_login(tmp_path: Path) -> None:
    async with FakeGateway(accounts=("DU1234567", "DU7654321"), open_always=True) as gateway:
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        async with (
            trading_at(gateway, tmp_path / "a", account="DU1234567", client_id=17) as mine,
            trading_at(gateway, tmp_path / "b", account="DU7654321", client_id=18) as theirs,
        ):
            heard: list[WireRecord] = []
            mine.broker._line.listen(heard.append)
            reference = OrderRef("ck:B0000000000000000000000001")
            await theirs.broker.submit(reference, far(10))
            gateway.book.fill(gateway.book.order(reference), 4, "300")
            await theirs.until(lambda: theirs.told(reference, Executed))
            assert await mine.broker.orders() == ()
            assert await mine.broker.orders() == ()
            assert any(account_of(record) == "DU7654321" for record in heard)

            assert mine.facts == []
            assert mine.broker._tracker.life(reference) is None


async def test_an_order_of_another_client_that_bears_our_reference_is_shown_as_theirs(trading: Trading) -> None:
    reference = await trading.rest()
    order = trading.gateway.book.order(reference)
    twin = trading.gateway.book.foreign(
        "ALFA", "SELL", 99, "LMT", "900", client_id=5, order_id=4711, reference=reference
    )
    shown = {one.reference: one for one in await trading.broker.orders()}

    assert not trading.told(reference, Replaced)
    assert shown[reference].request.quantity == 10
    assert shown[OrderRef(f"ib:{twin.perm_id}")].request.quantity == 99
    assert any(reference in notice for notice in trading.notices)
    await trading.broker.cancel(reference)
    await trading.until(lambda: trading.told(reference, Cancelled))
    assert (order.status, twin.status) == ("Cancelled", "Submitted")
    assert trading.of(reference) == [Acknowledged, Cancelled]
