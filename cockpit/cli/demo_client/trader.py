"""What the demo client does once it is in: looks at prices, and proposes a small order every few seconds."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

from cockpit.cli.demo_client.endings import Ended
from cockpit.cli.demo_client.report import Report
from cockpit.cli.demo_client.session import ToolResult

MOST_OPEN: Final = 2
ENDED: Final = frozenset({"filled", "cancelled", "rejected", "refused", "expired"})
OVER: Final = frozenset({"GRANT_ENDED", "KILL_SWITCH"})
"""Refusals after which nothing more can be had with this authority."""


class Calls(Protocol):
    """A session, as the trader uses it."""

    async def tools(self) -> frozenset[str]: ...

    async def call(self, tool: str, **arguments: object) -> ToolResult: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the trader rests, in seconds."""

    look: float = 1.5
    """Between two looks at the market."""
    begin: float = 3
    """Before the first order."""
    propose: float = 6
    """Between two orders."""
    patience: float = 20
    """How long a working order may go unfilled before it is cancelled."""

    def times(self, factor: float) -> Pace:
        """Return the same pace, stretched."""
        return Pace(self.look * factor, self.begin * factor, self.propose * factor, self.patience * factor)


class Trader:
    """Works a handful of instruments in turn, buying and selling small lots at the market and near it."""

    def __init__(self, session: Calls, report: Report, pace: Pace = Pace()) -> None:
        self._session = session
        self._report = report
        self._pace = pace
        self._instruments: list[Mapping[str, Any]] = []
        self._proposed = 0
        self._open: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Trade until the authority ends. Raises Ended, or what the session raises when the line is gone."""
        await self._ask("get_session")
        found = (await self._ask("search_instruments", text="a", limit=20)).rows("instruments")
        self._instruments = [row for row in found if row.get("kind") in {"stock", "etf"}][:5] or found[:5]
        self._report.event("trading", f"watches {', '.join(str(row.get('symbol')) for row in self._instruments)}")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            group.create_task(self._propose(group))

    async def _look(self) -> None:
        looked = 0
        while True:
            if self._instruments:
                symbol = str(self._instruments[looked % len(self._instruments)]["symbol"])
                await self._ask("get_quote", symbol=symbol)
                if looked % 4 == 1:
                    await self._ask("get_bars", symbol=symbol, interval="1m", count=30)
            if looked % 6 == 2:
                await self._ask("get_positions")
            looked += 1
            await asyncio.sleep(self._pace.look)

    async def _propose(self, group: asyncio.TaskGroup) -> None:
        pause = self._pace.begin
        while True:
            await asyncio.sleep(pause)
            pause = self._pace.propose
            if (
                len(self._open) >= MOST_OPEN
                or not self._instruments
                or "place_order" not in await self._session.tools()
            ):
                continue
            task = group.create_task(self._order())
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _order(self) -> None:
        at = self._proposed
        self._proposed += 1
        instrument = self._instruments[at % len(self._instruments)]
        side = "sell" if at % 3 == 2 else "buy"
        quote = await self._ask("get_quote", symbol=str(instrument["symbol"]))
        touch = quote.text("ask") if side == "buy" else quote.text("bid")
        if quote.refused or not touch:
            return
        at_market = at % 3 == 0
        terms = {"order_type": "market"} if at_market else {"order_type": "limit", "limit_price": touch}
        placed = await self._ask(
            "place_order",
            symbol=str(instrument["symbol"]),
            side=side,
            quantity=str(Decimal(str(instrument.get("lot", "1"))) * (1 + at % 5)),
            time_in_force="day",
            idempotency_key=f"demo-{uuid.uuid4()}",
            **terms,
        )
        if not placed.refused:
            await self._outcome(placed)

    async def _outcome(self, order: ToolResult) -> None:
        """Wait until an order has ended; take it back where it rests too long."""
        order_id, unfilled = order.text("order_id"), 0.0
        self._report.event("order", order.text("says"))
        clock = asyncio.get_running_loop()
        while order.text("state") not in ENDED:
            began, state = clock.time(), order.text("state")
            order = await self._ask("wait_for_order", order_id=order_id, wait_seconds=5, seen_state=state)
            if order.refused:
                await asyncio.sleep(self._pace.look)
                continue
            unfilled = unfilled + clock.time() - began if state == "working" else 0.0
            if unfilled > self._pace.patience:
                await self._ask("cancel_order", order_id=order_id)
                unfilled = 0.0
        self._report.event("order", order.text("says"))

    async def _ask(self, tool: str, **arguments: object) -> ToolResult:
        """Call a tool and report its refusal. Raises Ended where nothing more can be had."""
        result = await self._session.call(tool, **arguments)
        if result.refused:
            code = result.text("code")
            self._report.event("refused", f"{tool}: {code} {result.text('message')}")
            if code in OVER:
                raise Ended(code)
            if code in {"RATE_LIMITED", "BUSY"}:
                await asyncio.sleep(self._pace.propose)
        return result
