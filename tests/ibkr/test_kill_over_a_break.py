"""A kill that meets a broken line is finished once the line is up again."""

from __future__ import annotations

import asyncio

from cockpit.desk.withdrawing import WITHIN
from cockpit.model.orders import OrderState
from cockpit.model.trading import Link
from tests.gateway import faults
from tests.ibkr.test_faults import Scene
from tests.ibkr.test_faults import scene as scene


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
