"""How clients that wait are shown: the host first, and of the name no more than is known of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cockpit.model.text import safe
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


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("https://evil.example/cb", "evil.example"),
        ("https://cursor.com@evil.example/cb", "evil.example"),
        ("https://cursor.com:8443@[2001:db8::1]:9/cb", "2001:db8::1"),
        ("https://[broken", "no host"),
    ],
)
def test_a_code_that_goes_to_another_host_shows_that_one_as_large_as_the_first(uri: str, host: str) -> None:
    ticket = replace(client_ticket(pending_client()), redirect_uri=safe(uri))
    rows, _ = client_ticket_rows(ClientForm("BCDFGH", ticket), (), NOW, 80)
    bands = [span.text.strip() for row in rows for span in row.spans if span.role == "host"]
    assert bands == ["cursor.com", f"→ its code goes to {host}"]


def test_a_code_that_goes_to_the_same_host_has_one_band() -> None:
    rows, _ = client_ticket_rows(ClientForm("BCDFGH", client_ticket(pending_client(host="Cursor.com"))), (), NOW, 80)
    assert [span.text.strip() for row in rows for span in row.spans if span.role == "host"] == ["Cursor.com"]
