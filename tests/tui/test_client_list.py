"""The list of clients: what it says of programs without a browser, and of scopes for a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cockpit.model.identity import Scope, Via
from cockpit.operator.view import ClientView
from tests.tui.fake_face import NOW, client
from tui.rows.lists import client_list_rows
from tui.stable_rows import StableRows


def drawn(view: ClientView) -> str:
    rows = StableRows[ClientView](lambda one: one.grant_id)
    rows.take([view])
    rows.chosen_key = view.grant_id
    return "\n".join("".join(span.text for span in line.spans) for line in client_list_rows(rows, NOW, 120, 20))


@pytest.mark.parametrize(
    ("via", "said"),
    [(Via.KEY, "API key"), (Via.TOKEN, "minted token"), (Via.SERVICE, "service"), (Via.OAUTH, "client.example")],
)
def test_a_program_without_a_browser_is_called_what_it_is(via: Via, said: str) -> None:
    assert said in drawn(client("robot", "client.example", (Scope.READ_MARKET,), 1, 1, via))


def test_a_scope_for_a_time_says_how_long_it_is_left() -> None:
    view = client("robot", "client.example", (Scope.READ_MARKET, Scope.WRITE_ORDERS), 1, 1)
    timed = replace(view, timed=((Scope.WRITE_ORDERS, NOW + timedelta(minutes=29)),))
    assert "read:market write:orders (29 min left)" in drawn(timed)
    assert "left)" not in drawn(view)
