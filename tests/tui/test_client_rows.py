"""How clients that wait are shown: the host first, and of the name no more than is known of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tui.fake_face import NOW, client_ticket, pending_client
from tui.client_form import ClientForm
from tui.rows.client_ticket import client_ticket_rows
from tui.rows.waiting_row import claim


def ticket_text(alike: int, width: int = 100) -> str:
    ticket = replace(client_ticket(pending_client()), alike=alike)
    rows, _ = client_ticket_rows(ClientForm("BCDFGH", ticket), (), NOW, width)
    return "\n".join("".join(span.text for span in row.spans) for row in rows)


def test_a_name_that_is_not_known_yet_is_not_invented() -> None:
    assert claim(replace(pending_client(name=""), unfetched=True)) == "not fetched yet"


@pytest.mark.parametrize(("flagged", "shown"), [(False, "“Claude”"), (True, "“Claude” NOT ITS HOST")])
def test_a_name_that_belongs_to_another_host_says_so_in_its_row(flagged: bool, shown: str) -> None:
    assert claim(replace(pending_client(name="Claude", host="evil.example"), flagged=flagged)) == shown


def test_a_program_that_registers_again_and_again_is_one() -> None:
    assert "registered 3 times" in ticket_text(2)
    assert "registered" not in ticket_text(0)
