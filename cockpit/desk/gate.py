"""The gate that every client call passes: live, scope, switch, budget, then the tool, then the record of it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, TypeVar

import orjson

from cockpit.desk.budgets import Budgets
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.switch import Switch
from cockpit.model.clock import Clock
from cockpit.model.events import CallFinished, Event, Outcome
from cockpit.model.identity import Caller, ClientName, Grant, GrantId, Scope, effective, scope_text
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.model.trading import Mode, TradingState
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.writes import StoreBusy, StoreUnavailable, unwritten

log = logging.getLogger(__name__)

T = TypeVar("T")

_HOST_FAULTS: Final = frozenset({"INTERNAL", "AUDIT_UNAVAILABLE", "BUSY", "BROKER_NOT_READY"})
_CALLER_FAULTS: Final = frozenset(
    {
        "UNKNOWN_TOOL",
        "BAD_ARGUMENTS",
        "INSTRUMENT_UNRESOLVED",
        "ORDER_UNKNOWN",
        "ALERT_UNKNOWN",
        "ALERT_LIMIT",
        "PREVIEW_UNKNOWN",
        "CAPABILITY_UNAVAILABLE",
    }
    | {
        "MARKET_DATA_MISSING",
        "ORDER_DONE",
        "ORDER_BUSY",
        "NOTHING_TO_CHANGE",
        "IDEMPOTENCY_CONFLICT",
        "NOTHING_HELD",
        "SESSION_UNKNOWN",
        "BROKER_REJECTED",
    }
)
_ORDER_SCOPES: Final = frozenset({Scope.READ_ORDERS, Scope.PREVIEW_ORDERS, Scope.WRITE_ORDERS})
"""Scopes of the tools that go to the shadow of a client that has one."""
_ONE_RECORD: Final = 1.0
"""Seconds that one record of calls beyond a client's budget stands for."""
_DETAIL_LIMIT: Final = 4096
"""Bytes of a call's arguments that the audit keeps; of longer ones it keeps the length."""


class Grants(Protocol):
    """Which authorities are alive, as the desk needs to know it: in memory, authoritative, at once."""

    def live(self, grant_id: GrantId) -> Grant | None: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """What the gate has to know about a tool."""

    name: str
    scope: Scope | None
    """None: any live authority may call it."""
    is_order: bool = False
    """Takes from the order budget and is durable before it is answered."""
    writes: bool = False
    """Is durable before it is answered."""
    withheld: Callable[[Connection], Refusal | None] | None = None
    """Refuses it on a connection that doesn't have it, whatever the scopes: more of them wouldn't help. None: all do."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """One call that passed the gate: who, with what now, on which connection."""

    caller: Caller
    grant: Grant
    scopes: frozenset[Scope]
    connection: Connection
    shadow_of: str = ""
    """The client's own connection, where ``connection`` is the paper one that gets its orders instead."""
    shadow: str = ""
    """The paper connection that gets the client's orders, where that isn't its own."""


@dataclass(frozen=True, slots=True)
class Served(Generic[T]):
    """What a tool gave, with what the record and the stream say about it."""

    body: T
    outcome: Outcome = Outcome.OK
    code: str = ""
    symbol: str = ""
    order_id: str = ""
    summary: Safe = Safe("")


class Gate:
    """The one gate. It decides in memory; the only thing that it awaits is the tool and, for writes, the disk."""

    def __init__(
        self,
        grants: Grants,
        connections: Connections,
        switch: Switch,
        budgets: Budgets,
        store: Store,
        clock: Clock,
        publish: Callable[[Event], None],
        shadow: Callable[[ClientName], str] = lambda client: "",
    ) -> None:
        """``shadow`` names the paper connection that gets a client's orders; empty where its own does."""
        self._grants = grants
        self._shadow = shadow
        self._connections = connections
        self._switch = switch
        self._budgets = budgets
        self._store = store
        self._clock = clock
        self._publish = publish
        self._over_budget: dict[ClientName, tuple[float, int]] = {}

    def scopes(self, caller: Caller) -> frozenset[Scope]:
        """Return what the caller may do now; nothing where its authority has ended."""
        grant = self._grants.live(caller.grant.grant_id)
        connection = None if grant is None else self._connections.get(grant.connection)
        if grant is None or connection is None:
            return frozenset()
        return effective(grant, caller.narrowed, connection.allowed)

    def connection(self, caller: Caller) -> Connection | None:
        """Return the connection that the caller's authority is bound to now; None where it has ended."""
        grant = self._grants.live(caller.grant.grant_id)
        return None if grant is None else self._connections.get(grant.connection)

    async def run(
        self,
        caller: Caller,
        rule: Rule | None,
        name: str,
        arguments: Mapping[str, Any],
        tool: Callable[[Admitted], Awaitable[Served[T]]],
    ) -> Served[T] | Refusal:
        """Admit one call, run its tool, record it, and publish it. ``rule`` is None for a tool that doesn't exist.

        Every path ends in the audit: admitted, refused, failed and cancelled calls alike.
        """
        started = self._clock.monotonic()
        result: Served[T] | Refusal
        try:
            result = await self._serve(caller, rule, name, tool)
        except asyncio.CancelledError:
            await self._finish(caller, rule, name, arguments, started, None)
            raise
        refused = await self._finish(caller, rule, name, arguments, started, result)
        return refused or result

    def turned_away(self, caller: Caller, name: str, refusal: Refusal) -> None:
        """Record a call that was refused before it came to the gate, so that it is seen like the others.

        It takes from the budget too: beyond it, one record a second says how many there were.
        """
        now, tool, client = self._clock.now(), safe(name, 64), caller.grant.client
        if self._budgets.take_call(client):
            refusal = slow_down(0.0)
            says = self._limited(client, safe(refusal.message))
            if not says:
                return
            refusal = replace(refusal, message=says)
        entry = AuditEntry(
            now,
            "call",
            client=client,
            tool=tool,
            outcome=Outcome.DENIED,
            code=refusal.code,
            grant_id=caller.grant.grant_id,
            detail={"address": caller.address, "says": refusal.message},
        )
        try:
            place = self._store.record(entry)
        except (StoreBusy, StoreUnavailable):
            place = 0
        self._publish(CallFinished(now, place, client, tool, Outcome.DENIED, refusal.code, 0.0, safe(refusal.message)))

    async def _serve(
        self,
        caller: Caller,
        rule: Rule | None,
        name: str,
        tool: Callable[[Admitted], Awaitable[Served[T]]],
    ) -> Served[T] | Refusal:
        admitted = self._admit(caller, rule, name)
        if isinstance(admitted, Refusal):
            return admitted
        try:
            return await tool(admitted)
        except Refused as refused:
            return refused.refusal
        except (StoreUnavailable, StoreBusy) as problem:
            return unwritten(problem)
        except Exception:
            log.exception("tool %s failed", rule.name if rule else name)
            return refuse("INTERNAL")

    def _admit(self, caller: Caller, rule: Rule | None, name: str) -> Admitted | Refusal:
        grant = self._grants.live(caller.grant.grant_id)
        if grant is None:
            return refuse("KILL_SWITCH" if self._switch.state is TradingState.KILLED else "GRANT_ENDED")
        connection = self._connections.get(grant.connection)
        if connection is None:
            return refuse("CONNECTION_UNKNOWN", connection=grant.connection)
        scopes = effective(grant, caller.narrowed, connection.allowed)
        # Refused calls cost as much to record as others, so they take from the budget too.
        wait = self._budgets.take_call(grant.client)
        if wait:
            return slow_down(wait)
        if rule is None:
            return refuse("UNKNOWN_TOOL", tool=safe(name, 64))
        withheld = None if rule.withheld is None else rule.withheld(connection)
        if withheld is not None:
            return withheld
        if rule.scope is not None and rule.scope not in scopes:
            return refuse("SCOPE_MISSING", tool=rule.name, scope=rule.scope, held=scope_text(scopes))
        if self._switch.state is TradingState.KILLED:
            return refuse("KILL_SWITCH")
        if rule.is_order and self._switch.state is TradingState.HALTED:
            return refuse("HALTED", reason=self._switch.stands.reason)
        if rule.writes and not self._store.writable:
            return refuse("AUDIT_UNAVAILABLE")
        wait = self._budgets.take_order(grant.client) if rule.is_order else 0.0
        if wait:
            return slow_down(wait)
        shadow = self._shadow(grant.client)
        if not shadow or shadow == connection.name:
            return Admitted(caller, grant, scopes, connection)
        if rule.scope not in _ORDER_SCOPES:
            return Admitted(caller, grant, scopes, connection, shadow=shadow)
        paper = self._connections.get(shadow)
        if paper is None or paper.settings.mode is not Mode.PAPER:
            return refuse("CONNECTION_UNKNOWN", "The shadow of this client is no paper connection.", shadow=shadow)
        return Admitted(caller, grant, scopes, paper, connection.name, shadow)

    async def _finish(
        self,
        caller: Caller,
        rule: Rule | None,
        name: str,
        arguments: Mapping[str, Any],
        started: float,
        result: Served[T] | Refusal | None,
    ) -> Refusal | None:
        """Record and publish a call. Returns the refusal that replaces the answer where it can't be recorded."""
        duration = self._clock.monotonic() - started
        now = self._clock.now()
        outcome, code, symbol, order_id, summary = _told(result, self._ended(caller))
        if code == "RATE_LIMITED":
            summary = self._limited(caller.grant.client, summary)
            if not summary:
                return None
        tool = rule.name if rule else safe(name, 64)
        client = caller.grant.client
        entry = AuditEntry(
            now,
            "call",
            client=client,
            tool=tool,
            outcome=outcome,
            code=code,
            symbol=symbol,
            order_id=order_id,
            grant_id=caller.grant.grant_id,
            duration_us=int(duration * 1_000_000),
            detail={"arguments": _bounded(arguments), "address": caller.address, "says": summary},
        )
        refusal: Refusal | None = None
        try:
            if rule is not None and rule.writes and result is not None:
                (number,) = await self._store.commit((), (entry,))
            else:
                number = self._store.record(entry)
        except StoreBusy:
            number, refusal = 0, refuse("BUSY")
        except StoreUnavailable:
            number, refusal = 0, refuse("AUDIT_UNAVAILABLE")
        if refusal is not None:
            outcome, code = Outcome.ERROR, refusal.code
            if rule is not None and rule.writes and isinstance(result, Served):
                # What was decided is durable already; only the line about the call is not. Saying that
                # it failed would be the lie that makes a client order twice.
                refusal = None
        self._publish(CallFinished(now, number, client, Safe(tool), outcome, code, duration * 1000, summary))
        return refusal

    def _ended(self, caller: Caller) -> str:
        """Return why a caller's authority has ended; empty while it lives."""
        if self._grants.live(caller.grant.grant_id) is not None:
            return ""
        return "KILL_SWITCH" if self._switch.state is TradingState.KILLED else "GRANT_ENDED"

    def _limited(self, client: ClientName, summary: Safe) -> Safe:
        """Return what a call beyond the budget is recorded as; empty when the last record of its kind is too young.

        One record a second says how many there were: a flood must not fill the disk, which would stop trading. How many
        came last is told once no more comes.
        """
        now = self._clock.monotonic()
        at, more = self._over_budget.get(client, (-math.inf, 0))
        if now - at < _ONE_RECORD:
            if not more:
                asyncio.get_running_loop().call_later(_ONE_RECORD, self._tell_the_rest, client, at)
            self._over_budget[client] = (at, more + 1)
            return Safe("")
        self._over_budget[client] = (now, 0)
        return safe(f"{summary} · {more} more before") if more else summary

    def _tell_the_rest(self, client: ClientName, at: float) -> None:
        """Record how many calls were refused after the record at that time, unless a later record has said it."""
        since, more = self._over_budget.get(client, (at, 0))
        if since != at or not more:
            return
        self._over_budget[client] = (at, 0)
        now, says = self._clock.now(), safe(f"{more} more before")
        entry = AuditEntry(
            now, "call", client=client, outcome=Outcome.DENIED, code="RATE_LIMITED", detail={"says": says}
        )
        try:
            number = self._store.record(entry)
        except (StoreBusy, StoreUnavailable):
            number = 0
        self._publish(CallFinished(now, number, client, Safe(""), Outcome.DENIED, "RATE_LIMITED", 0.0, says))


def slow_down(seconds: float, why: str = "Too many calls") -> Refusal:
    """Refuse a call for which there is no budget yet."""
    whole = f"{max(0.1, math.ceil(seconds * 10) / 10):.1f}"
    return refuse("RATE_LIMITED", f"{why}; wait {whole} s.", seconds=whole)


def _told(result: Served[Any] | Refusal | None, ended: str) -> tuple[Outcome, str, str, str, Safe]:
    if result is None and ended:
        return Outcome.DENIED, ended, "", "", safe(refuse(ended).message)
    if result is None:
        return Outcome.ERROR, "CANCELLED", "", "", Safe("the client went away")
    if isinstance(result, Served):
        return result.outcome, result.code, result.symbol, result.order_id, result.summary
    facts = " · ".join(f"{name} {value}" for name, value in result.details.items())
    outcome = Outcome.ERROR if result.code in _HOST_FAULTS | _CALLER_FAULTS else Outcome.DENIED
    return outcome, result.code, "", "", safe(facts or result.message, 120)


def _bounded(arguments: Mapping[str, Any]) -> object:
    if not arguments:
        return {}
    try:
        size = len(orjson.dumps(arguments))
    except TypeError:
        return {"unreadable": True}
    return arguments if size <= _DETAIL_LIMIT else {"too_long": size}
