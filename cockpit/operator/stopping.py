"""Kill, halt, reduce and resume: in memory at once, then the marker, then the database, then the brokers."""

from __future__ import annotations

import logging

from cockpit.model.events import Notice
from cockpit.model.orders import AT_BROKER
from cockpit.model.refusals import refuse
from cockpit.model.text import safe
from cockpit.model.trading import TradingState
from cockpit.operator.acts import Answer, Done
from cockpit.operator.rooms import OperatorRooms
from cockpit.store.writes import StoreBusy, StoreUnavailable

log = logging.getLogger(__name__)


class Stopping:
    """The acts that stop, and the one that lets go on."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms

    async def kill(self, reason: str, by: str) -> Answer:
        """End every authority, void every approval, cancel what rests. Takes effect before anything is awaited."""
        rooms = self._rooms
        waiting = len(rooms.book.waiting())
        rooms.switch.lower(TradingState.KILLED, reason or f"killed by the operator ({by})")
        ended = rooms.authority.kill_now()
        trouble: list[str] = []
        for step in (rooms.switch.save("kill", by), rooms.authority.kill_durably(by)):
            try:
                await step
            except (StoreUnavailable, StoreBusy) as error:
                trouble.append(str(error))
                log.warning("the kill is in force but not in the database: %s", error)
        await rooms.decisions.void_waiting("KILL_SWITCH", by)
        cancelled = 0
        if rooms.settings.kill.cancel_orders:
            cancelled = len(await rooms.decisions.cancel_all(by))
        left = sum(1 for order in rooms.book.open() if order.state in AT_BROKER)
        says = f"KILLED: {len(ended)} authorities ended, {waiting} waiting orders voided, {cancelled} orders cancelled."
        if left:
            says += f" {left} may still work at the broker."
        if trouble:
            says += " It could not be written to the database; a restart is KILLED all the same."
            rooms.feed.publish(Notice(rooms.clock.now(), safe(says), True))
        return Done(
            says, {"state": TradingState.KILLED, "ended": len(ended), "voided": waiting, "cancelled": cancelled}
        )

    async def lower(self, state: TradingState, act: str, reason: str, by: str) -> Answer:
        """Halt, or let only reducing orders pass. Waiting orders stay and are checked again when approved."""
        rooms = self._rooms
        if not rooms.switch.lower(state, reason or f"{act} by the operator ({by})"):
            return Done(f"Already {rooms.switch.state}.", {"state": rooms.switch.state})
        try:
            await rooms.switch.save(act, by)
        except (StoreUnavailable, StoreBusy):
            return Done(f"{state}, but it could not be written: after a restart it is forgotten.", {"state": state})
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
            await rooms.switch.resume(f"resumed by the operator ({by})", by)
        except (StoreUnavailable, StoreBusy):
            return refuse("AUDIT_UNAVAILABLE", "The database can't be written, so nothing may start again.")
        rooms.authority.reopen()
        says = (
            "RUNNING." if before is not TradingState.KILLED else "RUNNING. Clients connect anew; keys stay suspended."
        )
        return Done(says, {"state": TradingState.RUNNING})
