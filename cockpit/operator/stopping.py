"""Kill, halt, reduce and resume: in memory at once, then the marker, then the database, then the brokers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any, Final

from cockpit.desk.withdrawing import Withdrawn
from cockpit.model.events import Notice
from cockpit.model.orders import AT_BROKER
from cockpit.model.refusals import refuse
from cockpit.model.text import counted, safe
from cockpit.model.trading import TradingState
from cockpit.operator.act import Answer, Done
from cockpit.operator.rooms import OperatorRooms
from cockpit.store.writes import StoreBusy, StoreUnavailable

log = logging.getLogger(__name__)

_WRITTEN_WITHIN: Final = 5.0
"""Seconds that what is in force already may take to be written."""


class Stopping:
    """The acts that stop, and the one that lets go on."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms

    async def kill(self, reason: str, by: str) -> Answer:
        """End every authority, void every approval, cancel what rests. Takes effect before anything is awaited."""
        rooms = self._rooms
        rooms.switch.lower(TradingState.KILLED, reason or f"killed by the operator ({by})")
        try:
            # Asked for first, the cancels stand neither behind what the end of authorities sets going nor behind the
            # database.
            leaving = asyncio.create_task(self._withdraw(by))
        finally:
            ended = rooms.authority.kill_now()
        waiting = rooms.decisions.waiting()
        written = all(
            await asyncio.gather(_in_time(rooms.switch.save("kill", by)), _in_time(rooms.authority.kill_durably(by)))
        )
        await _in_time(rooms.decisions.void_waiting("KILL_SWITCH", by))
        voided = waiting - rooms.decisions.waiting()
        gone = await leaving
        cancelled, left = gone.cancelled, gone.left
        ends = counted(len(ended), "authority", "authorities")
        voids, cancels = counted(voided, "waiting order"), counted(cancelled, "order")
        says = f"KILLED: {ends} ended, {voids} voided, {cancels} cancelled."
        if left:
            says += f" {len(left)} may still work at the broker: {', '.join(left[:5])}."
        if not written:
            after = "a restart may NOT be KILLED" if rooms.switch.marked else "a restart is KILLED all the same"
            says += f" It could not be written to the database; {after}."
        if left or not written:
            rooms.feed.publish(Notice(rooms.clock.now(), safe(says, 400), True))
        return Done(says, {"state": TradingState.KILLED, "ended": len(ended), "voided": voided, "cancelled": cancelled})

    def _withdraw(self, by: str) -> Coroutine[Any, Any, Withdrawn]:
        """Ask for all cancels now; what is returned sees them off."""
        rooms = self._rooms
        return rooms.decisions.withdrawing.withdraw(by) if rooms.settings.kill.cancel_orders else self._left()

    async def _left(self) -> Withdrawn:
        left = [order for order in self._rooms.book.open() if order.state in AT_BROKER]
        return Withdrawn(0, tuple(f"{order.order_id} ({order.request.words()})" for order in left))

    async def lower(self, state: TradingState, act: str, reason: str, by: str) -> Answer:
        """Halt, or let only reducing orders pass. Waiting orders stay and are checked again when approved."""
        rooms = self._rooms
        if not rooms.switch.lower(state, reason or f"{act} by the operator ({by})"):
            return Done(f"Already {rooms.switch.state}.", {"state": rooms.switch.state})
        if not await _in_time(rooms.switch.save(act, by)):
            return Done(
                f"{state}. It could not be written to the database; a marker file tells the next start.",
                {"state": state},
            )
        return Done(f"{state}.", {"state": state})

    async def resume(self, by: str) -> Answer:
        """Let clients act again. After a kill every client has to be let in anew; keys are enabled one by one."""
        rooms = self._rooms
        before = rooms.switch.state
        if before is TradingState.RUNNING:
            return Done("Already RUNNING.", {"state": before})
        try:
            if before is TradingState.KILLED:
                await rooms.authority.kill_durably(by)
                await rooms.decisions.void_waiting("KILL_SWITCH", by)
            if not await rooms.switch.resume(f"resumed by the operator ({by})", by):
                return refuse("ALREADY_DECIDED", f"It was stopped again meanwhile: {rooms.switch.state}.")
        except (StoreUnavailable, StoreBusy):
            return refuse("AUDIT_UNAVAILABLE", "The database can't be written, so nothing may start again.")
        rooms.authority.reopen()
        says = (
            "RUNNING."
            if before is not TradingState.KILLED
            else "RUNNING. Clients connect anew; a key stays suspended until key enable NAME."
        )
        return Done(says, {"state": TradingState.RUNNING})


async def _in_time(work: Awaitable[object]) -> bool:
    """Await what makes a stop durable; False where the disk does not take it, or not in time."""
    try:
        async with asyncio.timeout(_WRITTEN_WITHIN):
            await work
    except (StoreUnavailable, StoreBusy, TimeoutError) as error:
        log.warning("the stop is in force but not in the database: %s", error or "no answer from the disk")
        return False
    return True
