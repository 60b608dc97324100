"""The operator's authenticator through his own door: the acts, the guard in front of all acts, and the real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp.totp
import pytest
import segno

from cockpit.cli.socket_client import ask
from cockpit.model.clock import SystemClock
from cockpit.model.refusals import Refusal
from cockpit.operator.act import Answer, Command, Done
from cockpit.operator.desk_face import OperatorFace
from tests.operator.houses import House, open_house

WRITES = "read:market write:orders"


@dataclass
class SteppingClock(SystemClock):
    """The host's clock, which goes on by whole steps when a test needs another code."""

    ahead: timedelta = timedelta(0)
    idled: float = 0.0

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.idled

    def step(self) -> None:
        self.ahead += timedelta(seconds=30)

    def idle_for(self, seconds: float) -> None:
        self.idled += seconds


@dataclass
class Guarded:
    """A house whose operator has an authenticator."""

    house: House
    clock: SteppingClock
    secret: str
    backups: list[str]

    def code(self) -> str:
        """Return a code that was not used yet."""
        self.clock.step()
        return pyotp.totp.TOTP(self.secret).at(int(self.clock.now().timestamp()))

    async def act(self, name: str, code: str = "", by: str = "socket", /, **arguments: str) -> Answer:
        return await self.house.face.run(Command(name, arguments, by, code))


@asynccontextmanager
async def guarded(folder: Path, toml: str = "") -> AsyncIterator[Guarded]:
    clock = SteppingClock()
    async with open_house(folder, toml, clock=clock) as house:
        enrolling = await house.done("totp.enroll")
        secret = str(enrolling["secret"])
        made = await house.done("totp.confirm", code=pyotp.totp.TOTP(secret).at(int(clock.now().timestamp())))
        yield Guarded(house, clock, secret, list(made["backup_codes"]))


def code_of(answer: Answer) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


def done(answer: Answer) -> Any:
    assert isinstance(answer, Done), answer
    return answer.data


async def test_before_an_authenticator_is_enrolled_nothing_takes_a_code(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        assert (await house.done("totp.status"))["enrolled"] is False
        await house.done("key.create", name="bot", scope=WRITES)
        assert code_of(await house.act("totp.backup")) == "TOTP_NOT_ENROLLED"
        assert code_of(await house.act("totp.remove")) == "TOTP_NOT_ENROLLED"
        assert code_of(await house.act("totp.confirm", code="123456")) == "TOTP_NOT_BEGUN"


async def test_an_authenticator_that_was_begun_and_not_finished_guards_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.done("totp.enroll")
        assert code_of(await house.act("totp.confirm", code="000000")) == "TOTP_WRONG"
        await house.done("key.create", name="bot", scope=WRITES)


async def test_the_enrolment_fits_the_smallest_screen_and_its_drawing_is_the_code(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        answer = await house.act("totp.enroll")
        assert isinstance(answer, Done)
        assert isinstance(answer.data, dict)
    rows = answer.says.splitlines()
    assert len(rows) <= 20
    assert max(len(row) for row in rows) <= 76
    secret = answer.data["secret"]
    typed = "".join(row[37:].replace(" ", "") for row in rows)
    assert (secret in typed) is True  # without a comparison of drawings, which would take minutes
    assert answer.data["uri"] == f"otpauth://totp/Cockpit-127.0.0.1?secret={secret}"
    matrix = segno.make(answer.data["uri"], error="l", boost_error=False, micro=False).matrix
    size = len(matrix)
    halves = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    drawn = [[halves[sign] for sign in row[: size + 4]] for row in rows]
    read = [
        [upper for upper, _ in row] if half == 0 else [lower for _, lower in row] for row in drawn for half in (0, 1)
    ]
    assert [row[2:-2] for row in read[2 : 2 + size]] == [list(row) for row in matrix]


async def test_a_name_of_any_length_leaves_the_drawing_its_size(tmp_path: Path) -> None:
    toml = '[server]\npublic_url = "https://a-very-long-name-of-a-host.trading.example.com"\n'
    async with open_house(tmp_path, toml) as house:
        answer = await house.act("totp.enroll")
        assert isinstance(answer, Done)
        assert len(answer.says.splitlines()) <= 20


async def test_over_the_socket_what_adds_risk_takes_a_code_and_what_lowers_it_none(tmp_path: Path) -> None:
    async with guarded(tmp_path) as at:
        assert code_of(await at.act("key.create", name="bot", scope=WRITES)) == "TOTP_NEEDED"
        assert code_of(await at.act("key.create", "000000", name="bot", scope=WRITES)) == "TOTP_WRONG"
        assert done(await at.act("key.list")) == []
        code = at.code()
        key = str(done(await at.act("key.create", code, name="bot", scope=WRITES, connection="paper"))["key"])
        assert code_of(await at.act("key.create", code, name="bot2", scope=WRITES)) == "TOTP_USED"
        order = await at.house.order(key)
        assert code_of(await at.act("order.approve", order_id=order["order_id"])) == "TOTP_NEEDED"
        done(await at.act("order.deny", order_id=order["order_id"]))
        done(await at.act("halt"))
        assert code_of(await at.act("resume")) == "TOTP_NEEDED"
        done(await at.act("resume", at.code()))
        done(await at.act("kill"))
        assert code_of(await at.act("resume")) == "TOTP_NEEDED"
        done(await at.act("resume", at.backups[0]))
        assert code_of(await at.act("key.enable", name="bot")) == "TOTP_NEEDED"
        done(await at.act("key.revoke", name="bot"))


async def test_at_the_screen_orders_are_approved_without_a_code_and_writes_are_granted_with_one(tmp_path: Path) -> None:
    async with guarded(tmp_path) as at:
        key = str(done(await at.act("key.create", at.code(), "screen", name="bot", scope=WRITES))["key"])
        order = await at.house.order(key)
        assert done(await at.act("order.approve", "", "screen", order_id=order["order_id"]))["state"] == "filled"
        assert code_of(await at.act("key.create", "", "screen", name="bot2", scope=WRITES)) == "TOTP_NEEDED"
        done(await at.act("key.create", "", "screen", name="reader", scope="read:market"))
        assert code_of(await at.act("client.scopes", "", "screen", client="reader", add="write:orders")) == (
            "TOTP_NEEDED"
        )
        done(await at.act("limits.set", "", "screen", name="paper", limit="max_quantity", value="5"))
        raised = {"name": "paper", "limit": "max_quantity", "value": "6", "raise": "yes"}
        assert code_of(await at.act("limits.set", "", "screen", **raised)) == "TOTP_NEEDED"
        done(await at.act("limits.set", at.code(), "screen", **raised))


async def test_an_unknown_face_is_treated_like_the_socket(tmp_path: Path) -> None:
    async with guarded(tmp_path) as at:
        assert code_of(await at.act("order.approve", "", "somebody", order_id="o-1")) == "TOTP_NEEDED"


async def test_a_code_that_nothing_asked_for_is_not_used_up(tmp_path: Path) -> None:
    async with guarded(tmp_path) as at:
        code = at.code()
        done(await at.act("halt", code))
        done(await at.act("resume", code))


async def test_one_code_that_comes_twenty_times_at_once_does_one_act(tmp_path: Path) -> None:
    async with guarded(tmp_path) as at:
        code = at.code()
        answers = await asyncio.gather(*(at.act("key.create", code, name=f"bot-{n}", scope=WRITES) for n in range(20)))
        assert sum(isinstance(answer, Done) for answer in answers) == 1
        assert len(done(await at.act("key.list"))) == 1


async def test_a_new_authenticator_and_a_removal_take_a_code_of_the_old_one(tmp_path: Path) -> None:
    async with guarded(tmp_path) as at:
        for name in ("totp.enroll", "totp.remove", "totp.backup"):
            for by in ("screen", "socket"):
                assert code_of(await at.act(name, "", by)) == "TOTP_NEEDED"
        new = done(await at.act("totp.backup", at.code()))["backup_codes"]
        assert not set(new) & set(at.backups)
        begun = done(await at.act("totp.enroll", new[0]))
        done(await at.act("key.create", at.code(), name="bot", scope=WRITES))
        at.secret = begun["secret"]
        finished = await at.act("totp.confirm", code=at.code())
        assert isinstance(finished, Done)
        assert max(len(row) for row in finished.says.splitlines()) < 80
        assert code_of(await at.act("totp.remove", new[1])) == "TOTP_WRONG"
        assert code_of(await at.act("totp.remove", at.code(), lost="yes")) == "BAD_ACT_ARGUMENTS"
        done(await at.act("totp.remove", at.code()))
        done(await at.act("key.create", name="bot2", scope=WRITES))
        assert done(await at.act("totp.status"))["enrolled"] is False


async def test_wrong_codes_close_the_socket_for_a_while_and_leave_the_screen_and_safe_acts_open(tmp_path: Path) -> None:
    async with guarded(tmp_path) as at:
        for _ in range(5):
            assert code_of(await at.act("key.create", "000000", name="bot", scope=WRITES)) == "TOTP_WRONG"
        assert code_of(await at.act("key.create", at.code(), name="bot", scope=WRITES)) == "TOTP_PAUSED"
        assert done(await at.act("totp.status"))["paused_seconds"] in range(28, 31)
        done(await at.act("halt"))
        done(await at.act("kill"))
        done(await at.act("resume", at.code(), "screen"))
        texts = [notice.text for notice in at.house.face.snapshot().notices]
        assert any("5 wrong codes in a row (socket)" in text for text in texts)


async def test_a_refused_code_makes_nobody_present(tmp_path: Path) -> None:
    async with guarded(tmp_path) as at:
        presence = at.house.face._rooms.presence
        at.clock.idle_for(24 * 3600)
        assert not presence.present
        assert code_of(await at.act("order.approve", "000000", order_id="o-1")) == "TOTP_WRONG"
        assert code_of(await at.act("order.approve", order_id="o-1")) == "TOTP_NEEDED"
        assert not presence.present
        done(await at.act("halt"))
        assert presence.present


SCREEN_ONLY = '[control]\napprovals = "screen"\n'


async def test_with_approvals_at_the_screen_the_socket_adds_no_risk_with_whatever_code(tmp_path: Path) -> None:
    async with open_house(tmp_path, SCREEN_ONLY) as house:
        risky: list[tuple[str, dict[str, str]]] = [
            ("client.approve", {"code": "BCDFGH"}),
            ("order.approve", {"order_id": "o-1"}),
            ("key.create", {"name": "bot", "scope": "read:market"}),
            ("totp.enroll", {}),
            ("totp.remove", {}),
        ]
        for name, arguments in risky:
            refused = await house.face.run(Command(name, arguments, "socket", "123456"))
            assert code_of(refused) == "SCREEN_ONLY"
            assert isinstance(refused, Refusal)
            assert refused.details["act"]
        assert isinstance(await house.act("halt"), Done)
        assert code_of(await house.act("resume")) == "SCREEN_ONLY"
        assert isinstance(await house.face.run(Command("resume", {}, "screen")), Done)
        assert isinstance(await house.act("limits.set", name="paper", limit="max_quantity", value="5"), Done)
        assert isinstance(await house.act("status"), Done)
        assert isinstance(await house.face.run(Command("totp.enroll", {}, "screen")), Done)


async def test_over_the_real_socket_the_code_comes_beside_the_arguments(tmp_path: Path) -> None:
    async with guarded(tmp_path) as at:
        socket = tmp_path / "data" / "control.sock"

        async def say(code: str) -> Answer:
            wanted = Command("key.create", {"name": "bot", "scope": WRITES}, totp=code)
            return await asyncio.to_thread(ask, socket, wanted)

        assert code_of(await say("")) == "TOTP_NEEDED"
        assert code_of(await say("999 999")) == "TOTP_WRONG"
        code = at.code()
        assert isinstance(await say(f"{code[:3]} {code[3:]}"), Done)
        assert code_of(await say(code)) == "TOTP_USED"


@pytest.mark.parametrize("by", ["screen", "socket"])
async def test_the_operator_reads_that_an_authenticator_came_or_went(tmp_path: Path, by: str) -> None:
    async with guarded(tmp_path) as at:
        done(await at.act("totp.remove", at.code(), by))
        face: OperatorFace = at.house.face
        texts = [(notice.text, notice.bad) for notice in face.snapshot().notices]
    assert ("An authenticator was enrolled (socket): what adds risk takes its codes from now on.", False) in texts
    assert (f"The authenticator was removed ({by}): nothing takes a code any more.", True) in texts
