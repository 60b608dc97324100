"""How what a client asks for becomes orders: whether it may ask now, what the rules say, and one order for each key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cockpit.desk.access import order_of
from cockpit.desk.approvals import room_to_ask
from cockpit.desk.book import Book
from cockpit.desk.budgets import Budgets
from cockpit.desk.connections import Connection
from cockpit.desk.drafts import Asker, asked_entry, new_orders, under_rule
from cockpit.desk.gate import Admitted, slow_down
from cockpit.desk.groups import Wanted, lacking
from cockpit.desk.idempotency import Keys
from cockpit.desk.observer import Observer
from cockpit.desk.records import insert_key
from cockpit.desk.rulebook import Rulebook
from cockpit.desk.rules import Verdict
from cockpit.desk.sending import Sender
from cockpit.desk.together import JudgedTogether, judge_together
from cockpit.model.clock import Clock
from cockpit.model.identity import ClientName
from cockpit.model.orders import Order
from cockpit.model.refusals import Refused, refuse
from cockpit.settings.approval import ApprovalSettings, Do


class Asking:
    """Makes what is asked for durable as orders that wait, or that a rule has approved. Nothing is sent here."""

    def __init__(
        self,
        book: Book,
        observer: Observer,
        sender: Sender,
        keys: Keys,
        approval: ApprovalSettings,
        clock: Clock,
        randomness: Callable[[int], bytes],
        rulebook: Rulebook | None,
        budgets: Budgets | None,
    ) -> None:
        self._book = book
        self._observer = observer
        self._sender = sender
        self._keys = keys
        self._approval = approval
        self._clock = clock
        self._randomness = randomness
        self._rulebook = rulebook
        self._budgets = budgets

    async def ask(
        self, admitted: Admitted, body: str, key: str, make: Callable[[], Awaitable[Wanted]]
    ) -> tuple[tuple[Order, ...], Do]:
        """Return the orders that a key stands for, made now unless they are there, and what is to be done with them."""
        client, connection = admitted.grant.client, admitted.connection
        fingerprint = f"{connection.name}:{body}"
        async with self._keys.alone(client, key):
            known = await self._keys.order_of(client, key, fingerprint)
            if known is not None:
                return await self._book.of_group(await order_of(self._book, admitted, known)), Do.ASK
            async with self._observer.turn(connection, client):
                wanted = await make()
                need_capable(connection, wanted)
                self.need_room(client)
                self._need_budget(client, wanted)
                together = await judge_together(
                    self._observer, connection, wanted, client=client, scopes=admitted.scopes
                )
                refusal = together.refusal()
                if refusal is not None:
                    raise Refused(refusal)
                verdict = self.verdict(client, connection, together)
                made = new_orders(Asker.of(admitted), together, self._clock.now(), self._randomness(10))
                orders = under_rule(made, verdict, self._approval.confirm_seconds)
                head = orders[0]
                refusal = self._sender.last_look.refusal(head, connection, opens=any(together.opens()))
                if refusal is not None:
                    raise Refused(refusal)
                await self._book.add_all(
                    orders,
                    [insert_key(client, key, fingerprint, head.order_id, head.made_at)],
                    [asked_entry(one, verdict) for one in orders],
                )
                return orders, verdict.do

    def need_room(self, client: ClientName) -> None:
        """Raise Refused where as much waits as may."""
        refusal = room_to_ask(client, [*self._book.waiting(), *self._book.unconfirmed()], self._approval)
        if refusal is not None:
            raise Refused(refusal)

    def _need_budget(self, client: ClientName, wanted: Wanted) -> None:
        wait = 0.0 if self._budgets is None else self._budgets.take_rest_of_group(client, len(wanted.legs))
        if wait:
            raise Refused(slow_down(wait, "These are more orders than the budget has now"))

    def verdict(self, client: ClientName, connection: Connection, together: JudgedTogether) -> Verdict:
        """Return what the rules say; Refused with DENIED_BY_RULE where one denies."""
        if self._rulebook is None:
            return Verdict(Do.ASK)
        verdict = self._rulebook.verdict(client, connection.name, together)
        if verdict.do is Do.DENY:
            raise Refused(refuse("DENIED_BY_RULE", f"The rule {verdict.rule} denies it.", rule=verdict.rule))
        return verdict


def need_capable(connection: Connection, wanted: Wanted) -> None:
    """Raise Refused where the broker can't do what is wanted."""
    refusal = lacking(connection.broker.can, wanted)
    if refusal is not None:
        raise Refused(refusal)
