"""One account has one connection: what one of two sends would be counted on neither by the other."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.model.identity import Scope, scope_text
from cockpit.model.trading import Link
from cockpit.operator.view import ConnectionView
from tests.gateway import FakeGateway
from tests.ibkr.cockpits import CLIENT_ID, CONNECTION, TRUSTED, Within, settings_of, within

ACCOUNT = "DU1234567"
OTHER = "other"
TEN = {"side": "sell", "quantity": 10, "limit_price": "420"}


@pytest.fixture(autouse=True)
def _ten_held(gateway: FakeGateway) -> None:
    gateway.book.holdings.put(ACCOUNT, gateway.world.one("ALFA"), Decimal(10), Decimal(400))


def _second(port: int, *, account: str = "") -> str:
    return f"""
[connections.{OTHER}]
broker = "ibkr"
account = "{account}"
[connections.{OTHER}.policy]
max_quote_age_seconds = 3600
[connections.{OTHER}.ibkr]
port = {port}
client_id = {CLIENT_ID + 1}
hours_of = "ALFA"
connect_seconds = 3
request_seconds = 1.5
"""


def _shown(cockpit: Within) -> dict[str, ConnectionView]:
    return {one.name: one for one in cockpit.cockpit.face.snapshot().connections}


@pytest.mark.parametrize(("named", "has_it", "has_none"), [("", CONNECTION, OTHER), (ACCOUNT, OTHER, CONNECTION)])
async def test_of_two_connections_on_one_account_one_stays_down_and_names_the_other(
    gateway: FakeGateway, tmp_path: Path, named: str, has_it: str, has_none: str
) -> None:
    settings = settings_of(gateway.port) + _second(gateway.port, account=named)
    async with within(tmp_path / "data", settings) as cockpit:
        shown = _shown(cockpit)
        assert (shown[has_it].link, shown[has_none].link) == (Link.READY, Link.DOWN)
        assert f"account DU…567 belongs to the connection {has_it}" in shown[has_none].note


async def test_what_is_held_is_sold_once_however_many_connections_have_its_account(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port) + _second(gateway.port)) as cockpit:
        key = await cockpit.key()
        await cockpit.do("reduce")
        first = await cockpit.place(key, **TEN)
        assert first.get("state") == "working", first
        await cockpit.do("client.route", client=TRUSTED, connection=OTHER)
        second = await cockpit.place(key, "another-order", **TEN)
        assert second["code"] == "BROKER_NOT_READY", second
        assert len(gateway.book.live()) == 1


async def test_what_another_connection_sent_before_counts_on_the_one_that_has_the_account_now(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
        placed = await cockpit.place(await cockpit.key(), **TEN)
        assert placed.get("state") == "working", placed
    renamed = settings_of(gateway.port).replace(f"[connections.{CONNECTION}", f"[connections.{OTHER}")
    async with within(tmp_path / "data", renamed) as cockpit:
        scopes = scope_text(frozenset(Scope))
        made = await cockpit.do("key.create", name="somebody", connection=OTHER, scope=scopes)
        await cockpit.do("reduce")
        refused = await cockpit.place(made["key"], "another-order", **TEN)
        assert refused["code"] == "REDUCE_ONLY", refused
        assert len(gateway.book.live()) == 1
