"""Company reports and corporate events of the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tests.gateway import reports
from tests.gateway.news import NOT_ALLOWED
from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out

_NO_REPORT: Final = (
    430,
    "We are sorry, but fundamentals data for the security specified is not available.failed to fetch",
)


@dataclass
class Reports:
    """What tests put in place of the reports that are made up: ``gateway.of(Reports)``."""

    by_contract: dict[tuple[int, str], str] = field(default_factory=dict)
    """Documents by contract id and kind of report."""


@handles(In.reqFundamentalData)
def fundamentals(session: Session, fields: list[str]) -> None:
    """Answer with a company report, or 430."""
    request_id, con_id, kind = fields[2], int(fields[3] or 0), fields[10]
    world = session.gateway.world
    listing = world.listings.get(con_id)
    if listing is None:
        session.error(request_id, 200, "No security definition has been found for the request")
        return
    given = session.gateway.of(Reports).by_contract.get((con_id, kind))
    document = given if given is not None else reports.report(world, listing, kind)
    if not world.rights.fundamentals or document is None:
        session.error(request_id, *_NO_REPORT)
        return
    session.send(Out.fundamentalData, 1, request_id, document)


@handles(In.cancelFundamentalData)
def cancel_fundamentals(session: Session, fields: list[str]) -> None:
    """Take it; it was answered at once."""


@handles(In.reqWshMetaData)
def event_kinds(session: Session, fields: list[str]) -> None:
    """Answer with the kinds of corporate events, or 10276."""
    if session.gateway.world.rights.events:
        session.send(Out.wshMetaData, fields[1], reports.event_kinds())
    else:
        session.error(fields[1], *NOT_ALLOWED)


@handles(In.reqWshEventData)
def events(session: Session, fields: list[str]) -> None:
    """Answer with the corporate events of a contract, or 10276."""
    if session.gateway.world.rights.events:
        listing = session.gateway.world.listings.get(int(fields[2]))
        session.send(Out.wshEventData, fields[1], reports.events(listing))
    else:
        session.error(fields[1], *NOT_ALLOWED)


@handles(In.cancelWshMetaData, In.cancelWshEventData)
def cancel_events(session: Session, fields: list[str]) -> None:
    """Take it; it was answered at once."""
