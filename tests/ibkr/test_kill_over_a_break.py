"""A kill that meets a broken line, a lost cancel or silent books: it asks again, and is over in time."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from cockpit.desk.withdrawing import WITHIN
from cockpit.model.orders import OrderState
from cockpit.model.trading import Link
from tests.gateway import faults
from tests.gateway.planned import Fault, Proceed
from tests.gateway.session import Session
from tests.ibkr.test_faults import Scene
from tests.ibkr.test_faults import scene as scene

_ASKS_AGAIN: Final = 2.1


def losing(heard: asyncio.Event) -> Fault:
    """Return a fault by which a message is lost that has set ``heard``."""

    def lose(_: Session, __: list[str], ___: Proceed) -> None:
        heard.set()

    return lose


async def _killed_while_down(scene: Scene) -> None:
    """Kill while nobody answers, for longer than a kill waits."""
    await scene.gateway.down()
    await scene.link(Link.DOWN, Link.CONNECTING)
    killing = asyncio.create_task(scene.cockpit.do("kill", reason="test"))
    await scene.cockpit.until(lambda: scene.cockpit.cockpit.face.snapshot().switch.state == "KILLED")
    scene.clock.pass_time(WITHIN + 1)
    said = await killing
    assert said["cancelled"] == 0
    assert any("1 may still work at the broker" in one for one in scene.cockpit.notices())


async def test_what_a_kill_could_not_take_off_goes_as_soon_as_the_line_is_up(scene: Scene) -> None:
    order = await scene.working()
    await _killed_while_down(scene)

    await scene.gateway.up()
    await scene.becomes(OrderState.CANCELLED)

    assert order.status == "Cancelled"
    assert scene.stranger.is_untouched()


async def test_what_still_works_then_is_named_to_the_operator(scene: Scene) -> None:
    await scene.working()
    await _killed_while_down(scene)
    scene.gateway.always("cancelOrder", faults.stall)

    await scene.gateway.up()
    await scene.up()
    await scene.cockpit.until(lambda: scene.gateway.named("cancelOrder"))
    scene.clock.pass_time(WITHIN + 1)

    await scene.cockpit.until(lambda: any("KILLED, but 1 may still work" in one for one in scene.cockpit.notices()), 8)


async def test_after_a_resume_nothing_is_withdrawn_any_more(scene: Scene) -> None:
    order = await scene.working()
    await _killed_while_down(scene)
    await scene.cockpit.do("resume")

    await scene.gateway.up()
    await scene.up()
    await scene.cockpit.do("reconcile")

    assert order.status == "Submitted"
    assert scene.gateway.named("cancelOrder") == []


@pytest.mark.parametrize("silent", ["reqCompletedOrders", "reqExecutions", "reqAllOpenOrders"])
async def test_a_lost_cancel_is_asked_for_again_whichever_list_is_not_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setattr("cockpit.desk.withdrawing._BOOKS_WITHIN", 0.1)
    order, lost = await scene.working(), asyncio.Event()
    scene.gateway.always(silent, faults.stall)
    scene.gateway.once("cancelOrder", losing(lost))
    killing = asyncio.create_task(scene.cockpit.do("kill", reason="test"))
    await lost.wait()
    scene.clock.pass_time(_ASKS_AGAIN)

    await scene.becomes(OrderState.CANCELLED)

    assert order.status == "Cancelled"
    scene.clock.pass_time(WITHIN)
    await killing


async def test_what_was_asked_for_over_a_broken_line_is_asked_for_at_once_over_the_next(scene: Scene) -> None:
    order = await scene.working()
    await scene.gateway.down()
    await scene.link(Link.DOWN, Link.CONNECTING)
    killing = asyncio.create_task(scene.cockpit.do("kill", reason="test"))
    await scene.cockpit.until(lambda: scene.cockpit.cockpit.face.snapshot().switch.state == "KILLED")
    await asyncio.sleep(0)

    await scene.gateway.up()
    await scene.becomes(OrderState.CANCELLED, seconds=1.5)

    assert order.status == "Cancelled"
    await killing


async def test_a_kill_answers_in_time_however_often_the_line_breaks(scene: Scene) -> None:
    await scene.working()
    lost = asyncio.Event()
    scene.gateway.always("cancelOrder", losing(lost))
    killing = asyncio.create_task(scene.cockpit.do("kill", reason="test"))
    await lost.wait()
    scene.clock.pass_time(WITHIN - 5)
    for session in tuple(scene.gateway.sessions):
        session.abort()
    await scene.link(Link.DOWN, Link.CONNECTING)
    await scene.up()
    assert not killing.done()
    scene.clock.pass_time(5)

    async with asyncio.timeout(3):
        assert (await killing)["cancelled"] == 0

    assert any("1 may still work at the broker" in one for one in scene.cockpit.notices())
    scene.clock.pass_time(WITHIN)
    await scene.cockpit.until(lambda: any("KILLED, but 1 may still work" in one for one in scene.cockpit.notices()))
