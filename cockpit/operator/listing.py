"""The lists that the command line prints: a sentence for people and plain JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cockpit.model.money import cents, plain
from cockpit.model.orders import DONE, OPEN, Order
from cockpit.model.text import counted, safe
from cockpit.model.trading import Mode, TradingState
from cockpit.operator.act import Done
from cockpit.operator.view import ConnectionView, Snapshot, is_from_here
from cockpit.store.audit import AuditRecord


def status(snapshot: Snapshot) -> Done:
    """State, connections, and how many of everything."""
    switch, counters = snapshot.switch, snapshot.counters
    data = {
        "state": switch.state,
        "since": _iso(switch.since),
        "reason": switch.reason,
        "url": snapshot.url,
        "connections": [
            {
                "name": one.name,
                "broker": one.broker,
                "mode": one.mode,
                "link": one.link,
                "account": one.account,
                "trade": one.trade,
                "armed_until": _iso_or_none(one.armed_until),
                "may_open": one.opens and switch.state is TradingState.RUNNING,
            }
            for one in snapshot.connections
        ],
        "clients": len({one.client for one in snapshot.clients}),
        "pending": len(snapshot.pending_clients) + len(snapshot.pending_orders),
        "open_orders": sum(1 for one in snapshot.orders if one.state in OPEN),
        "present": None if snapshot.presence is None else snapshot.presence.present,
        "screens": None if snapshot.presence is None else snapshot.presence.screens,
        "rules_approve": None if snapshot.presence is None else snapshot.presence.rules_approve,
        "calls": counters.calls,
        "denied": counters.denied,
        "errors": counters.errors,
        "turned_away": counters.turned_away,
    }
    says = [f"{switch.state} since {_iso(switch.since)} ({switch.reason})."]
    for one in snapshot.connections:
        if one.unready:
            says.append(f"{one.name} takes no orders. {one.unready}")
        if one.mode is Mode.LIVE:
            says.append(f"{one.name}: {money_words(one)}.")
    return Done(" ".join(says), data)


def money_words(seen: ConnectionView) -> str:
    """Say whose money a connection moves, and whether orders may open positions with it."""
    if seen.mode is Mode.PAPER:
        return "paper"
    until = seen.armed_until
    return "LIVE MONEY, not armed" if until is None else f"LIVE MONEY, ARMED until {until:%H:%M} UTC"


def pending(snapshot: Snapshot) -> Done:
    """What waits for the operator. Never a code: a code is only in its browser."""
    clients = [
        {
            "request_id": one.request_id,
            "name": one.claimed_name,
            "unfetched": one.unfetched,
            "flagged": one.flagged,
            "host": one.host,
            "address": one.address,
            "asked": list(one.asked),
            "decide_by": _iso(one.decide_by),
        }
        for one in snapshot.pending_clients
    ]
    waiting = [
        {
            **order_json(one.order),
            "place": place,
            "why": one.why,
            "decide_by": _iso(one.decide_by),
            "legs": [order_json(leg) for leg in one.legs],
        }
        for place, one in enumerate(snapshot.pending_orders, 1)
    ]
    says = f"{counted(len(clients), 'client')} and {counted(len(waiting), 'order')} wait."
    if len(clients) + len(waiting) == 1:
        says = "1 client waits." if clients else "1 order waits."
    return Done(says if clients or waiting else "Nothing waits for you.", {"clients": clients, "orders": waiting})


def clients(snapshot: Snapshot) -> Done:
    """The clients that were let in."""
    rows = [
        {
            "grant_id": one.grant_id,
            "client_id": one.client_id,
            "name": one.client,
            "host": one.host,
            "via": one.via,
            "scopes": list(one.scopes),
            "timed": {scope.value: _iso(until) for scope, until in one.timed},
            "connection": one.connection,
            "made_at": _iso(one.made_at),
            "made_by": one.made_by,
            "last_address": one.last_address,
            "last_used": None if one.last_used is None else _iso(one.last_used),
            "expires_at": None if one.expires_at is None else _iso(one.expires_at),
            "calls": one.calls,
            "denied": one.denied,
            "suspended": one.suspended,
            "shadow": one.shadow,
        }
        for one in snapshot.clients
    ]
    return Done(f"{counted(len(rows), 'authority', 'authorities')}.", rows)


def orders(snapshot: Snapshot) -> Done:
    """Orders, newest first; behind them those in the accounts that are not from here."""
    rows = [order_json(one) for one in (*snapshot.orders, *snapshot.others)]
    others = f", {counted(len(snapshot.others), 'other')} not from here" if snapshot.others else ""
    return Done(f"{counted(len(snapshot.orders), 'order')}{others}.", rows)


def positions(snapshot: Snapshot) -> Done:
    """What the accounts hold."""
    held = [
        {
            "connection": one.connection,
            "symbol": one.position.symbol,
            "quantity": plain(one.position.quantity),
            "average_price": plain(round(one.position.average_price, 6)),
            "mark": None if one.position.mark is None else plain(one.position.mark),
            "unrealised": None if one.position.unrealised is None else cents(one.position.unrealised),
            "last_said": _iso_or_none(one.last_said),
        }
        for one in snapshot.positions
    ]
    money = [
        {
            "connection": one.connection,
            "account": one.balances.account,
            "currency": one.balances.currency,
            "cash": cents(one.balances.cash),
            "equity": cents(one.balances.equity),
            "buying_power": cents(one.balances.buying_power),
            "realised": cents(one.balances.realised),
            "unrealised": cents(one.balances.unrealised),
            "fees": None if one.balances.fees is None else cents(one.balances.fees),
            "last_said": _iso_or_none(one.last_said),
        }
        for one in snapshot.balances
    ]
    since = {one.connection: one.last_said for one in (*snapshot.balances, *snapshot.positions) if one.last_said}
    silent = [f"{name} doesn't answer, as of {_iso(at)}" for name, at in since.items()]
    silent += [f"{name} has not said yet what it holds" for name in snapshot.unheard]
    data = {"positions": held, "balances": money, "unheard": list(snapshot.unheard)}
    return Done("; ".join((counted(len(held), "position"), *silent)) + ".", data)


def order_json(order: Order) -> dict[str, object]:
    """Return an order as ``--json`` shows it."""
    request = order.request
    return {
        "order_id": order.order_id,
        "state": order.state,
        "client": order.client,
        "from_here": is_from_here(order),
        "connection": order.connection,
        "symbol": request.symbol,
        "side": request.side,
        "quantity": plain(request.quantity),
        "order_type": request.order_type,
        "limit_price": None if request.limit_price is None else plain(request.limit_price),
        "stop_price": None if request.stop_price is None else plain(request.stop_price),
        "trail_amount": None if request.trail_amount is None else plain(request.trail_amount),
        "trail_percent": None if request.trail_percent is None else plain(request.trail_percent),
        "time_in_force": request.time_in_force,
        "outside_hours": request.outside_hours,
        "filled": plain(order.filled),
        "average_price": None if order.average_price is None else plain(round(order.average_price, 6)),
        "reference": order.reference,
        "version": order.version,
        "group_id": order.group_id,
        "linkage": order.linkage,
        "role": order.role,
        "reason": order.reason,
        "rule": order.rule,
        "shadow_of": order.shadow_of,
        "proposed": None if order.proposed is None else order.proposed.words(),
        "made_at": _iso(order.made_at),
    }


def audit(records: Iterable[AuditRecord]) -> Done:
    """Records of the audit, newest last."""
    rows = [
        {
            "number": one.number,
            "at": _iso(one.at),
            "kind": one.kind,
            "client": one.client,
            "tool": one.tool,
            "outcome": one.outcome,
            "code": one.code,
            "symbol": one.symbol,
            "order_id": one.order_id,
            "duration_ms": None if one.duration_us is None else one.duration_us / 1000,
            "detail": one.detail,
        }
        for one in records
    ]
    return Done(f"{counted(len(rows), 'record')}.", rows)


def order_says(order: Order) -> str:
    """Say what became of an order."""
    filled = f", {plain(order.filled)} filled" if order.filled else ""
    at = "" if order.average_price is None else f" at {plain(round(order.average_price, 6))}"
    reason = f" ({order.reason})" if order.reason and order.state in DONE else ""
    return f"{order.request.words()}: {order.state}{filled}{at}{reason}"


def logs(lines: Sequence[str], count: int) -> Done:
    """The newest lines of the host's log, newest last."""
    newest = [safe(line, 400) for line in lines[-max(1, count) :]]
    return Done("\n".join(newest) or "Nothing was logged.", {"lines": newest})


def _iso_or_none(at: datetime | None) -> str | None:
    return None if at is None else _iso(at)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
