import tomllib
from dataclasses import replace
from decimal import Decimal

import pytest

from cockpit.model.identity import ClientName
from cockpit.settings.approval import ApprovalSettings, Do
from tests.tui.fake_face import busy_face, busy_snapshot, order_ticket
from tests.tui.screens import seated
from tui.rule_proposal import proposal

SELL, BUY = busy_snapshot().pending_orders


def read(block: tuple[str, ...]) -> ApprovalSettings:
    return ApprovalSettings.model_validate(tomllib.loads("\n".join(block))["approval"])


@pytest.mark.parametrize("name", ["claude", "Night Batch 2", "0.-", "ünïcode", "x" * 40])
def test_the_block_is_a_rule_that_the_settings_take_and_no_wider_than_the_order(name: str) -> None:
    order = replace(BUY.order, client=ClientName(name if name.isascii() else "u"))
    (rule,) = read(proposal(order, order_ticket(BUY), Decimal("41230.01"))).rules
    assert rule.do is Do.APPROVE
    assert rule.when.clients == (order.client,)
    assert rule.when.connections == ("paper",)
    assert rule.when.symbols == ("ALFA",)
    assert [side.value for side in rule.when.sides] == ["buy"]
    assert [kind.value for kind in rule.when.order_types] == ["limit"]
    assert rule.when.max_notional == 41231
    assert not rule.when.reducing


def test_an_order_that_reduces_proposes_a_rule_for_reducing_alone() -> None:
    ticket = replace(order_ticket(SELL), adds_risk=False)
    (rule,) = read(proposal(SELL.order, ticket, Decimal(3610))).rules
    assert rule.when.reducing


async def test_the_proposal_changes_nothing_and_copies_only_the_block() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("j", "j", "enter", "A")
        assert "[[approval.rules]]" in seat.text
        assert "open or enlarge" in seat.text
        await seat.press("Y")
        assert seat.sent == []
        (rule,) = read(tuple(seat.app.clipboard.splitlines())).rules
        assert rule.name == "claude-buy-alfa"
        assert "clipboard: 11 rows" in seat.text


async def test_without_an_order_at_hand_it_says_what_to_do() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":always")
        await seat.press("enter")
        assert "approval.rules" in seat.text  # the queue's chosen order
        await seat.press("escape", "c")
        await seat.type(":always")
        await seat.press("enter")
        assert "Choose an order first" in seat.text
