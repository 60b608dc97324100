"""How a broker's line is shown: also what kind of prices come over it, and when its books were compared last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from cockpit.model.quotes import DataType
from cockpit.model.text import safe
from cockpit.model.trading import Link, Mode, TradingState, TradingSwitch
from tests.tui.fake_face import NOW, busy_snapshot, connection
from tui.calls import CallHistory
from tui.cells import Span
from tui.rows.connection_rows import connection_rows
from tui.rows.status_row import Mark, status_marks, status_row
from tui.state import ScreenState


def text(**changes: object) -> str:
    seen = replace(busy_snapshot(), connections=(connection(**changes),))  # type: ignore[arg-type]
    return "\n".join("".join(span.text for span in line.spans) for line in connection_rows(seen, NOW, 80, UTC))


@pytest.mark.parametrize("kind", list(DataType))
def test_what_kind_of_prices_come_over_the_line_is_said(kind: DataType) -> None:
    shown = text(data_type=kind, data_source="feed", data_at=NOW - timedelta(seconds=12))
    assert f"{kind.replace('_', ' ')} from feed, the newest 12 s ago" in shown


def test_what_was_never_asked_or_compared_is_said_so() -> None:
    assert "nobody asked for one yet" in text()
    assert "reconciled   never" in text()


def test_the_last_comparison_with_the_books_has_its_age() -> None:
    assert "reconciled   3 min ago" in text(reconciled_at=NOW - timedelta(minutes=3))


def test_real_money_says_whether_it_is_armed_and_paper_says_nothing_of_it() -> None:
    assert "armed        not armed: only what reduces a position passes" in text(mode=Mode.LIVE)
    armed = text(mode=Mode.LIVE, armed_until=NOW + timedelta(hours=3, minutes=1))
    assert "ARMED until 17:03  3 h 1 min left: orders may open positions" in armed
    assert "rmed" not in text()


@pytest.mark.parametrize("width", range(60, 161, 4))
@pytest.mark.parametrize("others", [0, 1, 5])
def test_until_when_it_is_armed_stays_in_the_status_at_every_width_and_beside_every_mark(
    width: int, others: int
) -> None:
    marks = [Mark(Span(f" ! {count} NOTICES n ", "kill"), Span(f" !{count} n ", "kill")) for count in (1, 2, 3)]
    armed = connection("real", Mode.LIVE, armed_until=NOW + timedelta(hours=3, minutes=1))
    live = [connection(f"real-{place}", Mode.LIVE) for place in range(others)]
    seen = replace(busy_snapshot(), connections=(connection(), *live, armed))
    line = status_row(seen, marks, NOW, width, UTC)
    (span,) = [span for span in line.spans if "ARMED" in span.text]
    assert span.role == "live"
    assert "● LIVE" in span.text
    assert "17:03" in span.text


@pytest.mark.parametrize("width", range(72, 161, 4))
@pytest.mark.parametrize("state", [TradingState.RUNNING, TradingState.REDUCE_ONLY])
def test_that_real_money_is_not_armed_is_said_before_account_and_latency(width: int, state: TradingState) -> None:
    real = connection("real", Mode.LIVE, account="U7654821", latency_ms=2)
    seen = replace(busy_snapshot(), connections=(real,), switch=TradingSwitch(state, NOW, safe("test")))
    assert "not armed" in "".join(span.text for span in status_row(seen, [], NOW, width, UTC).spans)


@pytest.mark.parametrize("width", range(60, 161, 4))
@pytest.mark.parametrize("others", [0, 3])
def test_every_armed_connection_is_shown_or_counted_with_the_latest_end(width: int, others: int) -> None:
    ends = {"first": timedelta(hours=1), "second": timedelta(hours=5), "third": timedelta(hours=3)}
    armed = [connection(name, Mode.LIVE, armed_until=NOW + lasts) for name, lasts in ends.items()]
    paper = [connection(f"paper-{place}") for place in range(others)]
    line = status_row(replace(busy_snapshot(), connections=(*paper, *armed)), [], NOW, width, UTC)
    said = "".join(span.text for span in line.spans)
    assert "19:02" in said, said
    assert "3 ARMED" in said or said.count("ARMED until") == 3, said
    assert "+" in said or all(name in said for name in ends), said


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.KILLED])
def test_where_trading_is_stopped_real_money_keeps_its_own_colour(state: TradingState) -> None:
    stopped = TradingSwitch(state, NOW, safe("test"))
    seen = replace(busy_snapshot(), switch=stopped, connections=(connection("real", Mode.LIVE),))
    assert {span.role for span in status_row(seen, [], NOW, 80).spans if "LIVE" in span.text} == {"live"}


@pytest.mark.parametrize(("link", "lost"), [(Link.READY, 0), (Link.CONNECTING, 0), (Link.DEGRADED, 1), (Link.DOWN, 1)])
def test_a_lost_line_is_named_with_the_key_that_says_why(link: Link, lost: int) -> None:
    seen = replace(busy_snapshot(), connections=(connection("real", Mode.LIVE, link=link), connection()))
    marks = status_marks(ScreenState(seen, CallHistory(10)))
    assert [mark.words.text for mark in marks] == [" ✗ 1 LINE LOST b "] * lost
    said = "".join(span.text for span in status_row(seen, marks, NOW, 80, UTC).spans)
    assert ("LINE LOST b" in said) == bool(lost)
    assert "● LIVE MONEY" in said
