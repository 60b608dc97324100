"""Closing a position from the screen: one key looks, a second one sends, and only what the words say."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cockpit.model.events import Notice
from cockpit.model.refusals import refuse
from cockpit.model.screen import ScreenSettings
from cockpit.model.text import safe
from cockpit.model.trading import Mode
from cockpit.operator.act import Done
from cockpit.operator.view import HeldPosition
from tests.tui.fake_face import NOW, FakeFace, busy_face, connection
from tests.tui.screens import Seat, seated
from tui.closing import closing_of

LOOK = {
    "connection": "paper",
    "symbol": "NOVA",
    "order": "SELL 60 NOVA MKT DAY",
    "side": "sell",
    "quantity": "60",
    "order_type": "market",
    "limit_price": None,
    "held": "60",
    "held_after": "0",
    "closed_by_others": "0",
    "average_price": "171.20",
    "about": "10829.40",
    "realises": "557.40",
    "currency": "USD",
    "bid": "180.49",
    "ask": "180.52",
    "data_type": "simulated",
    "source": "paper",
    "age_ms": 400,
    "passed": 20,
    "refused": "",
    "seen": "60/0",
}


def holding(*symbols: str, **looked: object) -> FakeFace:
    face = busy_face()
    (held,) = face.seen.positions
    more = (HeldPosition("paper", replace(held.position, symbol=symbol)) for symbol in symbols)
    face.seen = replace(face.seen, positions=(held, *more))
    face.answers["position.look"] = Done("Closing sends it.", {**LOOK, **looked})
    return face


def hold(seat: Seat, quantity: str | None) -> None:
    (held,) = seat.face.seen.positions
    now = replace(held, position=replace(held.position, quantity=Decimal(quantity or 0)))
    seat.face.show(positions=(now,) if quantity else ())


async def test_a_position_is_closed_by_its_key_and_then_y_with_everything_said_before() -> None:
    async with seated(holding()) as seat:
        await seat.press("p", "x")
        assert seat.sent == [("position.look", {"symbol": "NOVA", "connection": "paper"})]
        said = " ".join(seat.text.split())
        for words in ("CLOSE", "sell 60 NOVA at market on paper", "about $10,829", "60 → 0", "+$557.40 before fees"):
            assert words in said
        assert "bid 180.49, simulated from paper, 0.4 s old" in said
        await seat.press("y")
        assert seat.sent[1:] == [("position.close", {"symbol": "NOVA", "connection": "paper", "seen": "60/0"})]


async def test_y_counts_once_however_often_it_is_pressed() -> None:
    async with seated(holding()) as seat:
        await seat.press("p", "x")
        await seat.press("y", "y", "y", after=0.01)
        assert [act for act, _ in seat.sent] == ["position.look"], "the words have only just come"
        await seat.press("y", "y", "y")
        assert [act for act, _ in seat.sent] == ["position.look", "position.close"]


@pytest.mark.parametrize("quantity", ["59", "61", None])
async def test_a_position_that_changes_meanwhile_closes_the_question(quantity: str | None) -> None:
    async with seated(holding()) as seat:
        await seat.press("p", "x")
        hold(seat, quantity)
        await seat.settle()
        assert f"{quantity or 0} is held now, not 60; nothing was sent" in " ".join(seat.text.split())
        await seat.press("y")
        assert [act for act, _ in seat.sent] == ["position.look"]


async def test_a_snapshot_that_comes_after_the_look_leaves_its_question() -> None:
    async with seated(holding(quantity="55", held="55", seen="55/0")) as seat:
        await seat.press("p", "x")
        hold(seat, "55")
        await seat.settle()
        await seat.press("y")
        assert seat.sent[1][1]["seen"] == "55/0"


async def test_what_would_be_refused_is_told_and_not_asked() -> None:
    async with seated(holding(refused="SESSION_CLOSED: The market is closed.")) as seat:
        await seat.press("p", "x")
        assert "SESSION_CLOSED" in seat.text
        await seat.press("y")
        assert [act for act, _ in seat.sent] == ["position.look"]
    face = holding()
    face.answers["position.look"] = refuse("ORDERS_IN_THE_WAY", "Open orders close it already.")
    async with seated(face) as seat:
        await seat.press("p", "x")
        assert "Open orders close it already." in seat.text


async def test_that_no_price_can_be_trusted_is_said_first_and_asked_by_the_same_two_keys() -> None:
    warning = "NO PRICE TO TRUST: MARKET_DATA_STALE: The price is 900 s old."
    looked = holding(warning=warning, data_type="delayed", age_ms=900_000, seen="60/0~180.49")
    async with seated(looked) as seat:
        await seat.press("p", "x")
        said = " ".join(seat.text.split())
        assert f"CLOSE {warning} sell 60 NOVA at market" in said
        assert "delayed from paper, 900.0 s old" in said
        await seat.press("y")
        assert seat.sent[1][1]["seen"] == "60/0~180.49"


async def test_a_part_at_a_limit_is_typed_and_looked_at_before_it_is_asked() -> None:
    looked = holding(quantity="5", held_after="55", limit_price="181.00", order_type="limit", closed_by_others="10")
    async with seated(looked) as seat:
        await seat.type(":close NOVA --quantity 5 --limit 181")
        await seat.press("enter")
        assert seat.sent == [("position.look", {"symbol": "NOVA", "quantity": "5", "limit": "181"})]
        said = " ".join(seat.text.split())
        assert "sell 5 NOVA limit 181.00 on paper" in said
        assert "open orders may close 10 more" in said
        await seat.press("y")
        given = {"symbol": "NOVA", "quantity": "5", "limit": "181", "connection": "paper", "seen": "60/0"}
        assert seat.sent[1:] == [("position.close", given)]


async def test_the_cursor_chooses_which_position_and_stays_on_it_while_others_come() -> None:
    async with seated(holding("OMEG", "PICO")) as seat:
        await seat.press("p", "j")
        assert seat.app.state.positions.chosen_key == "paper OMEG"
        nova, omega, pico = seat.face.seen.positions
        seat.face.show(positions=(replace(pico, connection="other"), pico, omega, nova))
        await seat.settle()
        await seat.press("x")
        assert seat.sent == [("position.look", {"symbol": "OMEG", "connection": "paper"})]


async def test_a_chosen_position_is_in_view_however_many_there_are() -> None:
    async with seated(holding(*(f"S{number:02}" for number in range(40)))) as seat:
        await seat.press("p", "G")
        assert "S39" in seat.text
        assert "more" in seat.text
        await seat.press("g")
        assert "NOVA" in seat.text


async def test_real_money_is_named_before_it_is_closed() -> None:
    face = holding()
    face.seen = replace(face.seen, connections=(connection("paper", Mode.LIVE),))
    async with seated(face) as seat:
        await seat.press("p", "x")
        assert "● LIVE MONEY" in "\n".join(seat.rows()[18:])
        await seat.press("n")
        await seat.type(":flatten")
        await seat.press("enter")
        assert "LIVE MONEY: TYPE FLATTEN" in seat.text


async def test_a_screen_that_only_looks_closes_nothing() -> None:
    async with seated(holding(), settings=ScreenSettings(read_only=True)) as seat:
        await seat.press("p", "x")
        assert "read-only" in seat.text
        await seat.type(":close NOVA")
        await seat.press("enter")
        assert seat.sent == []


async def test_flattening_says_how_much_and_takes_its_word() -> None:
    async with seated(holding("OMEG")) as seat:
        await seat.type(":flatten")
        await seat.press("enter")
        assert "TYPE FLATTEN to close 2 positions on paper" in seat.text
        await seat.type("flatten")
        await seat.press("enter")
        assert seat.sent == []
        await seat.press("ctrl+u")
        await seat.type("FLATTEN")
        await seat.press("enter")
        assert seat.sent == [("position.flatten", {})]


async def test_flattening_one_of_several_connections_names_it() -> None:
    face = holding()
    face.seen = replace(face.seen, connections=(connection(), connection("other")))
    async with seated(face) as seat:
        await seat.type(":flatten")
        await seat.press("enter")
        assert "name one" in seat.text
        await seat.type(":flatten other")
        await seat.press("enter")
        assert "TYPE FLATTEN to close 0 positions on other" in seat.text


async def test_a_question_about_a_close_does_not_stand_for_ever() -> None:
    async with seated(holding()) as seat:
        await seat.press("p", "x")
        seat.clock.pass_by(61)
        await seat.settle()
        assert "Too late" in seat.text
        await seat.press("y")
        assert [act for act, _ in seat.sent] == ["position.look"]


async def test_a_yes_after_the_time_counts_nothing_even_before_the_clock_has_ticked() -> None:
    async with seated(holding()) as seat:
        await seat.press("p", "x")
        seat.wait(60)
        seat.wait(0.5)
        seat.app.controls.press("y", "y", seat.clock.monotonic())
        await seat.pilot.pause()
        assert [act for act, _ in seat.sent] == ["position.look"]
        assert seat.app.state.message is not None
        assert "Too late" in seat.app.state.message.text


async def test_a_line_that_was_begun_meanwhile_is_not_answered_by_a_y_for_the_close() -> None:
    async with seated(holding()) as seat:
        await seat.press("p")
        seat.app.controls.press("x", "x", seat.clock.monotonic())
        seat.app.controls.press("colon", ":", seat.clock.monotonic())
        await seat.settle()
        assert seat.app.state.question is None
        assert "began something else" in seat.text or seat.app.state.entry is not None
        await seat.press("y")
        assert [act for act, _ in seat.sent] == ["position.look"]


@pytest.mark.parametrize("odd", [None, [], {}, {"quantity": "NaN", "held": "1", "held_after": "0"}, "text"])
def test_an_answer_that_is_no_look_is_none(odd: object) -> None:
    assert closing_of(odd) is None


def test_what_comes_from_afar_is_harmless() -> None:
    evil = closing_of({**LOOK, "symbol": "\x1b[31mNOVA", "refused": "\x1b]52;c;x\x07"})
    assert evil is not None
    assert "\x1b" not in evil.symbol + evil.refused


async def test_a_notice_does_not_take_the_question_away() -> None:
    async with seated(holding()) as seat:
        await seat.press("p", "x")
        seat.face.publish(Notice(NOW, safe("Something happened."), True))
        await seat.settle()
        assert "CLOSE" in seat.text
