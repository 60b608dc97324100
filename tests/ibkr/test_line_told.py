"""The operator is told that the line to TWS went, why, and that it is back: also one who looks at the screen later."""

from __future__ import annotations

from cockpit.model.trading import Link
from tests.ibkr.test_faults import Scene
from tests.ibkr.test_faults import scene as scene


async def test_a_line_that_went_and_came_back_stands_among_the_notices(scene: Scene) -> None:
    await scene.gateway.down()
    await scene.link(Link.DOWN, Link.CONNECTING)
    await scene.cockpit.until(lambda: "its line is down (TWS closed the line)" in "".join(scene.cockpit.notices()))
    await scene.gateway.up()
    await scene.up()
    await scene.cockpit.until(lambda: "its line is ready again after" in "".join(scene.cockpit.notices()))
    assert sum("its line is" in one for one in scene.cockpit.notices()) == 2
