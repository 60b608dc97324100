"""A screen with a lively fake face, to look at: ``python -m tests.tui.lively [calls a second]``.

The environment chooses more: TROUBLE, AWAY, READ_ONLY, ASCII, HINT, COCKPIT_THEME.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cockpit.model.screen import ScreenSettings
from cockpit.model.text import safe
from cockpit.model.trading import TradingState
from cockpit.operator.act import Answer, Command
from tests.tui.fake_face import NOW, FakeFace, away, busy_face, call, troubled_face
from tui.run import run_screen


class LivelyFace(FakeFace):
    """Decisions take effect, and the switch moves."""

    async def run(self, command: Command) -> Answer:
        answer = await super().run(command)
        given = command.arguments
        seen = self.seen
        if command.act in {"order.approve", "order.deny"}:
            left = tuple(item for item in seen.pending_orders if item.order.order_id != given["order_id"])
            self.show(pending_orders=left)
        elif command.act in {"client.deny", "client.approve"}:
            self.show(pending_clients=())
        elif command.act == "latch.release":
            self.show(latches=tuple(one for one in seen.latches if one.latch_id != given["latch"]))
        elif command.act in {"kill", "halt", "resume"}:
            state = {"kill": TradingState.KILLED, "halt": TradingState.HALTED, "resume": TradingState.RUNNING}
            self.show(switch=replace(seen.switch, state=state[command.act]))
        return answer


async def main(per_second: float) -> None:
    still = troubled_face() if os.environ.get("TROUBLE") else busy_face()
    shift = datetime.now(UTC) - NOW

    def later(at: datetime) -> datetime:
        return at + shift

    seen = still.seen
    orders = tuple(
        replace(
            item,
            decide_by=later(item.decide_by),
            order=replace(item.order, changed_at=later(item.order.changed_at), decide_by=later(item.decide_by)),
        )
        for item in seen.pending_orders
    )
    clients = tuple(
        replace(item, asked_at=later(item.asked_at), decide_by=later(item.decide_by)) for item in seen.pending_clients
    )
    recent = tuple(replace(item, at=later(item.at)) for item in seen.recent)
    views = tuple(replace(item, last_used=item.last_used and later(item.last_used)) for item in seen.clients)
    hint = (
        safe("Demo: the client's page shows KWMRTB. Press a on its row and type it.")
        if os.environ.get("HINT")
        else None
    )
    if os.environ.get("AWAY"):
        seen = away(still).seen
    face = LivelyFace(
        replace(seen, pending_orders=orders, pending_clients=clients, recent=recent, clients=views, hint=hint)
    )
    face.client_tickets = {code: replace(ticket, request=clients[0]) for code, ticket in still.client_tickets.items()}
    for item in orders:
        old = still.order_tickets[item.order.order_id]
        assert old.quote is not None
        face.order_tickets[item.order.order_id] = replace(
            old, order=item.order, quote=replace(old.quote, as_of=datetime.now(UTC) + timedelta(seconds=1))
        )

    async def produce() -> None:
        number = 60
        while per_second:
            await asyncio.sleep(max(0.01, 1 / per_second))
            for _ in range(max(1, round(per_second * 0.01))):
                number += 1
                face.publish(call(number, datetime.now(UTC)))

    producer = asyncio.create_task(produce())
    theme = os.environ.get("COCKPIT_THEME", "cockpit-dark")
    settings = ScreenSettings(
        theme=theme, ascii=bool(os.environ.get("ASCII")), read_only=bool(os.environ.get("READ_ONLY"))
    )
    ended = await run_screen(face, settings)
    producer.cancel()
    with suppress(asyncio.CancelledError):
        await producer
    print(ended.how, ended.reason, face.commands)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 2))
