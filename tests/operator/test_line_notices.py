"""The operator is told when a broker's line goes and when it is back, once each."""

from __future__ import annotations

from datetime import timedelta

from cockpit.model.events import Event, LinkChanged, Notice
from cockpit.model.text import safe
from cockpit.model.trading import Link
from cockpit.operator.line_notices import LineNotices
from tests.tui.fake_face import FakeClock


def told(*steps: tuple[Link, str]) -> list[tuple[str, bool]]:
    """Return what is told while a line takes these states, half a minute apart."""
    clock = FakeClock()
    said: list[tuple[str, bool]] = []

    def publish(event: Event) -> None:
        assert isinstance(event, Notice)
        said.append((event.text, event.bad))

    lines = LineNotices(clock, publish)
    for link, note in steps:
        lines.happened(LinkChanged(clock.now(), "ib", link, safe(note)))
        clock.pass_by(timedelta(seconds=30).total_seconds())
    return said


def test_a_line_that_goes_is_told_with_its_cause_and_told_again_when_it_is_back() -> None:
    said = told(
        (Link.READY, "TWS wire 178"),
        (Link.DOWN, "TWS closed the line"),
        (Link.CONNECTING, ""),
        (Link.DOWN, "nothing listens"),
        (Link.CONNECTING, ""),
        (Link.READY, "TWS wire 178"),
    )
    assert said == [
        ("ib: its line is down (TWS closed the line). No order passes until it is ready again.", True),
        ("ib: its line is ready again after 2 min.", False),
    ]


def test_a_start_without_trouble_tells_nothing() -> None:
    assert told((Link.CONNECTING, "synchronising"), (Link.READY, "TWS wire 178")) == []


def test_each_time_is_told_also_where_nothing_says_why() -> None:
    said = told((Link.DEGRADED, ""), (Link.READY, ""), (Link.DEGRADED, ""), (Link.DOWN, "gone"))
    assert [text for text, bad in said if bad] == [
        "ib: its line is degraded. No order passes until it is ready again."
    ] * 2
