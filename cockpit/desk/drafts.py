"""New orders and their next versions as values: what the client's side of the order path makes before it is durable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from cockpit.desk.entries import order_entry
from cockpit.desk.gate import Admitted
from cockpit.desk.observer import Judged
from cockpit.desk.rules import CHANGE_WAITS, Verdict, verdict_words
from cockpit.desk.together import JudgedTogether
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.ids import ulid
from cockpit.model.money import ZERO
from cockpit.model.orders import DONE, RESTING, GroupId, Order, OrderId, OrderRef, OrderRequest, OrderState
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.settings.approval import Do
from cockpit.store.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose orders they are, and where they go."""

    client: ClientName
    grant_id: GrantId
    connection: str
    shadow_of: str = ""

    @classmethod
    def of(cls, admitted: Admitted) -> Asker:
        """Return the client whose call passed the gate."""
        return cls(admitted.grant.client, admitted.grant.grant_id, admitted.connection.name, admitted.shadow_of)


def new_orders(asker: Asker, together: JudgedTogether, now: datetime, randomness: bytes) -> tuple[Order, ...]:
    """Make the orders, first the one whose decision is everybody's. Their ids sort in their order.

    ``randomness`` is ten bytes.
    """
    wanted = together.wanted
    until = now + timedelta(seconds=together.head.policy.approval_seconds)
    # Half of the space is left, so that counting up for a whole group can't run over.
    first = int.from_bytes(randomness) >> 1
    names = [ulid(now, (first + place).to_bytes(10)) for place in range(len(wanted.legs))]
    found = zip(names, wanted.legs, together.judged, together.each_checks(), strict=True)
    return tuple(
        Order(
            OrderId("o-" + name),
            OrderRef("ck:" + name),
            1,
            asker.client,
            asker.grant_id,
            asker.connection,
            judged.request,
            OrderState.PENDING,
            ZERO,
            None,
            ZERO,
            Safe("Waits for the operator."),
            checks,
            now,
            now,
            decide_by=until if name is names[0] else None,
            asked_at_price=judged.seen.touch(judged.request.side),
            group_id=None if wanted.linkage is None else GroupId("g-" + names[0]),
            linkage=wanted.linkage,
            role=leg.role,
            expected_position=leg.expected_position,
            shadow_of=asker.shadow_of,
            to_target=leg.to_target,
            unit_worth=judged.unit_worth,
        )
        for name, leg, judged, checks in found
    )


def under_rule(orders: tuple[Order, ...], verdict: Verdict, confirm_seconds: int) -> tuple[Order, ...]:
    """Return new orders as their rule wants them: waiting for their client first, or for the operator."""
    reason = verdict_words(verdict)
    orders = tuple(replace(one, rule=verdict.rule, reason=reason) for one in orders)
    if verdict.do is not Do.CONFIRM:
        return orders
    until = orders[0].made_at + timedelta(seconds=confirm_seconds)
    return (replace(orders[0], decide_by=None, confirm_by=until), *orders[1:])


def under_rule_anew(order: Order, verdict: Verdict, confirm_seconds: int) -> Order:
    """Return an order that waits with riskier terms as the rule for those wants it; what a rule wanted before stays."""
    after = replace(order, rule=verdict.rule, reason=verdict_words(verdict))
    if verdict.do is not Do.CONFIRM or order.unconfirmed:
        return after
    return replace(after, decide_by=None, confirm_by=order.changed_at + timedelta(seconds=confirm_seconds))


def asked_entry(order: Order, verdict: Verdict) -> AuditEntry:
    """Return the audit's record of a new order."""
    return order_entry(order, "order.asked", "", rule=verdict.rule or "ask", do=verdict.do, group=order.group_id or "")


def need_changeable(order: Order) -> None:
    """Raise Refused where an order can't be changed now."""
    if order.state in DONE:
        raise Refused(refuse("ORDER_DONE", state=order.state))
    if order.state is OrderState.PENDING and order.group_id is not None:
        says = "Its group waits for the operator as it is; withdraw it with cancel_order and ask anew."
        raise Refused(refuse("ORDER_BUSY", says, group_id=order.group_id))
    if order.state not in {OrderState.PENDING, *RESTING} or order.proposed is not None:
        raise Refused(refuse("ORDER_BUSY", state=order.state))


def changed_request(order: Order, given: dict[str, Decimal]) -> OrderRequest:
    """Return an order's terms with the given ones instead; Refused where they don't fit it or change nothing."""
    for name in given:
        if getattr(order.request, name) is None:
            word = name.replace("_", " ")
            says = f"A {order.request.order_type} order has no {word} to change."
            raise Refused(refuse("ORDER_TYPE_NOT_ALLOWED", says))
    request = replace(order.request, **given)  # type: ignore[arg-type]
    if request == order.request:
        raise Refused(refuse("NOTHING_TO_CHANGE"))
    if request.quantity <= order.filled:
        raise Refused(refuse("BAD_QUANTITY", "That much is filled already; cancel the rest.", filled=order.filled))
    return request


def asked_otherwise(order: Order, request: OrderRequest, judged: Judged, now: datetime) -> Order:
    """Return an order that waits with other terms."""
    return replace(
        order,
        version=order.version + 1,
        request=request,
        checks=judged.checks,
        changed_at=now,
        asked_at_price=judged.seen.touch(request.side),
        unit_worth=judged.unit_worth,
    )


def proposed(order: Order, request: OrderRequest, judged: Judged, ask_seconds: int | None, now: datetime) -> Order:
    """Return an order with a change that goes to the broker, or waits for the operator for ``ask_seconds``."""
    return replace(
        order,
        version=order.version + 1,
        proposed=request,
        checks=judged.checks,
        changed_at=now,
        decide_by=None if ask_seconds is None else now + timedelta(seconds=ask_seconds),
        asked_at_price=judged.seen.touch(request.side),
        reason=order.reason if ask_seconds is None else CHANGE_WAITS,
        unit_worth=worth_of_either(order, judged),
    )


def worth_of_either(order: Order, judged: Judged) -> Decimal | None:
    """Return the larger worth of one, by the order's terms and by its change: the broker may keep the old ones."""
    known = [worth for worth in (order.unit_worth, judged.unit_worth) if worth is not None]
    return max(known, default=None)


def cancel_asked(order: Order, by: str, now: datetime) -> Order:
    """Return an order at the broker whose cancel somebody asked for; a change that waits for the operator is void."""
    return replace(
        order,
        version=order.version + 1,
        changed_at=now,
        reason=safe(f"cancel asked by {by}"),
        decide_by=None,
        proposed=None if order.waits else order.proposed,
    )


def withdrawn(order: Order, now: datetime) -> Order:
    """Return an order whose wait its asker has ended."""
    return replace(
        order,
        version=order.version + 1,
        state=OrderState.CANCELLED,
        reason=Safe("Withdrawn before it was sent."),
        changed_at=now,
        decide_by=None,
        confirm_by=None,
    )
