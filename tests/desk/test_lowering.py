"""Less freedom overtakes more of it: rules, shadows and limits that are changed while an older change is written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from cockpit.desk.limits import Holder
from cockpit.desk.rulebook import Rulebook
from cockpit.desk.shadow import Shadows
from cockpit.model.refusals import Refusal
from cockpit.settings.approval import Do
from cockpit.settings.policy import PolicySettings
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreUnavailable, Write
from tests.desk.desks import Desk
from tests.desk.test_rules import rule

RULES = (rule("small", Do.APPROVE, max_notional=500),)
FILE = PolicySettings()


class Disk:
    """Holds each unit up until it is let through, or fails it."""

    def __init__(self, desk: Desk, patch: pytest.MonkeyPatch) -> None:
        self._commit = desk.store.commit
        self._waiting: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        patch.setattr(desk.store, "commit", self._hold)

    async def _hold(self, writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> tuple[int, ...]:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(turn)
        await turn
        return await self._commit(writes, audit)

    async def reached(self) -> asyncio.Future[None]:
        """Wait until a unit is on its way."""
        return await asyncio.wait_for(self._waiting.get(), 5)


@pytest.fixture
def disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(desk, monkeypatch)


def code(answer: Refusal | None) -> str:
    return "" if answer is None else answer.code


async def test_a_rule_that_is_switched_off_while_it_is_switched_on_is_off(desk: Desk, disk: Disk) -> None:
    book = Rulebook(RULES, desk.store, desk.clock)
    async with asyncio.TaskGroup() as acts:
        first = acts.create_task(book.switch("small", False, "test"))
        (await disk.reached()).set_result(None)
        assert await first is None
        on = acts.create_task(book.switch("small", True, "test"))
        written = await disk.reached()
        off = acts.create_task(book.switch("small", False, "test"))
        await asyncio.sleep(0)
        written.set_result(None)
        (await disk.reached()).set_result(None)
    assert (code(on.result()), code(off.result())) == ("ALREADY_DECIDED", "")
    assert book.off == {"small"}
    again = Rulebook(RULES, desk.store, desk.clock)
    await again.load()
    assert again.off == {"small"}


async def test_a_shadow_that_falls_while_one_is_lifted_stays_whatever_the_disk_says(desk: Desk, disk: Disk) -> None:
    shadows = Shadows({}, desk.store, desk.clock)
    async with asyncio.TaskGroup() as acts:
        first = acts.create_task(shadows.set("claude", "paper", "test"))
        (await disk.reached()).set_result(None)
        assert await first is None
        lift = acts.create_task(shadows.set("claude", "", "test"))
        written = await disk.reached()
        fall = acts.create_task(shadows.set("Claude", "ghost", "test"))
        await asyncio.sleep(0)
        assert shadows.of("claude") == "ghost"
        written.set_result(None)
        assert code(await lift) == "ALREADY_DECIDED"
        assert shadows.of("claude") == "ghost"
        (await disk.reached()).set_exception(StoreUnavailable("full"))
    assert code(fall.result()) == "AUDIT_UNAVAILABLE"
    assert shadows.of("claude") == "ghost"


async def test_a_limit_is_lowered_before_the_disk_knows_and_what_follows_is_judged_by_that(
    desk: Desk, disk: Disk
) -> None:
    limits, paper = desk.oversight.limits, desk.connections.need("paper")
    down = limits.change(Holder.CONNECTION, "paper", "max_quantity", "1", FILE)
    assert not isinstance(down, Refusal)
    async with asyncio.TaskGroup() as acts:
        lowered = acts.create_task(limits.apply(*down, "test"))
        written = await disk.reached()
        assert limits.policy(paper).max_quantity == 1
        up = limits.change(Holder.CONNECTION, "paper", "max_quantity", "50", FILE)
        assert not isinstance(up, Refusal)
        assert up[0].loosens
        written.set_exception(StoreUnavailable("full"))
    assert code(lowered.result()) == "AUDIT_UNAVAILABLE"
    assert limits.policy(paper).max_quantity == 1


async def test_a_limit_that_is_raised_and_lowered_in_one_moment_is_low(desk: Desk, disk: Disk) -> None:
    limits, paper = desk.oversight.limits, desk.connections.need("paper")

    def asked(text: str) -> asyncio.Task[Refusal | None]:
        found = limits.change(Holder.CONNECTION, "paper", "max_quantity", text, FILE)
        assert not isinstance(found, Refusal)
        return acts.create_task(limits.apply(*found, "test"))

    async with asyncio.TaskGroup() as acts:
        first = asked("10")
        (await disk.reached()).set_result(None)
        assert await first is None
        up = asked("50")
        written = await disk.reached()
        queued = asked("70")
        down = asked("2")
        await asyncio.sleep(0)
        written.set_result(None)
        (await disk.reached()).set_result(None)
    assert [code(one.result()) for one in (up, queued, down)] == ["ALREADY_DECIDED", "ALREADY_DECIDED", ""]
    assert limits.policy(paper).max_quantity == 2
    rows = await desk.store.rows("SELECT value FROM limits_set WHERE key = 'max_quantity'")
    assert [row["value"] for row in rows] == ["2"]


async def test_what_is_lowered_and_raised_after_that_is_raised(desk: Desk) -> None:
    book = Rulebook(RULES, desk.store, desk.clock)
    answers = await asyncio.gather(book.switch("small", False, "test"), book.switch("small", True, "test"))
    assert answers == [None, None]
    assert book.off == frozenset()
    assert await desk.store.rows("SELECT 1 FROM rules_off") == []
