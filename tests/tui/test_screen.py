"""The screen as an operator uses it: keys in, commands and words out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from cockpit.model.identity import ClientName
from cockpit.model.refusals import refuse
from cockpit.model.screen import ScreenSettings
from cockpit.model.text import safe
from cockpit.model.trading import Mode, TradingState, TradingSwitch
from cockpit.operator.act import Done
from tests.tui.fake_face import NOW, busy_face, call, changed, client_ticket, connection, order, pending_client
from tests.tui.screens import seated
from tui.pace import drawn_per_second

CODEX = "o-01JQ0000000000000000000001"
CLAUDE = "o-01JQ0000000000000000000002"


async def test_approving_takes_a_and_then_y_and_names_id_and_version() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("a")
        assert "APPROVE  sell 20 NOVA at market, about $3,610, for codex-cli?" in seat.text
        assert seat.sent == []
        await seat.press("y")
        assert seat.sent == [("order.approve", {"order_id": CODEX, "version": "2"})]
        assert "done: order.approve" in seat.text


async def test_y_counts_only_once_the_question_has_been_readable_for_a_moment() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("a")
        await seat.press("y", after=0.3)
        assert seat.sent == []
        await seat.press("y", after=0.2)
        assert len(seat.sent) == 1


async def test_a_and_y_that_arrive_together_approve_nothing() -> None:
    async with seated(busy_face()) as seat:
        seat.clock.pass_by(5)
        await seat.pilot.press("a", "y")
        await seat.pilot.pause()
        assert seat.sent == []
        assert "APPROVE" in seat.text


@pytest.mark.parametrize("key", ["n", "escape", "q"])
async def test_saying_no_sends_nothing(key: str) -> None:
    async with seated(busy_face()) as seat:
        await seat.press("a", key, "y")
        assert seat.sent == []
        assert "APPROVE" not in seat.text


async def test_denying_is_one_key_also_while_the_question_is_open() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("d")
        await seat.press("j", "j", "a", "d")
        assert seat.sent == [("order.deny", {"order_id": CODEX}), ("order.deny", {"order_id": CLAUDE})]


async def test_the_deny_key_never_hits_another_row_than_the_question_is_about() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(f":approve-order {CLAUDE}")
        await seat.press("enter")
        assert "for claude?" in seat.text
        await seat.press("d")
        assert seat.sent == []


@pytest.mark.parametrize(
    "before", [(), ("a",), ("colon", "h", "a"), ("j", "a", "K"), ("c",), ("question_mark",), ("enter",), ("ctrl+q",)]
)
async def test_kill_is_one_key_from_everywhere(before: tuple[str, ...]) -> None:
    async with seated(busy_face()) as seat:
        await seat.press(*before)
        await seat.press("ctrl+k", after=0)
        assert [act for act, _ in seat.sent] == ["kill"]
        assert "done: kill" in seat.text


async def test_a_chosen_row_that_vanishes_leaves_nothing_chosen_and_its_question_closes() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("a")
        seat.face.show(pending_orders=seat.face.seen.pending_orders[1:])
        await seat.settle()
        assert "no longer waits" in seat.text
        await seat.press("y", "d")
        assert seat.sent == []
        assert "▸" in seat.text  # the key chose a row, and did nothing to it


async def test_an_order_that_changed_while_it_was_asked_about_is_not_approved() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("a")
        changed(seat.face, seat.face.seen.pending_orders[0])
        await seat.settle()
        assert "changed meanwhile" in seat.text
        await seat.press("y")
        assert seat.sent == []


async def test_a_question_closes_when_the_time_to_decide_is_over() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("a")
        seat.clock.pass_by(20)
        await seat.settle()
        assert "time to decide is over" in seat.text
        await seat.press("y")
        assert seat.sent == []


async def test_a_row_that_came_under_the_keys_by_itself_takes_no_act_at_once() -> None:
    face = busy_face()
    orders = face.seen.pending_orders
    face.seen = replace(face.seen, pending_orders=(), pending_clients=())
    async with seated(face) as seat:
        seat.face.show(pending_orders=orders)
        await seat.settle()
        await seat.press("d", after=0)
        assert seat.sent == []
        assert "only just come" in seat.text
        await seat.press("d")
        assert len(seat.sent) == 1


async def test_a_client_is_let_in_by_the_code_that_its_browser_shows() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("j", "a")
        assert "CODE that the browser shows" in seat.text
        await seat.type("kwmrtb")
        await seat.press("enter")
        text = seat.text
        assert "cursor.com" in text
        assert "its own claim" in text
        assert "[✓] read:market" in text
        assert "[ ] write:orders" in text
        await seat.press("a")
        assert "LET IN" in seat.text
        await seat.press("y")
        assert seat.sent == [
            (
                "client.approve",
                {
                    "code": "KWMRTB",
                    "as": "cursor",
                    "scope": "read:market read:account read:orders",
                    "connection": "paper",
                },
            )
        ]
        assert "PENDING" in seat.text


async def test_scopes_and_name_are_chosen_in_the_ticket() -> None:
    face = busy_face()
    face.client_tickets["KWMRTB"] = client_ticket(face.seen.pending_clients[0], ("ibkr", "paper"))
    async with seated(face) as seat:
        await seat.type(":approve KWMRTB")
        await seat.press("enter")
        await seat.press("down", "down", "down", "space")
        assert "[✓] write:orders" in seat.text
        await seat.press("e", "ctrl+u")
        await seat.type("desk")
        await seat.press("enter", "a")
        assert "cursor.com as desk on ibkr: read:market" in seat.text
        assert "LIVE MONEY" in seat.text  # a connection that isn't known counts as real money
        await seat.press("y")
        assert seat.sent[0][1]["scope"] == "read:market read:account read:orders write:orders"
        assert seat.sent[0][1]["as"] == "desk"


async def test_a_wrong_code_is_told_beside_the_line_and_the_line_stays() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("j", "a")
        await seat.type("abcdef")
        await seat.press("enter")
        assert "CODE_UNKNOWN" in seat.text
        assert "CODE that the browser shows" in seat.text
        await seat.press("escape")
        assert seat.sent == []


async def test_a_code_that_is_found_after_the_operator_turned_away_opens_nothing() -> None:
    async with seated(busy_face()) as seat:
        seat.app.errands.look_for_client("KWMRTB")
        seat.app.controls.press("escape", None, seat.clock.monotonic())
        seat.app.state.code_sought = ""
        await seat.settle()
        assert "LET IN" not in seat.text


async def test_a_client_that_leaves_closes_its_ticket() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":approve KWMRTB")
        await seat.press("enter", "a")
        seat.face.show(pending_clients=())
        await seat.settle()
        await seat.press("y")
        assert seat.sent == []
        assert "LET IN" not in seat.text


async def test_the_order_ticket_tells_price_source_age_position_drift_and_every_check() -> None:
    async with seated(busy_face(), (80, 30)) as seat:
        await seat.press("j", "j", "enter")
        text = seat.text
        for part in (
            "bid 412.28",
            "simulated, ",
            " s old, from paper",
            "60 → 160",
            "$24,737 → $65,969",
            "NO STOP",
            "+0.02 % worse",
            "✗ MAX_NOTIONAL",
            "✓ MAX_QUANTITY",
        ):
            assert part in text
        assert "– not applicable: REDUCE_ONLY" in text
        await seat.press("a")
        assert "about $41,230" in seat.text
        await seat.press("y")
        assert seat.sent == [("order.approve", {"order_id": CLAUDE, "version": "2"})]


async def test_an_edit_only_lowers_the_risk_and_is_asked_again() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("j", "j", "enter", "e")
        await seat.type("200")
        await seat.press("enter")
        assert "may only become smaller" in seat.text
        await seat.press("ctrl+u")
        await seat.type("50 ")
        await seat.press("@")
        await seat.type(" 411.90")
        await seat.press("enter")
        assert "APPROVE EDITED  buy 50 ALFA limit 411.90, for claude?" in seat.text
        await seat.press("y")
        assert seat.sent == [
            ("order.approve", {"order_id": CLAUDE, "version": "2", "quantity": "50", "limit": "411.9"})
        ]


async def test_a_waiting_order_is_edited_on_its_row_too_and_the_line_says_which() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("j", "j", "e")
        assert "EDIT BUY 100 ALFA LMT 412.30 DAY" in seat.text
        await seat.type("7")
        await seat.press("enter")
        assert "APPROVE EDITED  buy 7 ALFA limit 412.30, about $2,886, for claude?" in seat.text
        await seat.press("y")
        assert seat.sent == [("order.approve", {"order_id": CLAUDE, "version": "2", "quantity": "7"})]


async def test_resume_takes_its_word() -> None:
    face = busy_face()
    face.seen = replace(face.seen, switch=TradingSwitch(TradingState.HALTED, NOW, safe("")))
    async with seated(face) as seat:
        await seat.type(":resume")
        await seat.press("enter")
        await seat.type("yes")
        await seat.press("enter")
        assert seat.sent == []
        assert "that isn't RESUME" in seat.text
        await seat.press("ctrl+u")
        await seat.type("RESUME")
        await seat.press("enter")
        assert seat.sent == [("resume", {})]


async def test_halting_is_typed_and_instant_and_widening_scopes_is_asked() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":halt news")
        await seat.press("enter")
        await seat.type(":scopes claude --drop write:orders")
        await seat.press("enter")
        await seat.type(":scopes claude --add read:audit")
        await seat.press("enter")
        assert [act for act, _ in seat.sent] == ["halt", "client.scopes"]
        await seat.press("y")
        assert seat.sent[-1] == ("client.scopes", {"client": "claude", "add": "read:audit"})


async def test_clients_are_revoked_and_orders_cancelled_from_their_lists() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("c", "j", "x")
        await seat.press("escape", "o", "j", "j", "x")
        assert seat.sent == [
            ("client.revoke", {"client": "codex-cli"}),
            ("order.cancel", {"order_id": "o-01JQ0000000000000000000008"}),
        ]


async def test_a_refusal_is_shown_with_its_code_and_who_can_mend_it() -> None:
    face = busy_face()
    face.answers["order.deny"] = refuse("AUDIT_UNAVAILABLE")
    async with seated(face) as seat:
        await seat.press("d")
        assert "✗ AUDIT_UNAVAILABLE: " in seat.text
        assert "The host has to mend it; its log (L) may say more." in " ".join(seat.text.split())


async def test_a_refusal_that_the_operator_can_mend_does_not_send_him_to_himself() -> None:
    face = busy_face()
    face.answers["order.deny"] = refuse("ALREADY_DECIDED")
    async with seated(face) as seat:
        await seat.press("d")
        assert "✗ ALREADY_DECIDED: Somebody or something else has decided this already." in seat.text
        assert "mend" not in seat.text


async def test_a_face_that_breaks_is_shown_as_a_refusal_and_the_screen_lives_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    face = busy_face()

    async def broken(command: object) -> Done:
        raise RuntimeError("nobody planned this")

    face.run = broken  # pyright: ignore[reportAttributeAccessIssue]
    async with seated(face) as seat:
        await seat.press("d")
        assert "INTERNAL" in seat.text
        assert "nobody planned this" in caplog.text
        assert "nobody planned this" not in seat.text


async def test_an_answer_of_many_rows_gets_a_page_of_its_own() -> None:
    face = busy_face()
    face.answers["audit.tail"] = Done("2 records", [{"number": 1, "tool": "get_quote"}, {"number": 2, "tool": "kill"}])
    async with seated(face) as seat:
        await seat.type(":audit tail")
        await seat.press("enter")
        assert "number=2  tool=kill" in seat.text
        await seat.press("escape")
        assert "PENDING" in seat.text


async def test_the_stream_follows_filters_and_stays_still_when_looked_back_at() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("pageup")
        before = seat.rows()[8:20]
        seat.face.publish(call(100))
        seat.app.drain()
        await seat.pilot.pause()
        assert seat.rows()[8:20] == before
        assert "1 new below" in seat.text
        await seat.press("G")
        assert "follow" in seat.text
        await seat.type("/state:denied")
        await seat.press("enter")
        shown = [row for row in seat.rows()[8:21] if row]
        assert shown
        assert all("denied" in row for row in shown)
        await seat.press("escape")
        assert any("get_bars" in row for row in seat.rows())


async def test_typed_lines_are_remembered_completed_and_explained() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":halt")
        await seat.press("enter")
        await seat.press("colon", "up")
        assert ": " in seat.text
        assert "halt" in seat.rows()[22]
        await seat.press("ctrl+u")
        await seat.type("revo")
        await seat.press("tab")
        assert "revoke CLIENT" in seat.text


async def test_keys_typed_fast_behind_the_colon_all_reach_the_line() -> None:
    async with seated(busy_face()) as seat:
        await seat.pilot.press("colon", "d", "a", "x", "q")
        await seat.pilot.pause()
        assert "daxq" in seat.rows()[22]
        assert seat.sent == []


async def test_leaving_is_asked() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("q")
        assert "QUIT  the cockpit and cut off 3 clients, 3 decisions still open?" in seat.text
        await seat.press("n")
        assert seat.app.is_running
        await seat.press("ctrl+q", "y")
        assert seat.app._exit


async def test_a_stopped_cockpit_cannot_be_overlooked() -> None:
    face = busy_face()
    face.seen = replace(face.seen, switch=TradingSwitch(TradingState.KILLED, NOW, safe("")))
    async with seated(face) as seat:
        assert seat.rows()[0].startswith(" ■ KILLED")
        strip = seat.app.screen._compositor.render_strips()[0]
        grounds = {segment.style.bgcolor for segment in strip if segment.style is not None}
        assert grounds == {seat.app.palette.style("halted").bgcolor}


async def test_real_money_is_named_in_the_status_and_in_the_question() -> None:
    face = busy_face()
    face.seen = replace(face.seen, connections=(connection("paper", Mode.LIVE, account="U1234567"),))
    async with seated(face) as seat:
        assert "● LIVE MONEY" in seat.rows()[0]
        assert "U1…567" in seat.rows()[0]
        await seat.press("a")
        assert seat.text.count("● LIVE MONEY") == 2


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 45), (50, 14)])
async def test_at_every_size_the_status_the_first_decision_and_kill_are_there(size: tuple[int, int]) -> None:
    async with seated(busy_face(), size) as seat:
        rows = seat.rows()
        assert len(rows) == size[1]
        assert "RUNNING" in rows[0]
        assert "SELL 20 NOVA" in rows[2]
        assert "^k KILL" in rows[-1]
        assert ("get_quote" in seat.text) is (size != (50, 14))
        assert ("CHECKS" in seat.text) is (size[0] >= 120)


async def test_the_wide_screen_shows_the_chosen_order_and_follows_the_choice() -> None:
    async with seated(busy_face(), (160, 45)) as seat:
        assert "SELL 20 NOVA" in seat.text
        await seat.press("j")
        assert "wants to be let in" in seat.text
        await seat.press("j")
        await seat.settle()
        assert "BUY 100 ALFA LMT 412.30 DAY" in seat.text
        assert "60 → 160" in seat.text


async def test_the_terminal_rings_once_for_what_is_new_and_once_when_it_is_nearly_over() -> None:
    rings: list[float] = []
    face = busy_face()
    orders = face.seen.pending_orders
    face.seen = replace(face.seen, pending_orders=(), pending_clients=())
    async with seated(face) as seat:
        seat.app.bell = lambda: rings.append(seat.clock.seconds)  # pyright: ignore[reportAttributeAccessIssue]
        seat.clock.pass_by(1)
        seat.face.show(pending_orders=orders[1:])
        await seat.settle()
        await seat.settle()
        assert len(rings) == 1
        assert seat.app.title == "(1) cockpit 1:33"
        seat.clock.pass_by(75)
        await seat.settle()
        await seat.settle()
        assert len(rings) == 2


async def test_a_terminal_that_is_to_be_silent_is_only_named() -> None:
    rings: list[float] = []
    async with seated(busy_face(), settings=ScreenSettings(bell=False)) as seat:
        seat.app.bell = lambda: rings.append(seat.clock.seconds)  # pyright: ignore[reportAttributeAccessIssue]
        seat.clock.pass_by(30)
        seat.face.show(pending_clients=(pending_client(), pending_client("r-2", host="chat.example")))
        await seat.settle()
        assert seat.app.title.startswith("(4) cockpit")
        assert rings == []


async def test_events_that_were_missed_bring_a_new_snapshot() -> None:
    async with seated(busy_face()) as seat:
        seat.face.seen = replace(
            seat.face.seen, pending_clients=(pending_client(), pending_client("r-2", host="chat.example"))
        )
        seat.face.subscriptions[0].missed = 5
        seat.app.drain()
        await seat.pilot.pause()
        assert seat.face.subscriptions[0].missed == 0
        assert len(seat.app.state.waiting.items) == 4


async def test_the_hint_of_the_host_is_shown_and_takes_one_row() -> None:
    face = busy_face()
    face.seen = replace(face.seen, hint=safe("Demo: the page shows KWMRTB"))
    async with seated(face) as seat:
        assert "Demo: the page shows KWMRTB" in seat.rows()[21]
        assert "KILL" in seat.rows()[23]


async def test_an_order_that_came_to_rest_is_shown_but_offers_nothing() -> None:
    face = busy_face()
    async with seated(face) as seat:
        await seat.press("o", "G")
        assert "a approve" not in seat.rows()[-1]
        assert "x cancel" not in seat.rows()[-1]


async def test_ending_the_screen_closes_its_subscription() -> None:
    face = busy_face()
    async with seated(face):
        assert not face.subscriptions[0].closed
    assert face.subscriptions[0].closed


async def test_a_new_order_does_not_move_the_rows_of_an_open_list() -> None:
    face = busy_face()
    async with seated(face) as seat:
        await seat.press("o", "j", "j")
        before = seat.rows()[3:7]
        seat.face.show(orders=(order(11, "claude", "buy 1 ZETA"), *seat.face.seen.orders))
        await seat.settle()
        assert seat.rows()[3:7] == before
        assert "ZETA" in seat.rows()[7]


def test_over_ssh_the_stream_is_drawn_less_often_unless_a_rate_was_set() -> None:
    assert drawn_per_second(ScreenSettings(), over_ssh=True) == 4
    assert drawn_per_second(ScreenSettings(rate_hz=10, rate_is_set=True), over_ssh=True) == 10
    assert drawn_per_second(ScreenSettings(rate_hz=10, rate_is_set=True, ssh_rate_hz=2), over_ssh=True) == 2
    assert drawn_per_second(ScreenSettings(), over_ssh=False) == 8
    assert drawn_per_second(ScreenSettings(ssh_rate_hz=2), over_ssh=False) == 8


async def test_the_screen_takes_the_rate_of_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    async with seated(busy_face(), settings=ScreenSettings(ssh_rate_hz=3)) as seat:
        assert seat.app.draws_per_second == 3


async def test_while_nobody_looks_the_stream_is_drawn_once_a_second() -> None:
    async with seated(busy_face()) as seat:
        seat.app.on_app_blur()
        assert seat.app.draws_per_second == 1
        await seat.press("j")
        assert seat.app.draws_per_second == 1
        seat.app.on_app_focus()
        assert seat.app.draws_per_second == 8


async def test_wide_characters_leave_every_column_where_it_is() -> None:
    face = busy_face()
    wide = replace(call(100), client=ClientName("漢字漢字漢字漢字漢字"), summary=safe("価格 412"))
    face.seen = replace(face.seen, recent=(call(99), wide))
    async with seated(face) as seat:
        plain, drawn = (row for row in seat.rows() if " ✓ ok " in row or " ✗ denied" in row)
        assert cell_len(plain.partition("✓")[0]) == cell_len(drawn.partition("✓")[0])
