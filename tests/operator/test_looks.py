from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import orjson

from cockpit.model.text import Safe
from cockpit.model.trading import Link, Mode
from cockpit.operator.act import Command
from cockpit.operator.acts import ACTS
from cockpit.operator.looks import Look, Subject, client_words, look_before, order_words
from cockpit.operator.view import ConnectionView
from tests.operator.tickets import CLIENT_TICKET, ORDER, ORDER_TICKET, REQUEST


def test_a_client_is_shown_by_what_it_can_not_invent_first() -> None:
    said = client_words(CLIENT_TICKET).says.split("\n")
    assert said[0] == "host      evil.example"
    assert "claims    Claude" in said
    assert any(line.startswith("WARNING") for line in said)


def test_an_order_is_shown_with_market_worth_position_and_failed_checks() -> None:
    said = order_words(ORDER_TICKET).says
    for part in ("BUY 100 ALFA LMT 412.3 DAY", "412.1 / 412.3 (simulated", "41230.00 at worst", "0 to 100", "+0.12 %"):
        assert part in said
    assert "1 passed, 1 FAILED" in said
    assert "MAX_NOTIONAL" in said


def test_whose_money_it_moves_is_said_and_whether_it_may_open_a_position() -> None:
    paper = ConnectionView(ORDER.connection, "fake", Mode.PAPER, "U1", Link.READY, None, True, Safe(""))
    real = replace(paper, mode=Mode.LIVE)
    armed = replace(real, armed_until=datetime(2026, 3, 2, 17, 2, tzinfo=UTC))
    for seen, words in (
        (paper, "money     paper"),
        (real, "money     LIVE MONEY, not armed"),
        (armed, "money     LIVE MONEY, ARMED until 17:02 UTC"),
    ):
        done = order_words(ORDER_TICKET, (seen,))
        assert words in done.says.split("\n")
        assert isinstance(done.data, dict)
        assert done.data["mode"] == seen.mode


def test_a_change_of_an_order_shows_both_terms() -> None:
    ticket = replace(
        ORDER_TICKET, order=replace(ORDER, proposed=replace(REQUEST, symbol="BRVO")), quote=None, drift=None
    )
    said = order_words(ticket).says
    assert "BUY 100 BRVO" in said
    assert "instead   of BUY 100 ALFA" in said
    assert "no price" in said


def test_what_is_shown_is_harmless_and_its_data_plain_json() -> None:
    evil = replace(ORDER_TICKET, quote=replace(ORDER_TICKET.quote, source="\x1b[31m")) if ORDER_TICKET.quote else None
    assert evil is not None
    assert "\x1b" not in order_words(evil).says
    assert orjson.dumps(order_words(ORDER_TICKET).data)
    assert orjson.dumps(client_words(replace(CLIENT_TICKET, warnings=(Safe("a"),))).data)


def test_only_what_is_decided_on_by_its_terms_is_looked_at_first() -> None:
    given = {"code": "BCDFGH", "order_id": "o-1", "symbol": "ALFA", "seen": "20/0"}
    looked = {act.name: look_before(Command(act.name, given)) for act in ACTS.values()}
    assert {name: look for name, look in looked.items() if look is not None} == {
        "client.approve": Look(Subject.CLIENT, "BCDFGH"),
        "order.approve": Look(Subject.ORDER, "o-1"),
        "position.close": Command("position.look", {"code": "BCDFGH", "order_id": "o-1", "symbol": "ALFA"}),
    }
