"""The line that takes a code of the operator's authenticator, inline above the keys."""

from __future__ import annotations

from dataclasses import replace

from cockpit.model.refusals import refuse
from cockpit.model.text import safe
from cockpit.model.trading import Mode, TradingState, TradingSwitch
from cockpit.operator.act import Answer, Command, Done
from tests.tui.fake_face import NOW, FakeFace, busy_face, client_ticket, connection
from tests.tui.screens import Seat, seated

ENROLMENT = "\n".join(f"{'█' * 37}  row {row}" for row in range(19))


class Guarded:
    """Lets a face ask for codes as one does whose operator has an authenticator."""

    def __init__(self, face: FakeFace, *guarded: str) -> None:
        self._face = face
        self._guarded = guarded
        self.codes: list[str] = []
        face.run = self.run

    async def run(self, command: Command) -> Answer:
        self._face.commands.append(command)
        if command.act == "totp.enroll":
            return Done(ENROLMENT, {"secret": "ABCD"})
        if command.act == "totp.confirm":
            right = command.arguments["code"] == "123456"
            return Done("Enrolled.\nabcd-efgh-ijkl\n", {}) if right else refuse("TOTP_WRONG")
        if command.act in self._guarded:
            self.codes.append(command.totp)
            if command.totp != "123456":
                return refuse("TOTP_WRONG" if command.totp else "TOTP_NEEDED")
        return Done(f"{command.act} was done.")


async def typed_command(seat: Seat, line: str) -> None:
    await seat.type(line)
    await seat.press("enter")


async def test_a_refused_act_asks_for_its_code_inline_until_it_is_right() -> None:
    face = busy_face()
    face.seen = replace(face.seen, switch=TradingSwitch(TradingState.HALTED, NOW, safe("")))
    guarded = Guarded(face, "resume")
    async with seated(face) as seat:
        await typed_command(seat, ":resume")
        await typed_command(seat, "RESUME")
        assert "AUTHENTICATOR CODE to resume" in seat.text
        await typed_command(seat, "111111")
        assert "That code is wrong, or too old." in seat.text
        assert "AUTHENTICATOR CODE to resume" in seat.text
        await typed_command(seat, "123456")
        assert "resume was done." in seat.text
        assert "AUTHENTICATOR" not in seat.text
    assert guarded.codes == ["", "111111", "123456"]


async def test_arming_takes_the_word_and_a_code_and_disarming_neither() -> None:
    face = busy_face()
    face.seen = replace(face.seen, connections=(connection("real", Mode.LIVE),))
    guarded = Guarded(face, "connection.arm")
    async with seated(face) as seat:
        await typed_command(seat, ":arm real --for 90m")
        assert "LIVE MONEY: TYPE ARM to let orders open on real" in seat.text
        assert guarded.codes == []
        await typed_command(seat, "ARM")
        assert "AUTHENTICATOR CODE to arm" in seat.text
        await typed_command(seat, "123456")
        assert "connection.arm was done." in seat.text
        await typed_command(seat, ":disarm real")
        assert "connection.disarm was done." in seat.text
    assert guarded.codes == ["", "123456"]
    assert face.commands[-2].arguments == {"connection": "real", "for": "90m"}


async def test_letting_a_client_in_with_writes_goes_on_with_exactly_the_same_choices() -> None:
    face = busy_face()
    face.client_tickets["KWMRTB"] = client_ticket(face.seen.pending_clients[0])
    guarded = Guarded(face, "client.approve")
    async with seated(face) as seat:
        await typed_command(seat, ":approve KWMRTB")
        await seat.press("down", "down", "down", "space", "a", "y")
        assert "AUTHENTICATOR CODE to approve" in seat.text
        await typed_command(seat, "123456")
        assert "client.approve was done." in seat.text
    first, second = seat.face.commands
    assert first.arguments == second.arguments
    assert "write:orders" in first.arguments["scope"]
    assert guarded.codes == ["", "123456"]


async def test_turning_away_from_the_code_sends_nothing_more_and_kill_works_from_it() -> None:
    face = busy_face()
    Guarded(face, "rules.on")
    async with seated(face) as seat:
        await typed_command(seat, ":rules on small")
        await seat.press("y")
        assert "AUTHENTICATOR CODE" in seat.text
        await seat.press("enter")
        assert "AUTHENTICATOR CODE" in seat.text
        await seat.press("escape")
        assert "AUTHENTICATOR CODE" not in seat.text
        assert [act for act, _ in seat.sent] == ["rules.on"]
        await typed_command(seat, ":rules on small")
        await seat.press("y")
        await seat.type("123")
        await seat.press("ctrl+k")
        assert seat.sent[-1][0] == "kill"


async def test_the_code_never_takes_a_line_away_that_is_being_typed() -> None:
    face = busy_face()
    guarded = Guarded(face, "rules.on")
    async with seated(face) as seat:
        seat.app.errands.send(Command("rules.on", {"name": "small"}))
        seat.app.controls.press("colon", ":", seat.clock.monotonic())
        await seat.settle()
        assert seat.app.state.entry is not None
        assert seat.app.state.entry.label == ":"
        await seat.press("escape")
        assert "TOTP_NEEDED" in seat.text
    assert guarded.codes == [""]


async def test_what_a_code_does_not_mend_is_told_and_not_asked_for() -> None:
    face = busy_face()
    face.answers["rules.on"] = refuse("TOTP_PAUSED")
    async with seated(face) as seat:
        await typed_command(seat, ":rules on small")
        await seat.press("y")
        assert "TOTP_PAUSED" in seat.text
        assert seat.app.state.entry is None


async def test_enrolling_shows_the_whole_drawing_above_the_line_for_its_first_code() -> None:
    face = busy_face()
    Guarded(face)
    async with seated(face) as seat:
        await typed_command(seat, ":totp enroll")
        rows = seat.rows()
        assert [row.strip() for row in rows if "█" * 37 in row] == ENROLMENT.splitlines()
        assert "FIRST CODE that it shows" in rows[-2]
        await typed_command(seat, "111111")
        assert "That code is wrong" in seat.text
        assert sum("█" * 37 in row for row in seat.rows()) == 19
        await typed_command(seat, "123456")
        assert "abcd-efgh-ijkl" in seat.text
        assert seat.app.state.entry is None
    assert seat.sent == [
        ("totp.enroll", {}),
        ("totp.confirm", {"code": "111111"}),
        ("totp.confirm", {"code": "123456"}),
    ]


async def test_an_authenticator_is_replaced_by_a_code_of_the_old_one_and_the_first_of_the_new() -> None:
    face = busy_face()
    guarded = Guarded(face)
    begun = guarded.run

    async def run(command: Command) -> Answer:
        if command.act == "totp.enroll" and command.totp != "654321":
            face.commands.append(command)
            return refuse("TOTP_NEEDED")
        return await begun(command)

    face.run = run
    async with seated(face) as seat:
        await typed_command(seat, ":totp enroll")
        assert "AUTHENTICATOR CODE to totp enroll" in seat.text
        await typed_command(seat, "654321")
        assert "FIRST CODE that it shows" in seat.text
