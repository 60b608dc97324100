"""An answer that comes after the operator has turned away opens nothing, and moves nothing under a question."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.model.events import Notice
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.operator.act import Answer, Command, Done
from cockpit.operator.view import ClientTicket
from tests.tui.fake_face import NOW, FakeFace, busy_face
from tests.tui.screens import Seat, seated
from tests.tui.test_closing import holding
from tui.state import Place


def slow_looks(face: FakeFace) -> asyncio.Event:
    """Let a face answer looks at positions and codes only once the event is set."""
    gate, run, ticket = asyncio.Event(), face.run, face.client_ticket

    async def slowly(command: Command) -> Answer:
        if command.act == "position.look":
            await gate.wait()
        return await run(command)

    async def found_slowly(code: str) -> ClientTicket | Refusal:
        await gate.wait()
        return await ticket(code)

    face.run, face.client_ticket = slowly, found_slowly
    return gate


@pytest.mark.parametrize("turned", ["escape", "ctrl+k", "o", "p"])
async def test_a_look_that_comes_after_the_operator_turned_away_asks_nothing(turned: str) -> None:
    face = holding()
    gate = slow_looks(face)
    async with seated(face) as seat:
        await seat.press("p", "x", turned)
        gate.set()
        await seat.settle()
        assert seat.app.state.question is None
        assert "CLOSE" not in seat.text
        await seat.press("y")
        assert "position.close" not in [act for act, _ in seat.sent]


async def test_a_typed_kill_lets_go_of_a_look_too() -> None:
    face = holding()
    gate = slow_looks(face)
    async with seated(face) as seat:
        await seat.press("p", "x")
        await seat.type(":kill")
        await seat.press("enter")
        gate.set()
        await seat.settle()
        assert seat.app.state.question is None


async def test_of_two_looks_the_one_that_was_wanted_last_asks() -> None:
    face = holding("OMEG")
    gate = slow_looks(face)
    async with seated(face) as seat:
        await seat.press("p", "x", "j", "x")
        assert seat.app.state.close_sought is not None
        assert seat.app.state.close_sought.arguments["symbol"] == "OMEG"
        gate.set()
        await seat.settle()
        assert seat.app.state.question is not None
        assert seat.app.state.question.command is not None
        assert seat.app.state.question.command.arguments["symbol"] == "OMEG"


async def test_a_clients_request_does_not_slide_under_an_open_question() -> None:
    face = busy_face()
    gate = slow_looks(face)
    async with seated(face) as seat:
        await seat.press("g")
        await seat.type(":approve KWMRTB")
        await seat.press("enter", "a")
        assert seat.app.state.question is not None
        gate.set()
        await seat.settle()
        assert (seat.app.state.place, seat.app.state.form) == (Place.MAIN, None)
        await seat.press("n")
        await seat.type(":approve KWMRTB")
        await seat.press("enter")
        await seat.settle()
        assert "LET IN A CLIENT" in seat.text


async def test_a_request_that_is_let_go_of_is_told_once_the_question_is_answered() -> None:
    face = busy_face()
    gate = slow_looks(face)
    async with seated(face) as seat:
        await seat.press("g")
        await seat.type(":approve KWMRTB")
        await seat.press("enter", "a")
        gate.set()
        await seat.settle()
        seat.app.state.question = None
        await seat.settle()
        assert "type its code again" in " ".join(seat.text.split())


async def test_a_kill_lets_go_of_a_code_that_is_being_looked_up() -> None:
    face = busy_face()
    gate = slow_looks(face)
    async with seated(face) as seat:
        await seat.type(":approve KWMRTB")
        await seat.press("enter", "ctrl+k")
        gate.set()
        await seat.settle()
        assert seat.app.state.form is None


async def test_a_typed_approval_is_bound_to_the_version_that_was_typed() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":approve-order o-01JQ0000000000000000000001 --version 99")
        await seat.press("enter")
        assert seat.app.state.question is None
        assert "stands at version 2, not 99" in seat.text
        await seat.type(":approve-order o-01JQ0000000000000000000001 --version 2")
        await seat.press("enter", "y")
        assert seat.sent == [("order.approve", {"order_id": "o-01JQ0000000000000000000001", "version": "2"})]


def slow_codes(face: FakeFace) -> asyncio.Event:
    """Let a face say that a code is due only once the event is set; with a code the act is done."""
    gate = asyncio.Event()

    async def run(command: Command) -> Answer:
        face.commands.append(command)
        if command.act == "kill":
            return Done("KILLED: all of it.")
        await gate.wait()
        return Done("done") if command.totp else refuse("TOTP_NEEDED")

    face.run = run
    return gate


async def let_in(seat: Seat) -> None:
    """Answer the question whether a client that waits may write."""
    await seat.type(":approve KWMRTB")
    await seat.press("enter", "down", "down", "down", "space", "a", "y")


async def test_no_code_is_asked_for_a_client_that_is_gone_by_then() -> None:
    face = busy_face()
    gate = slow_codes(face)
    async with seated(face) as seat:
        await let_in(seat)
        face.show(pending_clients=())
        await seat.settle()
        gate.set()
        await seat.settle()
        assert seat.app.state.entry is None
        assert "That client no longer waits; nothing was granted." in seat.text


async def test_a_code_for_a_client_that_went_while_it_was_typed_sends_nothing() -> None:
    face = busy_face()
    slow_codes(face).set()
    async with seated(face) as seat:
        await let_in(seat)
        await seat.type("123")
        assert "AUTHENTICATOR CODE to approve KWMRTB" in seat.text
        face.show(pending_clients=())
        await seat.settle()
        assert "That client no longer waits; nothing was granted. esc goes back" in " ".join(seat.text.split())
        await seat.type("456")
        assert seat.app.state.entry is not None
        assert seat.app.state.entry.edit.text == "123456"
        before = len(seat.sent)
        await seat.press("enter")
        assert len(seat.sent) == before
        assert seat.app.state.entry is None


async def test_no_code_is_asked_for_after_a_kill_for_what_was_sent_before_it() -> None:
    face = busy_face()
    gate = slow_codes(face)
    async with seated(face) as seat:
        await seat.type(":rules on small")
        await seat.press("enter", "y", "ctrl+k")
        gate.set()
        await seat.settle()
        assert seat.app.state.entry is None


async def test_what_the_host_says_meanwhile_stands_behind_the_answer_to_a_key() -> None:
    face = busy_face()
    slow_codes(face).set()
    async with seated(face) as seat:
        await seat.press("ctrl+k")
        await seat.settle()
        assert "KILLED: all of it." in seat.text
        face.publish(Notice(NOW, safe("real is no longer armed"), True))
        seat.app.drain()
        await seat.settle()
        assert "KILLED: all of it." in seat.text
        assert "no longer armed" not in seat.text
        seat.wait(9)
        await seat.settle()
        assert "KILLED: all of it." not in seat.text
        assert "real is no longer armed" in seat.text
        seat.wait(30)
        await seat.settle()
        assert "no longer armed" not in seat.text
