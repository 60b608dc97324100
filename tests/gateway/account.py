"""What the gateway tells of accounts: values, portfolio, positions and summary."""

from __future__ import annotations

from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out


@handles(In.reqPositions)
def positions(session: Session, _: list[str]) -> None:
    session.send(Out.positionEnd, 1)


@handles(In.reqAccountUpdates)
def updates(session: Session, fields: list[str]) -> None:
    if fields[2] == "1":
        session.send(Out.accountDownloadEnd, 1, fields[3] or session.gateway.accounts[0])


@handles(In.reqAccountUpdatesMulti)
def updates_multi(session: Session, fields: list[str]) -> None:
    session.send(Out.accountUpdateMultiEnd, 1, fields[2])
