"""Why a broker takes no order, in the words that clients and the operator read; and that real money needs somebody's word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cockpit.desk.connections import Connection
from cockpit.desk.last_look import LastLook, unready
from cockpit.model.text import safe
from cockpit.model.trading import Link, Mode
from tests.desk.desks import Desk, open_desk


def reporting(desk: Desk, monkeypatch: pytest.MonkeyPatch, **changed: object) -> Connection:
    """Return the connection, whose broker says something else of itself from now on."""
    connection = desk.connections.need("paper")
    status = replace(connection.broker.status(), **changed)  # type: ignore[arg-type]
    monkeypatch.setattr(connection.broker, "status", lambda: status)
    return connection


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"link": Link.DOWN, "note": safe("nothing listens"), "no_orders": "read-only"}, "is down; nothing listens."),
        ({"link": Link.DEGRADED, "note": safe("")}, "is degraded."),
        ({"note": safe("wire 178"), "no_orders": "its API is Read-Only"}, "is ready; its API is Read-Only."),
    ],
)
async def test_it_says_why_no_order_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], says: str
) -> None:
    async with open_desk(tmp_path / "data") as desk:
        assert unready(desk.connections.need("paper")) is None
        refusal = unready(reporting(desk, monkeypatch, **changed))
        assert refusal is not None
        assert (refusal.code, refusal.message) == ("BROKER_NOT_READY", f"The broker's link {says}")


async def test_another_account_or_other_money_is_not_ready_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path / "data") as desk:
        connection = reporting(desk, monkeypatch, mode=Mode.LIVE)
        refusal = unready(connection)
        assert refusal is not None
        assert refusal.code == "MODE_MISMATCH"


async def test_where_nobody_said_that_real_money_may_open_it_may_not(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data") as desk:
        connection = desk.connections.need("paper")
        look = LastLook(desk.grants, desk.switch)
        assert look.unarmed(connection) is None
        real = connection.settings.model_copy(update={"mode": Mode.LIVE})
        refusal = look.unarmed(replace(connection, settings=real))
        assert refusal is not None
        assert refusal.code == "LIVE_DISABLED"
