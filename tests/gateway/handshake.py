"""What a client hears first: who it is, which accounts and which next order id, and how the farms are."""

from __future__ import annotations

from typing import Final

from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out

_FARMS: Final = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefnj"),
)


@handles(In.startApi)
def start(session: Session, fields: list[str]) -> None:
    """Take the client's id, or close where another session has it (326)."""
    client_id, gateway = int(fields[2]), session.gateway
    if any(other.client_id == client_id for other in gateway.ready_sessions()):
        session.error(-1, 326, "Unable to connect as the client id is already in use. Retry with a unique client id.")
        session.close()
        return
    session.client_id = client_id
    managed(session, fields)
    next_id(session, fields)
    for code, said in _FARMS:
        session.error(-1, code, said)
    if not gateway.linked:
        session.error(-1, 1100, "Connectivity between IB and Trader Workstation has been lost.")


@handles(In.reqManagedAccts)
def managed(session: Session, _: list[str]) -> None:
    """Tell the accounts."""
    session.send(Out.managedAccounts, 1, ",".join(session.gateway.accounts))


@handles(In.reqIds)
def next_id(session: Session, _: list[str]) -> None:
    """Tell the next order id of this client."""
    session.send(Out.nextValidId, 1, session.gateway.book.next_id(session.client_id or 0))


@handles(In.reqCurrentTime)
def current_time(session: Session, _: list[str]) -> None:
    """Tell the time in whole seconds."""
    session.send(Out.currentTime, 1, int(session.gateway.world.now().timestamp()))


@handles(In.setServerLogLevel, In.reqAutoOpenOrders)
def taken(session: Session, fields: list[str]) -> None:
    """Take what needs no answer."""
