"""What the operator must not overlook: latches, limits, unknown orders, notices, and that he counts as away."""

from dataclasses import replace

import pytest

from cockpit.model.events import Notice
from cockpit.model.orders import OrderState
from cockpit.model.screen import ScreenSettings
from cockpit.model.text import safe
from cockpit.model.trading import Mode
from tests.tui.fake_face import (
    LATCHES,
    NOW,
    away,
    busy_face,
    call,
    changed,
    connection,
    order,
    order_ticket,
    troubled_face,
)
from tests.tui.screens import Seat, seated

CODEX = "o-01JQ0000000000000000000001"
LOST = "o-01JQ0000000000000000000008"
READ_ONLY = ScreenSettings(read_only=True)


async def test_a_latch_is_released_with_r_and_then_y_and_names_what_it_was_set_for() -> None:
    async with seated(troubled_face()) as seat:
        await seat.press("l", "j", "r")
        assert "RELEASE  reject rate of codex-cli, latched because: the broker rejected" in seat.text
        assert seat.sent == []
        await seat.press("y")
        assert seat.sent == [("latch.release", {"latch": "reject_rate:codex-cli"})]


async def test_a_latch_that_is_released_meanwhile_closes_its_question() -> None:
    async with seated(troubled_face()) as seat:
        await seat.press("l", "r")
        seat.face.show(latches=LATCHES[1:])
        await seat.settle()
        assert "released already" in seat.text
        await seat.press("y")
        assert seat.sent == []


async def test_limits_show_how_far_they_are_used_up() -> None:
    async with seated(troubled_face(), (100, 30)) as seat:
        await seat.press("l")
        loss = next(row for row in seat.rows() if "loss today" in row)
        assert "$5,312 / $5,213" in loss
        assert "102%" in loss


async def test_setting_a_limit_is_instant_and_raising_one_is_asked() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":limits set paper max_notional 500")
        await seat.press("enter")
        assert seat.sent == [("limits.set", {"name": "paper", "limit": "max_notional", "value": "500"})]
        await seat.type(":limits set paper max_notional 9000 --raise")
        await seat.press("enter")
        assert "LIMITS SET" in seat.text
        assert len(seat.sent) == 1
        await seat.press("y")
        assert seat.sent[1][1] == {"name": "paper", "limit": "max_notional", "value": "9000", "raise": "yes"}


async def test_an_unknown_order_is_told_in_the_status_stands_on_top_and_is_resolved_by_a_typed_line() -> None:
    async with seated(troubled_face()) as seat:
        assert "! 1 UNKNOWN o" in seat.rows()[0]
        await seat.press("o")
        assert "! unknown" in seat.rows()[3]
        assert ":reconcile" in seat.text
        await seat.press("r")
        assert f":  resolve {LOST}" in seat.rows()[22]
        await seat.type("cancelled")
        await seat.press("enter")
        assert seat.sent == []
        await seat.press("y")
        assert seat.sent == [("order.resolve", {"order_id": LOST, "state": "cancelled"})]


async def test_a_bad_notice_stays_in_the_status_until_the_notices_are_read() -> None:
    async with seated(troubled_face()) as seat:
        assert "!1 n" in seat.rows()[0]
        await seat.press("n")
        assert "An order is unknown" in seat.text
        assert "13:59:31" in seat.text
        assert "!1 n" not in seat.rows()[0]
        await seat.press("escape")
        newer = Notice(NOW, safe("The database can't be written: disk full"), True)
        seat.face.show(notices=(*seat.face.seen.notices, newer))
        await seat.settle()
        assert "!1 n" in seat.rows()[0]


@pytest.mark.parametrize("mode", list(Mode))
async def test_whose_money_it_is_stays_in_the_status_beside_every_mark(mode: Mode) -> None:
    face = away(troubled_face())
    face.seen = replace(face.seen, connections=(connection("main", mode),))
    async with seated(face) as seat:
        status = seat.rows()[0]
        assert ("LIVE MONEY" if mode is Mode.LIVE else "PAPER") in status
        for part in ("1 UNKNOWN o", "2 l", "1 n", "AWAY", "14:02:31"):
            assert part in status


async def test_a_key_press_is_told_to_the_host_at_most_once_a_second() -> None:
    async with seated(busy_face()) as seat:
        assert seat.face.screens == 1
        await seat.press("j", "k", "j", after=0.3)
        assert seat.face.touches == 1
        await seat.press("k", after=1.0)
        assert seat.face.touches == 2
    assert seat.face.screens == 0


async def test_being_away_is_told_with_what_follows_from_it() -> None:
    async with seated(away(busy_face())) as seat:
        assert " AWAY " in seat.rows()[0]
        assert "rules approve nothing until a key is pressed" in seat.text
        seat.face.seen = replace(away(seat.face, rules_approve=True).seen, version=9)
        await seat.settle()
        assert "rules approve by themselves all the same" in seat.text


async def test_being_away_is_no_news_where_nothing_hangs_on_it() -> None:
    face = away(busy_face())
    assert face.seen.presence is not None
    face.seen = replace(face.seen, presence=replace(face.seen.presence, matters=False))
    async with seated(face) as seat:
        assert "AWAY" not in seat.rows()[0]
        assert "count as away" not in seat.text


async def test_an_order_is_rejected_with_a_reason_that_is_typed() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("D")
        assert "WHY NOT SELL 20 NOVA MKT DAY" in seat.text
        await seat.type("too big")
        assert seat.sent == []
        await seat.press("enter")
        assert seat.sent == [("order.deny", {"order_id": CODEX, "reason": "too big"})]


async def test_a_reason_goes_to_the_order_that_it_was_begun_for_or_nowhere() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("D")
        seat.face.show(pending_orders=seat.face.seen.pending_orders[1:])
        await seat.settle()
        await seat.type("too big")
        await seat.press("enter")
        assert seat.sent == []
        assert "no longer waits" in seat.text


async def after(seat: Seat, state: OrderState) -> None:
    waiting = seat.face.seen.pending_orders[0]
    newer = replace(waiting.order, version=3, state=state, decide_by=None)
    seat.face.show(pending_orders=seat.face.seen.pending_orders[1:], orders=(newer,))
    await seat.pilot.pause(0.1)


async def test_an_open_ticket_shows_at_once_that_its_order_was_sent() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("enter")
        assert "◷ waits" in seat.text
        await after(seat, OrderState.WORKING)
        assert "● working" in seat.text
        assert "a approve" not in seat.rows()[-1]


async def test_an_open_ticket_is_looked_at_anew_at_once_when_its_order_changes() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("enter")
        waiting = seat.face.seen.pending_orders[0]
        newer = order_ticket(replace(waiting, order=replace(waiting.order, version=3)))
        seat.face.order_tickets[waiting.order.order_id] = newer
        changed(seat.face, waiting)
        await seat.pilot.pause(0.1)
        seat.face.show(orders=(newer.order,))
        await seat.pilot.pause(0.1)
        assert " v3" in seat.rows()[1]


async def test_a_call_that_a_snapshot_brings_before_its_event_is_drawn_all_the_same() -> None:
    async with seated(busy_face()) as seat:
        fresh = replace(call(100), summary=safe("SEEN AT ONCE"))
        seat.face.seen = replace(seat.face.seen, recent=(*seat.face.seen.recent, fresh))
        await seat.settle()
        assert "SEEN AT ONCE" in seat.text


async def test_the_chosen_row_counts_its_last_ten_seconds_in_tenths() -> None:
    async with seated(busy_face()) as seat:
        seat.clock.pass_by(4.7)
        seat.app.quarter_passed()
        await seat.pilot.pause()
        assert "9.3 s" in seat.rows()[2]
        seat.clock.pass_by(0.2)
        seat.app.quarter_passed()
        await seat.pilot.pause()
        assert "9.1 s" in seat.rows()[2]


@pytest.mark.parametrize(
    "keys",
    [("a", "y"), ("d",), ("D",), ("e",), ("ctrl+k",), ("c", "x"), ("c", "s"), ("o", "x"), ("j", "enter"), ("l", "r")],
)
async def test_a_read_only_screen_offers_and_sends_nothing_that_changes_anything(keys: tuple[str, ...]) -> None:
    async with seated(troubled_face(), settings=READ_ONLY) as seat:
        await seat.press(*keys)
        assert seat.sent == []
        assert seat.rows()[-1].startswith(" READ-ONLY ")
        assert "KILL" not in seat.rows()[-1]
        assert seat.app.state.entry is None
        assert seat.app.state.question is None


async def test_a_read_only_screen_refuses_commands_that_change_and_takes_the_others() -> None:
    async with seated(busy_face(), settings=READ_ONLY) as seat:
        for line in (":halt", f":approve-order {CODEX}", ":approve KWMRTB", ":limits"):
            await seat.type(line)
            await seat.press("enter")
        assert [command.act for command in seat.face.commands] == ["limits"]


async def test_a_list_of_orders_has_room_for_unknown_ones_of_any_number() -> None:
    face = busy_face()
    lost = tuple(order(30 + n, "claude", f"buy {n + 1} ALFA", state=OrderState.UNKNOWN) for n in range(40))
    face.seen = replace(face.seen, orders=lost)
    async with seated(face) as seat:
        await seat.press("o", "G")
        assert "! 40 unknown" in seat.rows()[1]
        assert "BUY 40 ALFA" in seat.text
