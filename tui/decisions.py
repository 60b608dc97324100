"""The questions before acts that add risk: in words, bound to the thing and the version that the words describe."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from cockpit.model.identity import WRITE_SCOPES, Scope
from cockpit.model.latches import Latch
from cockpit.model.money import plain
from cockpit.model.orders import Order, OrderId, OrderRequest
from cockpit.model.text import counted
from cockpit.operator.act import Act, Command
from cockpit.operator.acts import APPROVE_ORDER, CLOSE, RELEASE, RESOLVE
from tui.asking import Question
from tui.cells import Span
from tui.client_form import LIVES, ClientForm
from tui.closing import moved
from tui.group_words import group_sentence, kind_of, part_words
from tui.rows.waiting_row import currency_of
from tui.scope_form import LASTS, ScopeForm
from tui.state import ScreenState
from tui.words import amount, money, order_sentence, price


def order_question(state: ScreenState, order: Order, changed: OrderRequest | None = None) -> Question:
    """Ask whether to send an order, or a change of one, exactly as it is shown."""
    asked = changed or order.proposed or order.request
    pending = state.pending_order(order.order_id)
    notional = _notional(state, order, pending.notional if pending else None)
    arguments = {"order_id": str(order.order_id), "version": str(order.version)}
    worth = _worth_of(state, order, notional, order.proposed or order.request)
    verb = "APPROVE"
    legs = state.legs_of(order.order_id)
    if legs:
        verb = f"APPROVE {kind_of(order.linkage).upper()}"
        legs = _with_edit(legs, changed)
    if changed is not None:
        before = order.proposed or order.request
        verb = verb.replace("APPROVE", "APPROVE EDITED")
        worth = _worth_of(state, order, notional, changed) if changed.limit_price == before.limit_price else ""
        if changed.quantity != before.quantity:
            arguments["quantity"] = plain(changed.quantity)
        if changed.limit_price is not None and changed.limit_price != before.limit_price:
            arguments["limit"] = plain(changed.limit_price)
    if order.proposed is not None:
        verb = f"{verb} CHANGE"
    return Question(
        verb,
        (
            Span(group_sentence(legs) if legs else order_sentence(asked), "buy" if asked.side == "buy" else "sell"),
            Span(_from(order) + ("" if legs else _part(order)) + worth),
            Span(", for ", "dim"),
            Span(order.client, "name"),
            Span("?"),
        ),
        Command(APPROVE_ORDER.name, arguments),
        about=str(order.order_id),
        version=order.version,
        decide_by=order.decide_by,
        live=state.is_live(order.connection),
    )


def _worth_of(state: ScreenState, order: Order, notional: Decimal | None, changed: OrderRequest) -> str:
    """Say about how much it comes to at a smaller quantity; nothing where that isn't known."""
    if notional is None:
        return ""
    share = changed.quantity / (order.proposed or order.request).quantity
    return f", about {money(notional * share, currency_of(state.snapshot, order.connection))}"


def _with_edit(legs: tuple[Order, ...], changed: OrderRequest | None) -> tuple[Order, ...]:
    """Return a group as the operator's edit leaves it: its quantity is one, its limit that of the first."""
    if changed is None:
        return legs
    first, *others = legs
    resized = (replace(one, request=replace(one.request, quantity=changed.quantity)) for one in others)
    return (replace(first, request=changed), *resized)


def _part(order: Order) -> str:
    return f", {part}" if (part := part_words(order)) else ""


def _from(order: Order) -> str:
    if order.proposed is None:
        return ""
    now = order.request
    limit = "" if now.limit_price is None else f" at {price(now.limit_price)}"
    return f" (works {amount(now.quantity)}{limit})"


def _notional(state: ScreenState, order: Order, pending: Decimal | None) -> Decimal | None:
    ticket = state.ticket
    if ticket is not None and ticket.order.order_id == order.order_id and ticket.order.version == order.version:
        return ticket.notional if ticket.notional is not None else pending
    return pending


def client_question(state: ScreenState, form: ClientForm) -> Question:
    """Ask whether to let a client in, with exactly what was chosen."""
    words = [scope.value for scope in Scope if scope in form.chosen]
    writes = any(scope in WRITE_SCOPES for scope in form.chosen)
    life = f", for {LIVES[form.life_at][1]}" if form.life_at else ""
    return Question(
        "LET IN",
        (
            Span(form.ticket.request.host, "strong"),
            Span(" as ", "dim"),
            Span(form.name, "name"),
            Span(" on ", "dim"),
            Span(form.connection, "strong"),
            Span(life + ": "),
            Span(" ".join(words), "wait" if writes else ""),
            Span("?"),
        ),
        form.command(),
        about=form.ticket.request.request_id,
        decide_by=form.ticket.request.decide_by,
        live=writes and state.is_live(form.connection),
    )


def scope_question(state: ScreenState, form: ScopeForm) -> Question:
    """Ask whether to change a client's scopes, with every difference."""
    spans = [Span(form.view.client, "name"), Span(": ")]
    for scope in form.added:
        spans.append(Span(f"+{scope} ", "wait" if scope in WRITE_SCOPES else "ok"))
    spans += [Span(f"-{scope} ", "bad") for scope in form.dropped]
    lasts = f", added for {LASTS[form.life_at][1]}" if form.life_at else ""
    many = len(state.alike(form.view))
    group = f", all {many} of its authorities" if many > 1 else ""
    spans.append(Span(f"on {form.view.connection}{group}{lasts}?"))
    live = form.adds_writing and state.is_live(form.view.connection)
    return Question("CHANGE", tuple(spans), form.command(), live=live)


def latch_question(latch: Latch) -> Question:
    """Ask whether to release what a limit has latched."""
    return Question(
        "RELEASE",
        (
            Span(f"{latch.kind.replace('_', ' ')} of "),
            Span(latch.subject, "strong"),
            Span(f", latched because: {latch.reason}. It is counted anew from now on?"),
        ),
        Command(RELEASE.name, {"latch": latch.latch_id}),
        about=latch.latch_id,
    )


def act_question(state: ScreenState, act: Act, command: Command) -> Question:
    """Ask before an act that was typed behind the colon."""
    if act is RESOLVE and (order := state.order(OrderId(command.arguments["order_id"]))) is not None:
        request = order.request
        says = (
            Span(order_sentence(request), request.side.value),
            Span(f" is {command.arguments['state']}, as you saw at the broker", "strong"),
            Span(f" on {order.connection}? Its books overrule it."),
        )
        return Question("RESOLVE", says, command, live=state.is_live(order.connection))
    given = " ".join(command.arguments.values())
    return Question(act.command.upper(), (Span(f"{given}: " if given else ""), Span(act.help), Span("?")), command)


def quit_question(state: ScreenState) -> Question:
    """Ask before the screen, and with it the host, ends; one that is attached leaves its host running."""
    clients = len({view.client for view in state.snapshot.clients})
    waiting = len(state.waiting.items)
    left = f", {counted(waiting, 'decision')} still open" if waiting else ""
    if state.attached:
        return Question("LEAVE", (Span(f"this screen? The cockpit goes on without it{left}"),), None)
    cut_off = f" and cut off {counted(clients, 'client')}" if clients else ""
    return Question("QUIT", (Span(f"the cockpit{cut_off}{left}?"),), None)


def still_holds(state: ScreenState, question: Question, now: datetime) -> str:
    """Return why a question has lost its ground since it was asked, or nothing."""
    return _gone(state, question) or _over(question, now)


def _over(question: Question, now: datetime) -> str:
    late = question.decide_by is not None and now >= question.decide_by
    return "Too late: the time to decide is over." if late else ""


def _gone(state: ScreenState, question: Question) -> str:
    if not question.about:
        return ""
    if question.command is not None and question.command.act == CLOSE.name:
        return moved(state, question)
    if question.version is not None:
        pending = state.pending_order(question.about)
        if pending is None:
            return "That order no longer waits; nothing was sent."
        return "" if pending.order.version == question.version else "That order changed meanwhile; look again."
    if question.command is not None and question.command.act == RELEASE.name:
        held = any(latch.latch_id == question.about for latch in state.snapshot.latches)
        return "" if held else "That latch is released already."
    waits = any(item.request_id == question.about for item in state.snapshot.pending_clients)
    return "" if waits else "That client no longer waits; nothing was granted."
