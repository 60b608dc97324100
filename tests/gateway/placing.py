"""What the gateway answers to orders and to questions about them."""

from __future__ import annotations

from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out


@handles(In.reqOpenOrders, In.reqAllOpenOrders)
def open_orders(session: Session, _: list[str]) -> None:
    session.send(Out.openOrderEnd, 1)


@handles(In.reqCompletedOrders)
def completed(session: Session, _: list[str]) -> None:
    session.send(Out.completedOrdersEnd)


@handles(In.reqExecutions)
def executions(session: Session, fields: list[str]) -> None:
    session.send(Out.execDetailsEnd, 1, fields[2])
