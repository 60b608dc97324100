"""How events, orders and accounts of the paper broker are written down, as JSON."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache
from sqlite3 import Row
from typing import Any, Final

from pydantic import TypeAdapter

from cockpit.brokers.paper.book import PaperOrder, State
from cockpit.brokers.paper.events import (
    Cancel,
    DayEnded,
    PaperEvent,
    Quoted,
    Replace,
    Settled,
    Split,
    Submit,
    SubmitLinked,
)
from cockpit.model.orders import Execution, OrderRef, Side
from cockpit.store.times import from_micros

_KINDS: Final[dict[str, type[PaperEvent]]] = {
    "submit": Submit,
    "submit_linked": SubmitLinked,
    "replace": Replace,
    "cancel": Cancel,
    "quoted": Quoted,
    "day_ended": DayEnded,
    "split": Split,
    "settled": Settled,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def prepare() -> None:
    """Build readers and writers now, which takes some milliseconds, so that no order waits for it."""
    for kind in (*_NAMES, State, PaperOrder):
        _adapter(kind)


def event_kind(event: PaperEvent) -> str:
    """Return the name under which events of that kind are kept."""
    return _NAMES[type(event)]


def event_text(event: PaperEvent) -> str:
    """Write an event."""
    return _text(type(event), event)


def read_event(kind: str, text: str) -> PaperEvent:
    """Read an event that `event_text` wrote."""
    return _adapter(_KINDS[kind]).validate_json(text)


def state_text(state: State) -> str:
    """Write an account without its ended orders, which have rows of their own."""
    return _text(State, replace(state, ended={}))


def read_state(text: str) -> State:
    """Read an account that `state_text` wrote."""
    return _adapter(State).validate_json(text)


def order_text(order: PaperOrder) -> str:
    """Write an order without its executions, which have rows of their own."""
    return _text(PaperOrder, replace(order, executions=()))


def read_order(text: str, executions: tuple[Execution, ...]) -> PaperOrder:
    """Read an order that `order_text` wrote, and give it its executions back."""
    return replace(_adapter(PaperOrder).validate_json(text), executions=executions)


def read_execution(row: Row) -> Execution:
    """Read a row of ``paper_executions``."""
    return Execution(
        execution_id=row["execution_id"],
        reference=OrderRef(row["reference"]),
        symbol=row["symbol"],
        side=Side(row["side"]),
        quantity=Decimal(row["quantity"]),
        price=Decimal(row["price"]),
        fee=Decimal(row["fee"]),
        at=from_micros(row["at"]),
    )


def _text(kind: type[object], value: object) -> str:
    return _adapter(kind).dump_json(value).decode()


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
