"""Orders as rows: the one place that knows how an order, an execution and an idempotency key are stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import orjson

from cockpit.model.checks import Applies, CheckResult
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.money import plain
from cockpit.model.orders import (
    Execution,
    GroupId,
    Linkage,
    Order,
    OrderId,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    Role,
    Side,
    TimeInForce,
)
from cockpit.model.refusals import Mender
from cockpit.model.text import Safe
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import Write

_COLUMNS: Final = (
    "order_id, reference, version, client, grant_id, connection, symbol, side, quantity, order_type, limit_price, "
    "time_in_force, state, filled, average_price, fees, reason, checks, made_at, changed_at, decide_by, proposed, "
    "asked_at_price, stop_price, trail_amount, trail_percent, outside_hours, group_id, linkage, role, expected_position, "
    "rule, confirm_by, shadow_of, to_target, unit_worth, raised_at"
)
NEWEST: Final = (2**63 - 1, "")
"""Time and id that nothing is newer than: where a list of the newest begins."""
_MARKS: Final = ", ".join("?" for _ in _COLUMNS.split(","))

SELECT_OPEN: Final = f"SELECT {_COLUMNS} FROM orders WHERE state IN ({{marks}}) ORDER BY made_at"
SELECT_RECENT: Final = f"SELECT {_COLUMNS} FROM orders WHERE state IN ({{marks}}) ORDER BY changed_at DESC LIMIT ?"
SELECT_ONE: Final = f"SELECT {_COLUMNS} FROM orders WHERE order_id = ?"
SELECT_OF_CONNECTION: Final = (
    f"SELECT {_COLUMNS} FROM orders WHERE connection = ? AND (? IS NULL OR client = ?) AND (made_at, order_id) < (?, ?) "
    "ORDER BY made_at DESC, order_id DESC LIMIT ?"
)
SELECT_OF_GROUP: Final = f"SELECT {_COLUMNS} FROM orders WHERE group_id = ? ORDER BY order_id"
SELECT_EXECUTIONS_OF_CONNECTION: Final = (
    "SELECT executions.*, orders.order_id, orders.client FROM executions "
    "JOIN orders ON orders.reference = executions.reference AND orders.connection = executions.connection "
    "WHERE executions.connection = ? AND (? IS NULL OR orders.client = ?) "
    "AND (executions.at, executions.execution_id) < (?, ?) "
    "ORDER BY executions.at DESC, executions.execution_id DESC LIMIT ?"
)
SELECT_EXECUTION: Final = "SELECT * FROM executions WHERE connection = ? AND execution_id = ?"
SELECT_EXECUTIONS: Final = "SELECT * FROM executions WHERE reference = ? ORDER BY at, execution_id"
SELECT_KEY: Final = "SELECT fingerprint, order_id FROM idempotency WHERE client = ? AND key = ?"


def insert_order(order: Order) -> Write:
    """Write a new order."""
    return Write(f"INSERT INTO orders ({_COLUMNS}) VALUES ({_MARKS})", _row(order), expect=1)


def update_order(order: Order, version: int) -> Write:
    """Write an order's next version; conflicts unless ``version`` is the stored one."""
    return Write(
        "UPDATE orders SET version=?, quantity=?, limit_price=?, state=?, filled=?, average_price=?, fees=?, reason=?, "
        "checks=?, changed_at=?, decide_by=?, proposed=?, asked_at_price=?, stop_price=?, trail_amount=?, "
        "trail_percent=?, rule=?, confirm_by=?, unit_worth=?, raised_at=? WHERE order_id=? AND version=?",
        (
            order.version,
            plain(order.request.quantity),
            _price(order.request.limit_price),
            order.state,
            plain(order.filled),
            _price(order.average_price),
            plain(order.fees),
            order.reason,
            _checks(order.checks),
            to_micros(order.changed_at),
            _time(order.decide_by),
            _proposal(order.proposed),
            _price(order.asked_at_price),
            _price(order.request.stop_price),
            _price(order.request.trail_amount),
            _price(order.request.trail_percent),
            order.rule,
            _time(order.confirm_by),
            _price(order.unit_worth),
            _time(order.raised_at),
            order.order_id,
            version,
        ),
        expect=1,
    )


def insert_execution(connection: str, execution: Execution) -> Write:
    """Write a fill, or what is known of it now: its fee may be told later, and the broker may correct it."""
    return Write(
        "INSERT INTO executions (connection, execution_id, reference, symbol, side, quantity, price, fee, at, revision) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (connection, execution_id) DO UPDATE SET side = excluded.side, "
        "quantity = excluded.quantity, price = excluded.price, fee = excluded.fee, revision = excluded.revision",
        (
            connection,
            execution.execution_id,
            execution.reference,
            execution.symbol,
            execution.side,
            plain(execution.quantity),
            plain(execution.price),
            plain(execution.fee),
            to_micros(execution.at),
            execution.revision,
        ),
    )


def insert_key(client: ClientName, key: str, fingerprint: str, order_id: OrderId, at: datetime) -> Write:
    """Write an idempotency key; conflicts where the client has used it."""
    return Write(
        "INSERT OR IGNORE INTO idempotency (client, key, fingerprint, order_id, at) VALUES (?, ?, ?, ?, ?)",
        (client, key, fingerprint, order_id, to_micros(at)),
        expect=1,
    )


def order_of(row: sqlite3.Row) -> Order:
    """Read an order."""
    request = OrderRequest(
        row["symbol"],
        Side(row["side"]),
        Decimal(row["quantity"]),
        OrderType(row["order_type"]),
        _decimal(row["limit_price"]),
        TimeInForce(row["time_in_force"]),
        _decimal(row["stop_price"]),
        _decimal(row["trail_amount"]),
        _decimal(row["trail_percent"]),
        bool(row["outside_hours"]),
    )
    return Order(
        OrderId(row["order_id"]),
        OrderRef(row["reference"]),
        row["version"],
        ClientName(row["client"]),
        GrantId(row["grant_id"]),
        row["connection"],
        request,
        OrderState(row["state"]),
        Decimal(row["filled"]),
        _decimal(row["average_price"]),
        Decimal(row["fees"]),
        Safe(row["reason"]),
        _read_checks(row["checks"]),
        from_micros(row["made_at"]),
        from_micros(row["changed_at"]),
        None if row["decide_by"] is None else from_micros(row["decide_by"]),
        _read_proposal(row["proposed"]),
        _decimal(row["asked_at_price"]),
        None if row["group_id"] is None else GroupId(row["group_id"]),
        None if row["linkage"] is None else Linkage(row["linkage"]),
        Role(row["role"]),
        _decimal(row["expected_position"]),
        row["rule"],
        None if row["confirm_by"] is None else from_micros(row["confirm_by"]),
        row["shadow_of"],
        bool(row["to_target"]),
        _decimal(row["unit_worth"]),
        None if row["raised_at"] is None else from_micros(row["raised_at"]),
    )


def execution_of(row: sqlite3.Row) -> Execution:
    """Read a fill."""
    return Execution(
        row["execution_id"],
        OrderRef(row["reference"]),
        row["symbol"],
        Side(row["side"]),
        Decimal(row["quantity"]),
        Decimal(row["price"]),
        Decimal(row["fee"]),
        from_micros(row["at"]),
        row["revision"],
    )


def _row(order: Order) -> tuple[object, ...]:
    request = order.request
    return (
        order.order_id,
        order.reference,
        order.version,
        order.client,
        order.grant_id,
        order.connection,
        request.symbol,
        request.side,
        plain(request.quantity),
        request.order_type,
        _price(request.limit_price),
        request.time_in_force,
        order.state,
        plain(order.filled),
        _price(order.average_price),
        plain(order.fees),
        order.reason,
        _checks(order.checks),
        to_micros(order.made_at),
        to_micros(order.changed_at),
        _time(order.decide_by),
        _proposal(order.proposed),
        _price(order.asked_at_price),
        _price(request.stop_price),
        _price(request.trail_amount),
        _price(request.trail_percent),
        int(request.outside_hours),
        order.group_id,
        order.linkage,
        order.role,
        _price(order.expected_position),
        order.rule,
        _time(order.confirm_by),
        order.shadow_of,
        int(order.to_target),
        _price(order.unit_worth),
        _time(order.raised_at),
    )


def _price(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _time(value: datetime | None) -> int | None:
    return None if value is None else to_micros(value)


def _checks(checks: Sequence[CheckResult]) -> str:
    return orjson.dumps(
        [
            [one.code, one.ok, one.limit, one.value, one.message, one.retryable, one.who_can_fix, one.applies]
            for one in checks
        ]
    ).decode()


def _read_checks(text: str) -> tuple[CheckResult, ...]:
    return tuple(
        CheckResult(code, ok, limit, value, message, retryable, Mender(who), Applies(applies))
        for code, ok, limit, value, message, retryable, who, applies in orjson.loads(text)
    )


def _proposal(request: OrderRequest | None) -> str | None:
    if request is None:
        return None
    parts = [
        request.symbol,
        request.side,
        plain(request.quantity),
        request.order_type,
        _price(request.limit_price),
        request.time_in_force,
        _price(request.stop_price),
        _price(request.trail_amount),
        _price(request.trail_percent),
        request.outside_hours,
    ]
    return orjson.dumps(parts).decode()


def _read_proposal(text: str | None) -> OrderRequest | None:
    if text is None:
        return None
    symbol, side, quantity, order_type, limit_price, time_in_force, *more = orjson.loads(text)
    stop_price, trail_amount, trail_percent, outside_hours = more or (None, None, None, False)
    return OrderRequest(
        symbol,
        Side(side),
        Decimal(quantity),
        OrderType(order_type),
        _decimal(limit_price),
        TimeInForce(time_in_force),
        _decimal(stop_price),
        _decimal(trail_amount),
        _decimal(trail_percent),
        outside_hours,
    )
