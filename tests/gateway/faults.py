"""What can go wrong at a gateway, by name: ``g.once("placeOrder", faults.drop_after_accept)``.

A fault stands around one message: around its handling, where a client sent it, or around its sending. Messages have the
names of ``In`` and ``Out``; newOrder, modifyOrder and whatIfOrder mean the three uses of placeOrder.
"""

from __future__ import annotations

import asyncio
from typing import Final

from tests.gateway.messages import request_id
from tests.gateway.planned import Fault, Proceed, carry_on
from tests.gateway.session import Session

WORDS: Final = {
    104: "Cannot modify a filled order.",
    110: "The price does not conform to the minimum price variation for this contract.",
    200: "No security definition has been found for the request",
    201: "Order rejected - reason:The account does not have enough available funds for this order's initial margin.",
    202: "Order Canceled - reason:",
    321: "Error validating request.-'bW' : cause - Invalid order type.",
    354: "Requested market data is not subscribed.",
    399: "Order Message:\nWarning: your order will not be placed at the exchange until it opens.",
    463: "You must enter a valid price.",
    10147: "OrderId {id} that needs to be cancelled is not found.",
    10148: "OrderId {id} that needs to be cancelled cannot be cancelled, state: {status}.",
    10311: "This order will be directly routed. Direct routed orders may result in higher trade fees.",
    10349: "Order TIF was set to DAY based on order preset.",
}
"""What IB says with a code."""


# --- the line breaks


async def drop_before_accept(session: Session, _: list[str], __: Proceed) -> None:
    """Reset the connection before anything is done."""
    session.abort()


async def drop_after_accept(session: Session, _: list[str], proceed: Proceed) -> None:
    """Do what was asked, and reset the connection before a word of it leaves."""
    session.muted = True
    await carry_on(proceed)
    session.abort()


def drop_after(name: str) -> Fault:
    """Do what was asked, and close right after the next message of that name to this client, whenever that is."""

    async def fault(session: Session, _: list[str], proceed: Proceed) -> None:
        def last_words(told: Session, _: list[str], send: Proceed) -> None:
            send()
            told.close()

        session.gateway.once(name, last_words, when=lambda told, _: told is session)
        await carry_on(proceed)

    return fault


drop_after_open_order: Final = drop_after("openOrder")
drop_after_status: Final = drop_after("orderStatus")
drop_after_fill: Final = drop_after("execDetails")


async def half_frame(session: Session, _: list[str], proceed: Proceed) -> None:
    """Do what was asked; of the answer's first message one half leaves before the connection ends."""
    session.half_next = True
    await carry_on(proceed)


async def stall(session: Session, _: list[str], __: Proceed) -> None:
    """Do nothing and say nothing."""


async def mute(session: Session, _: list[str], proceed: Proceed) -> None:
    """Do what was asked, but say nothing to this client any more, while its connection stays open."""
    session.muted = True
    await carry_on(proceed)


def wait_for(event: asyncio.Event) -> Fault:
    """Take neither this message nor any that follows it in its session until the event is set."""

    async def fault(session: Session, _: list[str], proceed: Proceed) -> None:
        await event.wait()
        if not session.ended:
            await carry_on(proceed)

    return fault


# --- the gateway says no, or something else


def reject(code: int, said: str = "") -> Fault:
    """Do nothing, and answer with an error about the order or request."""

    async def fault(session: Session, fields: list[str], _: Proceed) -> None:
        complain(session, fields, code, said)

    return fault


def accept_and_say(code: int, said: str = "") -> Fault:
    """Do what was asked, then send an error about it all the same."""

    async def fault(session: Session, fields: list[str], proceed: Proceed) -> None:
        await carry_on(proceed)
        complain(session, fields, code, said)

    return fault


async def preset_day(session: Session, fields: list[str], proceed: Proceed) -> None:
    """Accept an order, and say 10349: it lives, as a DAY order."""
    await carry_on(proceed)
    order = session.gateway.book.own(session.client_id or 0, int(fields[1]))
    if order is not None:
        order.terms["tif"] = "DAY"
    complain(session, fields, 10349)


async def not_found(session: Session, fields: list[str], _: Proceed) -> None:
    """Answer a cancel with 10147 although the order lives."""
    complain(session, fields, 10147)


async def filled_meanwhile(session: Session, fields: list[str], proceed: Proceed) -> None:
    """Fill the order that is about to be cancelled: its fill is told first, 10148 after it."""
    book = session.gateway.book
    order = book.find(session.client_id or 0, int(fields[2]))
    if order is not None and not order.done:
        book.fill(order)
    await carry_on(proceed)


async def too_late(session: Session, fields: list[str], _: Proceed) -> None:
    """Answer a cancel with 10148, and only then tell the fill that made it too late."""
    book = session.gateway.book
    order = book.find(session.client_id or 0, int(fields[2]))
    complain(session, fields, 10148, WORDS[10148].format(id=fields[2], status="Filled"))
    if order is not None and not order.done:
        book.fill(order)


def complain(session: Session, fields: list[str], code: int, said: str = "") -> None:
    """Send an error about the order or request in a message, in IB's words unless others are given."""
    about = request_id(fields)
    order = session.gateway.book.find(session.client_id or 0, int(about))
    words = said or WORDS.get(code, f"Error {code}").format(id=about, status=order.status if order else "Unknown")
    session.error(about, code, words)


# --- what is sent comes twice, late, in another order, or never


def duplicate(times: int = 2) -> Fault:
    """Send a message several times."""

    def fault(_: Session, __: list[str], proceed: Proceed) -> None:
        for _again in range(times):
            proceed()

    return fault


def lose(_: Session, __: list[str], ___: Proceed) -> None:
    """Never send a message."""


def late(seconds: float) -> Fault:
    """Send a message after a time; what follows it overtakes it."""

    def fault(session: Session, _: list[str], proceed: Proceed) -> None:
        session.later(seconds, lambda: _send(proceed))

    return fault


def after(name: str) -> Fault:
    """Send a message right after the next one of that name: execDetails after orderStatus, a status after its successor."""

    def fault(session: Session, _: list[str], proceed: Proceed) -> None:
        def overtaking(_: Session, __: list[str], send: Proceed) -> None:
            send()
            proceed()

        session.gateway.once(name, overtaking, when=lambda told, _: told is session)

    return fault


class Held:
    """Keeps messages back until they are released, in their order."""

    def __init__(self) -> None:
        self.kept: list[Proceed] = []

    def __call__(self, session: Session, _: list[str], proceed: Proceed) -> None:
        self.kept.append(proceed)

    def release(self) -> None:
        """Send what was kept back."""
        for proceed in self.kept:
            proceed()
        self.kept.clear()


def _send(proceed: Proceed) -> None:
    proceed()
