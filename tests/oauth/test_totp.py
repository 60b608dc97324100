from __future__ import annotations

import asyncio
import base64
import os
import shutil
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp.totp
import pytest

from cockpit.model.events import Event, Notice
from cockpit.model.refusals import Refusal
from cockpit.store.database import Store
from cockpit.store.folder import StoreCannotOpen
from oauth.totp import BEGUN_GUESSES, BEGUN_SECONDS, Totp
from oauth.totp_codes import BACKUP_CODES, STEP_SECONDS

NOON = datetime(2026, 3, 2, 12, 0, 10, tzinfo=UTC)
WRONG = "000000"


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    at: datetime = NOON
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class Phone:
    """An operator's authenticator, which shows the code of any time step."""

    secret: str

    def code(self, at: datetime, steps: int = 0) -> str:
        maker = pyotp.totp.TOTP(self.secret.replace(" ", ""))
        code = maker.at(int(at.timestamp()) + steps * STEP_SECONDS)
        assert code != WRONG
        return code


@dataclass
class Desk:
    """A folder with a database, the clock, and what was told to the operator."""

    folder: Path
    clock: HandClock
    told: list[Event] = field(default_factory=list)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Totp]:
        async with Store(self.folder, self.clock, probe_seconds=0.01) as store:
            totp = Totp(store, self.clock, self.told.append)
            await totp.load()
            yield totp

    def notices(self) -> list[tuple[str, bool]]:
        """Return what was told, and whether it is bad news."""
        return [(event.text, event.bad) for event in self.told if isinstance(event, Notice)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "data", HandClock())


def code_of(refusal: object) -> str:
    assert isinstance(refusal, Refusal), refusal
    return refusal.code


async def enrol(totp: Totp, desk: Desk) -> tuple[Phone, tuple[str, ...]]:
    """Enrol with the code of the step before, so that the present one is still good."""
    phone = Phone(totp.begin("Cockpit-test").secret)
    codes = await totp.finish(phone.code(desk.clock.now(), -1), "screen")
    assert isinstance(codes, tuple), codes
    return phone, codes


async def test_nothing_is_enrolled_before_the_first_right_code(desk: Desk) -> None:
    async with desk.open() as totp:
        begun = totp.begin("Cockpit-test")
        assert begun.secret[:4] not in repr(begun)
        assert not totp.enrolled
        assert code_of(await totp.finish(WRONG, "screen")) == "TOTP_WRONG"
        assert code_of(await totp.check(Phone(begun.secret).code(desk.clock.now()), "screen", "resume")) == (
            "TOTP_NOT_ENROLLED"
        )
        assert not list((desk.folder / "keys").glob("totp*"))
        assert isinstance(await totp.finish(Phone(begun.secret).code(desk.clock.now()), "screen"), tuple)
        assert totp.enrolled


async def test_an_enrolment_waits_ten_minutes_and_only_the_last_one_counts(desk: Desk) -> None:
    async with desk.open() as totp:
        assert code_of(await totp.finish(WRONG, "screen")) == "TOTP_NOT_BEGUN"
        first, second = (Phone(totp.begin("Cockpit-test").secret) for _ in range(2))
        assert code_of(await totp.finish(first.code(desk.clock.now()), "screen")) == "TOTP_WRONG"
        desk.clock.advance(BEGUN_SECONDS)
        assert code_of(await totp.finish(second.code(desk.clock.now()), "screen")) == "TOTP_NOT_BEGUN"


async def test_five_wrong_first_codes_end_an_enrolment_and_beginning_anew_counts_anew(desk: Desk) -> None:
    async with desk.open() as totp:
        for _ in range(2):
            phone = Phone(totp.begin("Cockpit-test").secret)
            for _ in range(BEGUN_GUESSES):
                assert code_of(await totp.finish(WRONG, "socket")) == "TOTP_WRONG"
            assert code_of(await totp.finish(phone.code(desk.clock.now()), "screen")) == "TOTP_NOT_BEGUN"
        phone = Phone(totp.begin("Cockpit-test").secret)
        answers = await asyncio.gather(*(totp.finish(WRONG, f"face-{n}") for n in range(BEGUN_GUESSES - 1)))
        assert {code_of(answer) for answer in answers} == {"TOTP_WRONG"}
        assert isinstance(await totp.finish(phone.code(desk.clock.now()), "screen"), tuple)
    assert desk.notices()[0] == ("5 wrong first codes (socket): the enrolment has ended. Begin it anew.", True)


@pytest.mark.parametrize(
    ("steps", "refused"), [(-2, "TOTP_WRONG"), (-1, None), (0, None), (1, "TOTP_WRONG"), (2, "TOTP_WRONG")]
)
async def test_T82_only_the_present_step_and_the_one_before_are_taken(
    desk: Desk, steps: int, refused: str | None
) -> None:
    """Codes of the steps from two before to two after the present one are typed."""
    async with desk.open() as totp:
        phone, _ = await enrol(totp, desk)
        desk.clock.advance(10 * STEP_SECONDS)
        refusal = await totp.check(phone.code(desk.clock.now(), steps), "screen", "resume")
        assert (None if refusal is None else refusal.code) == refused


async def test_T82_a_code_counts_once(desk: Desk) -> None:
    """A code is typed a second time, at another face, and after its step is over."""
    async with desk.open() as totp:
        phone, _ = await enrol(totp, desk)
        code = phone.code(desk.clock.now())
        assert await totp.check(code, "screen", "resume") is None
        again = await totp.check(code, "screen", "resume")
        assert isinstance(again, Refusal)
        assert (again.code, "set back" in again.message) == ("TOTP_USED", False)
        assert code_of(await totp.check(code, "socket", "resume")) == "TOTP_USED"
        desk.clock.advance(STEP_SECONDS)
        assert code_of(await totp.check(code, "screen", "resume")) == "TOTP_USED"
        assert await totp.check(phone.code(desk.clock.now()), "screen", "resume") is None


async def test_T82_after_a_code_the_one_before_it_counts_no_more(desk: Desk) -> None:
    """The code of the step before is typed after the present one was."""
    async with desk.open() as totp:
        phone, _ = await enrol(totp, desk)
        desk.clock.advance(10 * STEP_SECONDS)
        now = desk.clock.now()
        assert await totp.check(phone.code(now), "screen", "resume") is None
        assert code_of(await totp.check(phone.code(now, -1), "screen", "resume")) == "TOTP_USED"


async def test_T82_of_fifty_at_once_one_is_let_through(desk: Desk) -> None:
    """One code is typed fifty times at the same moment."""
    async with desk.open() as totp:
        phone, _ = await enrol(totp, desk)
        code = phone.code(desk.clock.now())
        answers = await asyncio.gather(*(totp.check(code, f"face-{n % 5}", "resume") for n in range(50)))
        assert answers.count(None) == 1
        assert {answer.code for answer in answers if answer is not None} == {"TOTP_USED"}


async def test_the_code_that_enrolled_is_used_up(desk: Desk) -> None:
    async with desk.open() as totp:
        phone = Phone(totp.begin("Cockpit-test").secret)
        code = phone.code(desk.clock.now())
        assert isinstance(await totp.finish(code, "screen"), tuple)
        assert code_of(await totp.check(code, "screen", "resume")) == "TOTP_USED"


async def test_what_was_used_stays_used_over_a_restart(desk: Desk) -> None:
    async with desk.open() as totp:
        phone, backups = await enrol(totp, desk)
        code = phone.code(desk.clock.now())
        assert await totp.check(code, "screen", "resume") is None
        assert await totp.check(backups[0], "screen", "resume") is None
    async with desk.open() as totp:
        assert totp.enrolled
        assert code_of(await totp.check(code, "screen", "resume")) == "TOTP_USED"
        assert code_of(await totp.check(backups[0], "screen", "resume")) == "TOTP_WRONG"
        desk.clock.advance(STEP_SECONDS)
        assert await totp.check(phone.code(desk.clock.now()), "screen", "resume") is None


async def test_a_host_that_dies_right_after_its_answer_has_not_forgotten_it(desk: Desk, tmp_path: Path) -> None:
    async with desk.open() as totp:
        phone, backups = await enrol(totp, desk)
        code = phone.code(desk.clock.now())
        assert await totp.check(code, "screen", "resume") is None
        assert await totp.check(backups[0], "screen", "resume") is None
        for _ in range(5):
            await totp.check(WRONG, "socket", "resume")
        left = Desk(tmp_path / "left", desk.clock)
        shutil.copytree(desk.folder, left.folder, ignore=shutil.ignore_patterns("cockpit.lock"))
    async with left.open() as totp:
        assert code_of(await totp.check(code, "screen", "resume")) == "TOTP_USED"
        assert code_of(await totp.check(backups[0], "screen", "resume")) == "TOTP_WRONG"
        assert totp.standing("socket").paused_seconds == 30


async def test_a_clock_that_is_set_back_makes_no_code_good_again(desk: Desk) -> None:
    async with desk.open() as totp:
        phone, backups = await enrol(totp, desk)
        desk.clock.advance(600)
        assert await totp.check(phone.code(desk.clock.now()), "screen", "resume") is None
        desk.clock.at = NOON
        refusal = await totp.check(phone.code(desk.clock.now()), "screen", "resume")
        assert code_of(refusal) == "TOTP_USED"
        assert isinstance(refusal, Refusal)
        assert "set back" in refusal.message
        assert await totp.check(backups[1], "screen", "resume") is None


async def test_wrong_codes_pause_ever_longer_and_a_right_one_is_not_even_tried(desk: Desk) -> None:
    async with desk.open() as totp:
        phone, _ = await enrol(totp, desk)
        for _ in range(5):
            assert code_of(await totp.check(WRONG, "socket", "resume")) == "TOTP_WRONG"
        assert code_of(await totp.check(phone.code(desk.clock.now()), "socket", "resume")) == "TOTP_PAUSED"
        pauses = []
        for _ in range(9):
            pauses.append(totp.standing("socket").paused_seconds)
            desk.clock.advance(pauses[-1])
            assert code_of(await totp.check(WRONG, "socket", "resume")) == "TOTP_WRONG"
        assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
        desk.clock.advance(3599)
        assert code_of(await totp.check(phone.code(desk.clock.now()), "socket", "resume")) == "TOTP_PAUSED"
        desk.clock.advance(1)
        assert await totp.check(phone.code(desk.clock.now()), "socket", "resume") is None
        for _ in range(4):
            assert totp.standing("socket").paused_seconds == 0
            assert code_of(await totp.check(WRONG, "socket", "resume")) == "TOTP_WRONG"
    async with desk.open() as totp:
        assert totp.standing("socket").paused_seconds == 0
        assert code_of(await totp.check(WRONG, "socket", "resume")) == "TOTP_WRONG"
        assert totp.standing("socket").paused_seconds == 30
    assert ("5 wrong codes in a row (socket): none is tried for 30 s.", True) in desk.notices()


async def test_guesses_at_one_face_do_not_close_another(desk: Desk) -> None:
    async with desk.open() as totp:
        phone, _ = await enrol(totp, desk)
        for _ in range(6):
            await totp.check(WRONG, "socket", "resume")
        assert totp.standing("socket").paused_seconds == 30
        assert await totp.check(phone.code(desk.clock.now()), "screen", "resume") is None
        assert totp.standing("socket").paused_seconds == 30


async def test_a_pause_outlives_a_restart_and_a_clock_that_is_set_back_does_not_lengthen_it(desk: Desk) -> None:
    async with desk.open() as totp:
        phone, _ = await enrol(totp, desk)
        for _ in range(5):
            await totp.check(WRONG, "socket", "resume")
    desk.clock.advance(10)
    async with desk.open() as totp:
        assert totp.standing("socket").paused_seconds == 20
        assert code_of(await totp.check(phone.code(desk.clock.now()), "socket", "resume")) == "TOTP_PAUSED"
        desk.clock.advance(20)
        assert code_of(await totp.check(WRONG, "socket", "resume")) == "TOTP_WRONG"
        assert totp.standing("socket").paused_seconds == 60
    desk.clock.at -= timedelta(days=1)
    async with desk.open() as totp:
        assert totp.standing("socket").paused_seconds == 60


async def test_thousand_guesses_at_once_try_five(desk: Desk) -> None:
    async with desk.open() as totp:
        await enrol(totp, desk)
        answers = await asyncio.gather(*(totp.check(f"{n:06}", "socket", "resume") for n in range(1000)))
        assert [code_of(answer) for answer in answers].count("TOTP_WRONG") == 5


async def test_ten_backup_codes_are_good_once_each_however_they_are_typed(desk: Desk) -> None:
    async with desk.open() as totp:
        phone, backups = await enrol(totp, desk)
        assert (len(set(backups)), len(phone.secret.replace(" ", ""))) == (10, 32)
        spelled = [backups[0], backups[1].upper(), backups[2].replace("-", ""), f" {backups[3]} ", *backups[4:]]
        for left, code in enumerate(reversed(spelled)):
            assert totp.standing("screen").backup_codes_left == BACKUP_CODES - left
            assert await totp.check(code, "screen", "resume") is None
        for code in backups:
            desk.clock.advance(3600)
            assert code_of(await totp.check(code, "screen", "resume")) == "TOTP_WRONG"
    assert ("A backup code was used for resume; 9 are left.", True) in desk.notices()


async def test_a_backup_code_used_at_once_counts_once(desk: Desk) -> None:
    async with desk.open() as totp:
        _, backups = await enrol(totp, desk)
        answers = await asyncio.gather(*(totp.check(backups[0], f"face-{n}", "resume") for n in range(20)))
        assert answers.count(None) == 1


async def test_new_backup_codes_end_the_old_ones(desk: Desk) -> None:
    async with desk.open() as totp:
        assert code_of(await totp.renew_backup_codes("screen")) == "TOTP_NOT_ENROLLED"
        _, old = await enrol(totp, desk)
        new = await totp.renew_backup_codes("screen")
        assert isinstance(new, tuple)
        assert code_of(await totp.check(old[0], "screen", "resume")) == "TOTP_WRONG"
        assert await totp.check(new[0], "screen", "resume") is None
    async with desk.open() as totp:
        assert totp.standing("screen").backup_codes_left == BACKUP_CODES - 1
        assert await totp.check(new[1], "screen", "resume") is None


async def test_enrolling_anew_ends_the_old_secret_and_its_backup_codes(desk: Desk) -> None:
    async with desk.open() as totp:
        old, old_backups = await enrol(totp, desk)
        new, _ = await enrol(totp, desk)
        assert len(list((desk.folder / "keys").glob("totp-*"))) == 1
        assert code_of(await totp.check(old.code(desk.clock.now()), "screen", "resume")) == "TOTP_WRONG"
        assert code_of(await totp.check(old_backups[0], "screen", "resume")) == "TOTP_WRONG"
        assert await totp.check(new.code(desk.clock.now()), "screen", "resume") is None


async def test_what_was_removed_leaves_no_secret_behind(desk: Desk) -> None:
    async with desk.open() as totp:
        assert code_of(await totp.remove("screen")) == "TOTP_NOT_ENROLLED"
        await enrol(totp, desk)
        assert await totp.remove("screen") is None
        assert not totp.enrolled
        assert not list((desk.folder / "keys").glob("totp-*"))
    async with desk.open() as totp:
        assert not totp.enrolled
        assert totp.standing("screen").backup_codes_left == 0


async def test_the_secret_lies_in_a_private_file_and_never_in_the_database(desk: Desk) -> None:
    async with desk.open() as totp:
        phone, backups = await enrol(totp, desk)
        assert await totp.check(backups[0], "screen", "resume") is None
    (file,) = (desk.folder / "keys").glob("totp-*")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = file.read_bytes()
    assert base64.b32encode(secret).decode() == phone.secret.replace(" ", "")
    for path in desk.folder.iterdir():
        if path.is_file():
            held = path.read_bytes()
            for text in (secret, phone.secret.encode(), phone.secret.replace(" ", "").encode()):
                assert text not in held
            for code in backups:
                assert code.encode() not in held
                assert code.replace("-", "").encode() not in held


async def test_a_secret_that_others_may_read_is_refused_at_the_start(desk: Desk) -> None:
    async with desk.open() as totp:
        await enrol(totp, desk)
    (file,) = (desk.folder / "keys").glob("totp-*")
    os.chmod(file, 0o644)
    with pytest.raises(StoreCannotOpen):
        async with desk.open():
            pass


async def test_without_its_secret_nothing_counts_and_codes_are_still_asked_for(desk: Desk) -> None:
    async with desk.open() as totp:
        phone, backups = await enrol(totp, desk)
    (file,) = (desk.folder / "keys").glob("totp-*")
    file.unlink()
    async with desk.open() as totp:
        assert totp.enrolled
        assert not totp.standing("screen").has_secret
        for code in (phone.code(desk.clock.now()), backups[0]):
            assert code_of(await totp.check(code, "screen", "resume")) == "TOTP_SECRET_GONE"
        assert code_of(await totp.renew_backup_codes("screen")) == "TOTP_SECRET_GONE"


async def test_a_database_that_can_not_be_written_takes_no_code(desk: Desk) -> None:
    async with Store(desk.folder, desk.clock, probe_seconds=3600) as store:
        totp = Totp(store, desk.clock, desk.told.append)
        await totp.load()
        phone, _ = await enrol(totp, desk)
    assert code_of(await totp.check(phone.code(desk.clock.now()), "screen", "resume")) == "AUDIT_UNAVAILABLE"
    assert code_of(await totp.remove("screen")) == "AUDIT_UNAVAILABLE"
    assert totp.enrolled


async def test_an_enrolment_that_can_not_be_written_leaves_the_one_before_as_it_was(desk: Desk) -> None:
    async with Store(desk.folder, desk.clock) as store:
        totp = Totp(store, desk.clock, desk.told.append)
        await totp.load()
        phone, _ = await enrol(totp, desk)
        assert totp.standing("screen").has_secret
        (kept,) = (desk.folder / "keys").glob("totp-*")
        other = Phone(totp.begin("Cockpit-test").secret)
    assert code_of(await totp.finish(other.code(desk.clock.now()), "screen")) == "AUDIT_UNAVAILABLE"
    assert list((desk.folder / "keys").glob("totp-*")) == [kept]
    async with desk.open() as totp:
        assert await totp.check(phone.code(desk.clock.now()), "screen", "resume") is None


async def test_each_use_and_each_refusal_is_in_the_audit_without_the_code(desk: Desk) -> None:
    async with Store(desk.folder, desk.clock) as store:
        totp = Totp(store, desk.clock, desk.told.append)
        await totp.load()
        phone, _ = await enrol(totp, desk)
        code = phone.code(desk.clock.now())
        await totp.check(code, "screen", "resume")
        await totp.check(code, "screen", "resume")
        await totp.check("123456", "socket", "order.approve")
        records = await store.audit_tail(10)
    said = [(one.tool, one.outcome, one.code, one.detail.get("by"), one.detail.get("act")) for one in records]
    assert said == [
        ("totp enrolled", "ok", "", "screen", "totp.confirm"),
        ("totp used", "ok", "", "screen", "resume"),
        ("totp used", "denied", "TOTP_USED", "screen", "resume"),
        ("totp used", "denied", "TOTP_WRONG", "socket", "order.approve"),
    ]
    assert code not in str(records)
