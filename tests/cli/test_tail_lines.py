from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from cockpit.cli.tail_lines import json_of, line_of, missed_line, waiting_json, waiting_lines
from cockpit.model.events import (
    CallFinished,
    ClientAsked,
    ClientAskEnded,
    Event,
    GrantChanged,
    GrantEnded,
    LatchChanged,
    LinkChanged,
    Notice,
    OrderChanged,
    Outcome,
    RequestsTurnedAway,
    SwitchMoved,
)
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.latches import Latch, LatchKind
from cockpit.model.orders import OrderState
from cockpit.model.text import Safe
from cockpit.model.trading import TradingState, TradingSwitch
from cockpit.operator.remote.codec import write
from tests.tui.fake_face import NOW, busy_snapshot, order, request

SEEN = busy_snapshot()
WAITING = SEEN.pending_orders[0].order
BOT = ClientName("bot")
LATCH = Latch(LatchKind.DAILY_LOSS, "paper", NOW, Safe("lost 500"))
EVENTS: tuple[tuple[Event, str], ...] = (
    (
        CallFinished(NOW, 7, BOT, Safe("place_order"), Outcome.DENIED, "MAX_NOTIONAL", 12.4, Safe("ALFA")),
        "14:02:31Z call bot place_order denied MAX_NOTIONAL ALFA 12 ms",
    ),
    (
        OrderChanged(
            NOW,
            order(
                9,
                "bot",
                "buy 3 ALFA",
                state=OrderState.FILLED,
                decide_by=None,
                filled=Decimal(3),
                average_price=Decimal("41.5"),
            ),
        ),
        "14:02:31Z order bot BUY 3 ALFA MKT DAY filled, 3 filled at 41.5 o-01JQ0000000000000000000009",
    ),
    (GrantChanged(NOW, GrantId("g-none"), BOT), "14:02:31Z client bot may now: nothing"),
    (GrantEnded(NOW, GrantId("g-1"), BOT, Safe("revoked")), "14:02:31Z client bot ended: revoked"),
    (ClientAskEnded(NOW, "w-1", Safe("denied")), "14:02:31Z client request w-1 ended: denied"),
    (ClientAsked(NOW, "w-gone"), "14:02:31Z client request w-gone asks"),
    (
        SwitchMoved(NOW, TradingSwitch(TradingState.HALTED, NOW, Safe("lunch"))),
        "14:02:31Z trading HALTED: lunch",
    ),
    (LinkChanged(NOW, "paper", "down", Safe("no answer")), "14:02:31Z connection paper down: no answer"),
    (
        LatchChanged(NOW, LATCH, is_set=True),
        "14:02:31Z limit daily_loss:paper latched: lost 500. Decide: cockpit release daily_loss:paper",
    ),
    (LatchChanged(NOW, LATCH, is_set=False), "14:02:31Z limit daily_loss:paper released"),
    (Notice(NOW, Safe("disk full"), bad=True), "14:02:31Z NOTICE disk full"),
    (RequestsTurnedAway(NOW, 12), "14:02:31Z turned away 12 requests without authority"),
)


@pytest.mark.parametrize(("event", "line"), EVENTS, ids=[type(event).__name__ for event, _ in EVENTS])
def test_each_event_is_one_line(event: Event, line: str) -> None:
    assert line_of(event, SEEN) == line
    assert write(json_of(event)).startswith(b'{"event":"' + type(event).__name__.encode() + b'","is":{"at":')


def test_every_event_has_words_of_its_own() -> None:
    told = {type(event).__name__ for event, _ in EVENTS}
    assert told == {one.__name__ for one in Event.__subclasses__()}


def test_a_waiting_order_says_how_it_is_decided() -> None:
    line = line_of(OrderChanged(NOW, WAITING), SEEN)
    assert f"WAITS order {WAITING.client} on paper: {WAITING.request.words()} because " in line
    assert f"cockpit approve-order {WAITING.order_id} --version {WAITING.version}" in line
    assert f"or cockpit deny-order {WAITING.order_id}" in line
    assert f"until {WAITING.decide_by:%H:%M:%S}Z" in line


def test_a_waiting_change_says_what_it_replaces() -> None:
    change = replace(WAITING, state=OrderState.WORKING, proposed=request("buy 50 ALFA 400"))
    line = line_of(OrderChanged(NOW, change), SEEN)
    assert f"BUY 50 ALFA LMT 400 DAY instead of {WAITING.request.words()}" in line


def test_a_waiting_client_says_its_host_first_and_no_code() -> None:
    pending = SEEN.pending_clients[0]
    line = line_of(ClientAsked(NOW, pending.request_id), SEEN)
    assert line.index(pending.host) < line.index(pending.claimed_name)
    assert f"cockpit deny {pending.request_id}" in line
    assert "cockpit approve CODE" in line


def test_what_waits_already_is_told_first() -> None:
    lines = list(waiting_lines(SEEN))
    assert len(lines) == len(SEEN.pending_clients) + len(SEEN.pending_orders) > 1
    assert all("WAITS" in line for line in lines)
    assert all(b'"event":"Waits"' in write(one) for one in waiting_json(SEEN))


def test_a_gap_says_where_to_look() -> None:
    assert missed_line(3, NOW + timedelta(seconds=1)) == (
        "14:02:32Z missed 3 events; `cockpit audit tail` has the calls and decisions among them"
    )


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "\u202eevil", "\r\x07"])
def test_no_text_leaves_its_line_or_steers_a_terminal(text: str) -> None:
    line = line_of(LinkChanged(NOW, f"x{text}", text, Safe("")), SEEN)
    assert line.isprintable()
