"""What a command line shows before it asks: the ticket of the one client or order that is to be decided on, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cockpit.model.checks import Applies
from cockpit.model.identity import scope_text
from cockpit.model.money import cents, plain
from cockpit.model.orders import OrderId
from cockpit.model.refusals import Refusal
from cockpit.model.text import safe
from cockpit.operator.act import Answer, Command, Done
from cockpit.operator.acts import APPROVE_CLIENT, APPROVE_ORDER, CLOSE, POSITION
from cockpit.operator.face import Face
from cockpit.operator.listing import money_words
from cockpit.operator.view import ClientTicket, ConnectionView, OrderTicket


class Subject(StrEnum):
    """What can be looked at before a decision."""

    CLIENT = "client"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Look:
    """A question that changes nothing: the ticket of a waiting client (by its code) or order (by its id)."""

    subject: Subject
    key: str


def look_before(command: Command) -> Look | Command | None:
    """Return what to look at before a command is confirmed, or None where nothing is decided on."""
    if command.act == CLOSE.name:
        return replace(
            command, act=POSITION.name, arguments={k: v for k, v in command.arguments.items() if k != "seen"}
        )
    if command.act == APPROVE_CLIENT.name:
        return Look(Subject.CLIENT, command.arguments["code"])
    if command.act == APPROVE_ORDER.name:
        return Look(Subject.ORDER, command.arguments["order_id"])
    return None


def bound(command: Command, seen: Done) -> Command:
    """Bind a decision to what was shown before it, where the command itself names nothing else."""
    facts = seen.data if isinstance(seen.data, dict) else {}
    shown: dict[str, str] = {}
    if command.act == APPROVE_ORDER.name and isinstance(facts.get("version"), int):
        shown["version"] = str(facts["version"])
    if command.act == CLOSE.name:
        shown = {name: str(facts[name]) for name in ("connection", "seen") if name in facts}
    return replace(command, arguments={**shown, **command.arguments})


async def look(face: Face, at: Look) -> Answer:
    """Take a look through a face; nothing changes."""
    if at.subject is Subject.CLIENT:
        client = await face.client_ticket(at.key)
        return client if isinstance(client, Refusal) else client_words(client)
    order = await face.order_ticket(OrderId(at.key))
    return order if isinstance(order, Refusal) else order_words(order, face.snapshot().connections)


def times(alike: int) -> str:
    """Say how often a program has registered; nothing where it did so once."""
    return f" (registered {alike + 1} times for the same hosts)" if alike else ""


def client_words(ticket: ClientTicket) -> Done:
    """Say who asks: first what it can't invent, then what it claims."""
    asks = ticket.request
    known = "a client that you know" if ticket.known else "a new client"
    lines = [
        f"host      {asks.host}",
        f"redirect  {ticket.redirect_uri}",
        f"address   {asks.address}",
        f"claims    {asks.claimed_name}{times(ticket.alike)}",
        f"name      {ticket.suggested_name}, {known} (--as gives it another)",
        f"asks for  {scope_text(frozenset(asks.asked)) or 'nothing'}",
        f"gets      {scope_text(frozenset(ticket.preselected)) or 'nothing'} unless --scope says otherwise",
        *(f"WARNING   {warning}" for warning in ticket.warnings),
    ]
    data = {
        "request_id": asks.request_id,
        "host": asks.host,
        "redirect_uri": ticket.redirect_uri,
        "address": asks.address,
        "claimed_name": asks.claimed_name,
        "name": ticket.suggested_name,
        "known": ticket.known,
        "asked": list(asks.asked),
        "preselected": list(ticket.preselected),
        "warnings": list(ticket.warnings),
        "alike": ticket.alike,
    }
    return Done("\n".join(lines), data)


def order_words(ticket: OrderTicket, connections: Sequence[ConnectionView] = ()) -> Done:
    """Say what would be sent, with whose money, at which prices, and what the checks found."""
    order = ticket.order
    on = next((one for one in connections if one.name == order.connection), None)
    wanted = order.proposed or order.request
    quote = ticket.quote
    lines = [f"order     {wanted.words()}", f"client    {order.client}, on {order.connection}"]
    if on is not None:
        lines.append(f"money     {money_words(on)}")
    if order.proposed is not None:
        lines.append(f"instead   of {order.request.words()}")
    if quote is None:
        lines.append("market    no price")
    else:
        bid, ask = ("-" if side is None else plain(side) for side in (quote.bid, quote.ask))
        lines.append(f"market    {bid} / {ask} ({quote.data_type} from {safe(quote.source, 40)})")
    if ticket.drift is not None:
        lines.append(f"drift     {ticket.drift * 100:+.2f} % since it was asked; above zero is worse for the order")
    if ticket.notional is not None:
        lines.append(f"worth     {cents(ticket.notional)} at worst")
    once = f", once its entry has brought {plain(ticket.to_come)} more" if ticket.to_come else ""
    lines.append(f"position  {plain(ticket.position_before)} to {plain(ticket.position_after)}{once}")
    if ticket.gross_before is not None:
        after = "?" if ticket.gross_after is None else cents(ticket.gross_after)
        lines.append(f"gross     {cents(ticket.gross_before)} to {after}, all positions without sign")
    if ticket.at_stop is not None:
        lines.append(f"at stop   {cents(ticket.at_stop)} once it is hit, before fees")
    elif ticket.bare:
        lines.append("at stop   NO STOP: nothing bounds the loss")
    failed = [check for check in ticket.checks if not check.ok]
    passed = sum(1 for check in ticket.checks if check.ok and check.applies is Applies.YES)
    lines.append(f"checks    {passed} passed" + (f", {len(failed)} FAILED" if failed else ""))
    lines += [f"FAILED    {check.code}: {check.message}" for check in failed]
    data = {
        "order_id": order.order_id,
        "version": order.version,
        "order": wanted.words(),
        "client": order.client,
        "connection": order.connection,
        "mode": None if on is None else on.mode,
        "notional": None if ticket.notional is None else cents(ticket.notional),
        "position_before": plain(ticket.position_before),
        "position_after": plain(ticket.position_after),
        "to_come": plain(ticket.to_come),
        "failed": [check.code for check in failed],
    }
    return Done("\n".join(safe(line, 300) for line in lines), data)
