"""Codes of the operator's authenticator at the command line, against a real socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pyotp.totp
import pytest

from cockpit.cli.act_commands import command_for
from cockpit.cli.typed_codes import may_take_code
from cockpit.model.clock import SystemClock
from cockpit.model.refusals import Refusal, refuse
from cockpit.operator.act import Act, Answer, Command, Done
from cockpit.operator.acts import ACTS
from cockpit.store.database import Store
from oauth.totp import Totp
from tests.cli.cockpits import TalkingCockpit
from tests.cli.conftest import CommandLine

QR = "█▀▀█ Scan this\n█▄▄█ ABCD EFGH"


class Guarded:
    """Answers as a cockpit does whose operator has an authenticator."""

    def __init__(self, talking: TalkingCockpit, good: str = "123456") -> None:
        self._good = good
        self._talking = talking
        self.codes: list[str] = []
        talking.run = self.run

    async def run(self, command: Command) -> Answer:
        self._talking.ran.append(command)
        code = command.arguments["code"] if command.act == "totp.confirm" else command.totp
        if command.act == "totp.enroll":
            return Done(QR, {"secret": "ABCDEFGH"})
        self.codes.append(code)
        if not code:
            return refuse("TOTP_NEEDED", act="resume")
        return Done("RUNNING.") if code == self._good else refuse("TOTP_WRONG")


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.cli.act_commands.has_terminal", lambda: True)


def test_a_code_is_named_by_an_option(command: CommandLine, running: TalkingCockpit) -> None:
    guarded = Guarded(running)
    assert command("resume", "--yes", "--totp", "123456").exit_code == 0
    assert guarded.codes == ["123456"]


def test_without_a_terminal_a_missing_code_is_refused_at_once(command: CommandLine, running: TalkingCockpit) -> None:
    guarded = Guarded(running)
    result = command("resume", "--yes", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["code"] == "TOTP_NEEDED"
    assert guarded.codes == [""]


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize(
    ("typed", "sent", "code"),
    [
        ("123456\n", ["", "123456"], 0),
        ("111111\n123456\n", ["", "111111", "123456"], 0),
        ("1\n2\n3\n123456\n", ["", "1", "2", "3"], 1),
        ("\n", [""], 1),
    ],
)
def test_at_a_terminal_the_code_is_asked_for_at_most_three_times(
    command: CommandLine, running: TalkingCockpit, typed: str, sent: list[str], code: int
) -> None:
    guarded = Guarded(running)
    result = command("resume", "--yes", typed=typed)
    assert result.exit_code == code
    assert guarded.codes == sent
    assert "Code of your authenticator" in result.stderr


@pytest.mark.usefixtures("at_a_terminal")
def test_a_wrong_code_by_option_is_not_asked_for_again(command: CommandLine, running: TalkingCockpit) -> None:
    guarded = Guarded(running)
    result = command("resume", "--yes", "--totp", "111111", typed="123456\n")
    assert result.exit_code == 1
    assert "TOTP_WRONG" in result.stderr
    assert guarded.codes == ["111111"]


@pytest.mark.usefixtures("at_a_terminal")
def test_what_a_code_would_not_mend_is_not_asked_for(command: CommandLine, running: TalkingCockpit) -> None:
    running.answers["resume"] = refuse("TOTP_PAUSED", seconds=30)
    result = command("resume", "--yes", typed="123456\n")
    assert "TOTP_PAUSED" in result.stderr
    assert "Code of your" not in result.output


@pytest.mark.usefixtures("at_a_terminal")
def test_enrolling_shows_the_drawing_and_is_finished_by_the_first_right_code(
    command: CommandLine, running: TalkingCockpit
) -> None:
    Guarded(running)
    result = command("totp", "enroll", typed="111111\n123456\n")
    assert result.exit_code == 0, result.output
    assert QR in result.stdout
    assert [(sent.act, dict(sent.arguments)) for sent in running.ran] == [
        ("totp.enroll", {}),
        ("totp.confirm", {"code": "111111"}),
        ("totp.confirm", {"code": "123456"}),
    ]


@pytest.mark.usefixtures("at_a_terminal")
def test_enrolling_without_a_code_says_how_it_is_finished_later(command: CommandLine, running: TalkingCockpit) -> None:
    Guarded(running)
    result = command("totp", "enroll", typed="\n")
    assert result.exit_code == 1
    assert "totp confirm" in result.stderr


def test_without_a_terminal_enrolling_only_begins(command: CommandLine, running: TalkingCockpit) -> None:
    Guarded(running)
    result = command("totp", "enroll", "--json")
    assert json.loads(result.stdout) == {"secret": "ABCDEFGH"}
    assert [sent.act for sent in running.ran] == ["totp.enroll"]


@pytest.mark.parametrize("act", ACTS.values(), ids=lambda act: act.name)
def test_only_what_may_take_a_code_has_the_option(act: Act) -> None:
    options = {name for parameter in command_for(act, act.command.split()[-1]).params for name in parameter.opts}
    assert ("--totp" in options) is may_take_code(act)


async def _enrolled(folder: Path) -> bool:
    async with Store(folder, SystemClock()) as store:
        totp = Totp(store, SystemClock(), lambda _event: None)
        await totp.load()
        return totp.enrolled


async def _enrol(folder: Path) -> None:

    async with Store(folder, SystemClock()) as store:
        totp = Totp(store, SystemClock(), lambda _event: None)
        secret = totp.begin("test").secret.replace(" ", "")
        assert not isinstance(await totp.finish(pyotp.totp.TOTP(secret).now(), "screen"), Refusal)


async def test_a_lost_authenticator_is_removed_while_no_cockpit_runs_and_only_when_it_is_said_so(
    command: CommandLine,
) -> None:

    await _enrol(command.folder)
    refused = await asyncio.to_thread(command, "totp", "remove", "--yes")
    assert refused.exit_code == 1
    assert "--lost" in refused.stderr
    assert await _enrolled(command.folder)
    removed = await asyncio.to_thread(command, "totp", "remove", "--lost", "--yes")
    assert removed.exit_code == 0, removed.output
    assert not await _enrolled(command.folder)
    assert not list((command.folder / "keys").glob("totp-*"))
    tail = await asyncio.to_thread(command, "audit", "tail", "--json")
    assert [row["tool"] for row in json.loads(tail.stdout)][-1] == "totp removed"


def test_where_no_cockpit_ever_ran_there_is_nothing_to_remove(command: CommandLine) -> None:
    result = command("totp", "remove", "--lost", "--yes")
    assert "TOTP_NOT_ENROLLED" in result.stderr
    assert not (command.folder / "cockpit.db").exists()
