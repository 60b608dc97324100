from dataclasses import replace

from cockpit.model.identity import WRITE_SCOPES, Scope
from cockpit.operator.act import Command
from tests.tui.fake_face import client_ticket, pending_client
from tui.client_form import CONNECTION, LIFE, NAME, ClientForm


def form(connections: tuple[str, ...] = ("paper",)) -> ClientForm:
    return ClientForm("KWMRTB", client_ticket(pending_client(), connections))


def test_only_the_reading_scopes_that_were_asked_for_are_chosen_at_first() -> None:
    assert form().chosen == {Scope.READ_MARKET, Scope.READ_ACCOUNT, Scope.READ_ORDERS}


def test_a_write_that_the_ticket_should_not_have_preselected_can_be_seen_in_the_command_only_when_chosen() -> None:
    wanted = form()
    assert "write" not in wanted.command().arguments["scope"]
    wanted.row = wanted.rows.index(Scope.WRITE_ORDERS)
    wanted.change()
    assert wanted.command() == Command(
        "client.approve",
        {
            "code": "KWMRTB",
            "as": "cursor",
            "scope": "read:market read:account read:orders write:orders",
            "connection": "paper",
        },
    )


def test_another_connection_begins_again_with_the_reading_scopes() -> None:
    wanted = form(("ibkr", "paper"))
    wanted.row = wanted.rows.index(Scope.WRITE_ORDERS)
    wanted.change()
    wanted.row = wanted.rows.index(CONNECTION)
    wanted.change()
    assert wanted.connection == "paper"
    assert not wanted.chosen & WRITE_SCOPES


def test_the_choice_of_connection_is_only_there_when_there_is_one() -> None:
    assert CONNECTION not in form().rows
    assert form().rows[:2] == (NAME, LIFE)


def test_what_hinders_an_approval_is_said() -> None:
    wanted = form()
    wanted.chosen.clear()
    assert "scope" in wanted.complaint()
    wanted = form()
    wanted.name = "../etc"
    assert "name" in wanted.complaint()
    wanted.name = "Operator"
    assert "by hand" in wanted.complaint()
    nowhere = ClientForm("X", replace(client_ticket(pending_client()), scopes_by_connection=()))
    assert "connection" in nowhere.complaint()


def test_a_life_is_sent_only_when_one_was_chosen() -> None:
    wanted = form()
    assert "for" not in wanted.command().arguments
    wanted.row = wanted.rows.index(LIFE)
    wanted.change()
    assert wanted.command().arguments["for"] == "1h"
