"""A connection whose name stood for paper money and is real at the next start, in a whole cockpit."""

from __future__ import annotations

from pathlib import Path

from cockpit.model.clock import Clock
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.desk.live_broker import LiveBroker
from tests.ibkr.cockpits import CONNECTION, within

PAPER = f"""
[connections.{CONNECTION}]
broker = "ibkr"
account = "DU7654321"
[connections.{CONNECTION}.ibkr]
port = 4002
"""
REAL = f"""
[connections.{CONNECTION}]
broker = "ibkr"
mode = "live"
account = "U7654321"
trade = true
[connections.{CONNECTION}.ibkr]
port = 4001
[connections.{CONNECTION}.policy]
allowed_symbols = ["ALFA"]
"""


class Account(LiveBroker):
    """An account of the kind and the name that the settings say."""

    def __init__(self, name: str, settings: ConnectionSettings, store: Store, clock: Clock) -> None:
        super().__init__(name, settings, store, clock)
        self.mode, self.reported = settings.mode, settings.account


async def test_a_key_for_paper_money_and_what_it_left_waiting_move_no_real_money(tmp_path: Path) -> None:
    async with within(tmp_path / "data", PAPER, brokers=Account) as cockpit:
        key = await cockpit.key("batch")
        waits = await cockpit.place(key, order_type="market", limit_price=None, time_in_force="day")
        assert waits.get("state") == "pending", waits
    async with within(tmp_path / "data", REAL, brokers=Account) as cockpit:
        assert "batch" in next(one for one in cockpit.notices() if "is real now" in one)
        refused = await cockpit.place(key, "another-order", order_type="market", limit_price=None, time_in_force="day")
        assert refused["code"] == "SCOPE_MISSING"
        voided = await cockpit.call(key, "get_order", order_id=waits["order_id"])
        assert voided["state"] == "refused", voided
        await cockpit.do("client.scopes", client="batch", add="write:orders")
        again = await cockpit.place(key, "another-order", order_type="market", limit_price=None, time_in_force="day")
        assert again["code"] == "LIVE_DISABLED", "given again, it is under all that guards real money"
