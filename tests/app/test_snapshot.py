"""What a screen is given to show: notices from before it came, and how far limits are used up."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.events import Notice
from cockpit.model.text import safe
from cockpit.operator.feed import Feed
from tests.app.opened import call, cockpit, done


async def test_limits_tell_what_is_used_of_each_connection_and_each_client(tmp_path: Path) -> None:
    async with cockpit(tmp_path) as opened:
        made: Any = await done(opened, "key.create", name="claude", scope="read:market write:orders")
        await call(
            opened,
            made["key"],
            "place_order",
            symbol="ALFA",
            side="buy",
            quantity=2,
            order_type="market",
            idempotency_key="snapshot-0001",
        )
        await done(opened, "positions")
        uses = {(one.connection, str(one.client), one.name): one for one in opened.face.snapshot().limits}
        assert uses["paper", "claude", "max_daily_orders"].used == 1
        assert uses["paper", "", "connection_daily_orders"].used == 1
        assert uses["paper", "", "max_open_orders"].used == 1
        assert uses["paper", "", "max_position"].limit == Decimal(10_000)
        assert uses["paper", "claude", "max_daily_notional"].used > 0
        assert ("paper", "", "max_daily_orders") not in uses


RULE = "[[approval.rules]]\nname = 'small'\ndo = '{}'\n[approval.rules.when]\nmax_notional = 100\n"


@pytest.mark.parametrize(
    ("settings", "matters"),
    [
        ("", False),
        (RULE.format("ask"), False),
        (RULE.format("approve"), True),
        ("[approval]\non_operator_lost = 'halt'\n", True),
    ],
)
async def test_presence_matters_where_a_rule_approves_or_a_halt_follows(
    tmp_path: Path, settings: str, matters: bool
) -> None:
    (tmp_path / "cockpit.toml").write_text(settings)
    async with cockpit(tmp_path / "data", tmp_path / "cockpit.toml") as opened:
        presence = opened.face.snapshot().presence
        assert presence is not None
        assert presence.matters is matters


def test_a_face_that_comes_later_finds_the_newest_hundred_notices() -> None:
    feed = Feed()
    at = datetime(2026, 1, 2, tzinfo=UTC)
    for number in range(120):
        feed.publish(Notice(at, safe(str(number)), True))
    assert [one.text for one in feed.notices] == [str(number) for number in range(20, 120)]
