"""How a broker's line is shown: also what kind of prices come over it, and when its books were compared last."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cockpit.model.quotes import DataType
from tests.tui.fake_face import NOW, busy_snapshot, connection
from tui.rows.connection_rows import connection_rows


def text(**changes: object) -> str:
    seen = replace(busy_snapshot(), connections=(connection(**changes),))  # type: ignore[arg-type]
    return "\n".join("".join(span.text for span in line.spans) for line in connection_rows(seen, NOW, 80))


@pytest.mark.parametrize("kind", list(DataType))
def test_what_kind_of_prices_come_over_the_line_is_said(kind: DataType) -> None:
    shown = text(data_type=kind, data_source="feed", data_at=NOW - timedelta(seconds=12))
    assert f"{kind.replace('_', ' ')} from feed, the newest 12 s ago" in shown


def test_what_was_never_asked_or_compared_is_said_so() -> None:
    assert "nobody asked for one yet" in text()
    assert "reconciled   never" in text()


def test_the_last_comparison_with_the_books_has_its_age() -> None:
    assert "reconciled   3 min ago" in text(reconciled_at=NOW - timedelta(minutes=3))
