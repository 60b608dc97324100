"""How a client changes an order of its own: what lowers risk goes to the broker, what raises it waits like a new order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cockpit.desk.access import own_order_of
from cockpit.desk.asking import Asking
from cockpit.desk.book import Book
from cockpit.desk.closing import Closing
from cockpit.desk.drafts import asked_otherwise, changed_request, need_changeable, proposed, under_rule_anew
from cockpit.desk.entries import order_entry
from cockpit.desk.gate import Admitted
from cockpit.desk.groups import Wanted
from cockpit.desk.observer import Judged, Observer
from cockpit.desk.risk import refusal_of
from cockpit.desk.rules import Verdict
from cockpit.desk.sending import Sender
from cockpit.desk.together import JudgedTogether
from cockpit.model.clock import Clock
from cockpit.model.orders import Order, OrderId, OrderRequest, OrderState
from cockpit.model.refusals import Refused, refuse
from cockpit.settings.approval import ApprovalSettings, Do


class Changing:
    """Judges and makes durable what a client wants otherwise."""

    def __init__(
        self,
        book: Book,
        observer: Observer,
        sender: Sender,
        closing: Closing,
        asking: Asking,
        approval: ApprovalSettings,
        clock: Clock,
    ) -> None:
        self._book = book
        self._observer = observer
        self._sender = sender
        self._closing = closing
        self._asking = asking
        self._approval = approval
        self._clock = clock

    async def change(self, admitted: Admitted, order_id: OrderId, given: dict[str, Decimal]) -> tuple[Order, Do]:
        """Change the terms of an own order, durable; what lowers risk at the broker is sent, the rest waits.

        Returns the order, and what is to be done with what waits. Raises Refused.
        """
        await own_order_of(self._book, admitted, order_id)
        async with self._observer.turn(admitted.connection, admitted.grant.client):
            order = await own_order_of(self._book, admitted, order_id)
            need_changeable(order)
            request = changed_request(order, given)
            await self._closing.need_within(order, admitted.connection, request)
            judged = await self._observer.judge(admitted.connection, request, but=order_id)
            refusal = refusal_of(judged.checks)
            if refusal is not None:
                raise Refused(refusal)
            lowers = judged.lowers
            verdict = Verdict(Do.ASK)
            if not lowers:
                alone = JudgedTogether(Wanted.alone(request), (judged,))
                verdict = self._asking.verdict(order.client, admitted.connection, alone)
                if order.state is not OrderState.PENDING:
                    self._asking.need_room(admitted.grant.client)
            # The order was free meanwhile: facts about it, and cancels, never wait for prices.
            async with self._book.alone(order_id):
                if self._book.get(order_id) != order:
                    raise Refused(refuse("ORDER_BUSY", "It moved on while its change was checked; ask again."))
                after, event, rule = self._changed(order, request, judged, lowers, verdict)
                entry = order_entry(after, event, "", to=request.words(), rule=rule)
                after = await self._book.move(order, after, [entry])
        if lowers and after.state is not OrderState.PENDING:
            return await self._sender.replace(after, opens=False), Do.ASK
        return after, verdict.do

    def _changed(
        self, order: Order, request: OrderRequest, judged: Judged, lowers: bool, verdict: Verdict
    ) -> tuple[Order, str, str]:
        """Return the order with its change, what the audit calls that, and the rule that it went by."""
        now = self._clock.now()
        if order.state is OrderState.PENDING:
            after = asked_otherwise(order, request, judged, now)
            if not lowers:
                after = under_rule_anew(after, verdict, self._approval.confirm_seconds)
            return after, "order.ask_changed", after.rule or "ask"
        if lowers:
            return proposed(order, request, judged, None, now), "order.change_sent", "lowers risk"
        after = proposed(order, request, judged, judged.policy.approval_seconds, now)
        return replace(after, rule=verdict.rule), "order.change_asked", verdict.rule or "ask"
