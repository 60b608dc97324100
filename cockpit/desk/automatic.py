"""Approvals that a rule gives by itself, by the very way that the operator's go, and what keeps them from happening."""

from __future__ import annotations

from dataclasses import replace

from cockpit.desk.book import Book
from cockpit.desk.connections import Connections
from cockpit.desk.decisions import Decisions
from cockpit.desk.entries import order_entry
from cockpit.desk.presence import Presence
from cockpit.desk.rulebook import Rulebook
from cockpit.desk.together import JudgedTogether
from cockpit.model.clock import Clock
from cockpit.model.orders import Order
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.model.trading import Mode
from cockpit.settings.approval import Do
from cockpit.store.writes import StoreBusy, StoreUnavailable


class Automatic:
    """Approves for the operator what his rules approve, while he is there to see it."""

    def __init__(
        self,
        book: Book,
        decisions: Decisions,
        rulebook: Rulebook,
        presence: Presence,
        connections: Connections,
        clock: Clock,
    ) -> None:
        self._book = book
        self._decisions = decisions
        self._rulebook = rulebook
        self._presence = presence
        self._connections = connections
        self._clock = clock

    async def release(self, order: Order) -> None:
        """Approve a waiting order that a rule approves; where that may not be, it waits for the operator and says why."""

        def still(together: JudgedTogether) -> Refusal | None:
            return self._held_back(order, together)

        answer = await self._decisions.approve(
            order.order_id, order.version, None, None, f"the rule {order.rule}", still=still
        )
        if isinstance(answer, Refusal):
            await self._leave_waiting(order, answer)

    def _held_back(self, order: Order, together: JudgedTogether) -> Refusal | None:
        """Return why no rule approves the order now, judged on the facts by which it would be sent."""
        connection = self._connections.get(order.connection)
        if connection is None:
            return refuse("CONNECTION_UNKNOWN", connection=order.connection)
        if connection.settings.mode is Mode.LIVE and not all(one.policy.allow_auto for one in together.judged):
            return refuse("RULES_PAUSED", "Rules approve nothing on this connection: its policy has no allow_auto.")
        if not self._presence.lets_rules_approve:
            return refuse("RULES_PAUSED", "Rules approve nothing while the operator is away.")
        verdict = self._rulebook.verdict(order.client, order.connection, together)
        if verdict.do is not Do.APPROVE:
            return refuse("RULES_PAUSED", "The rule doesn't approve it any more at the prices of now.")
        return None

    async def _leave_waiting(self, order: Order, refusal: Refusal) -> None:
        async with self._book.alone(order.order_id):
            now = self._book.get(order.order_id)
            if now is None or not now.waits or now.version != order.version:
                return
            says = safe(f"The rule {order.rule} did not approve it. {refusal.message}")
            after = replace(now, version=now.version + 1, reason=says, changed_at=self._clock.now())
            try:
                await self._book.move(now, after, [order_entry(after, "order.rule_held_back", refusal.code)])
            except (StoreUnavailable, StoreBusy):
                return
