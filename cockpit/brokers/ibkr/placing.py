"""How orders leave: each once, with what can't have left refused, and what may have left answered or unknown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from ib_async.order import Order

from cockpit.brokers.base import MAY_LEAVE, BrokerUnavailable
from cockpit.brokers.ibkr import life as lives
from cockpit.brokers.ibkr import terms
from cockpit.brokers.ibkr.books import Shown
from cockpit.brokers.ibkr.contracts import Contracts
from cockpit.brokers.ibkr.errors import Follow, row_of
from cockpit.brokers.ibkr.groups import LEGS, Groups
from cockpit.brokers.ibkr.identities import OURS, Links
from cockpit.brokers.ibkr.life import Life, OrderRecord
from cockpit.brokers.ibkr.line import CockpitIB, Lane, Line
from cockpit.brokers.ibkr.listing import Listed
from cockpit.brokers.ibkr.session import not_ready
from cockpit.brokers.ibkr.tracking import Tracker
from cockpit.brokers.ibkr.visiting import Visits, answers_a_cancel
from cockpit.brokers.ibkr.wire import WireError, WireOpen, WireRecord
from cockpit.model.orders import Linkage, OrderRef, OrderRequest
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.model.trading import Link

_MOST_KEPT: Final = 2000

_LOG: Final = logging.getLogger(__name__)
_T = TypeVar("_T")


class Placing:
    """Sends orders, changes and cancels over one line. Whatever is sent is known before anything about it can come."""

    def __init__(
        self,
        line: Line,
        tracker: Tracker,
        visits: Visits,
        contracts: Contracts,
        patience: float,
        look: Callable[[], Awaitable[Shown]],
        start: Callable[[Coroutine[Any, Any, None]], object],
        notice: Callable[[Safe], None],
    ) -> None:
        self._line = line
        self._tracker = tracker
        self._visits = visits
        self._contracts = contracts
        self._patience = patience
        self._look = look
        self._start = start
        self._notice = notice
        self.groups: Final = Groups(tracker, start, self._say, self.cancel)
        self._said: dict[Safe, None] = {}
        self._beyond: dict[OrderRef, Safe] = {}
        """What orders of ours bear, as TWS shows them, that nothing here can say."""
        line.listen(self._see)

    async def submit(self, reference: OrderRef, request: OrderRequest) -> None:
        """Place one order, and return once TWS has said something about it."""
        if self._is_again(reference, request):
            return
        listed = await self._listed(request)
        if self._is_again(reference, request):
            return
        await self._place(((reference, request, listed),), _alone)

    async def submit_linked(self, linkage: Linkage, legs: Sequence[tuple[OrderRef, OrderRequest]]) -> None:
        """Place orders that belong together, all in one go."""
        references = tuple(reference for reference, _ in legs)
        if len(legs) != LEGS.get(linkage) or len(set(references)) != len(legs):
            raise Refused(
                refuse("BAD_ARGUMENTS", "A group of that kind has another number of orders.", linkage=linkage)
            )
        again = [self._is_again(reference, request) for reference, request in legs]
        if any(again):
            if all(again):
                return
            raise Refused(refuse("IDEMPOTENCY_CONFLICT", reference=references[0]))
        placed = [(reference, request, await self._listed(request)) for reference, request in legs]
        self.groups.tie(linkage, references)
        group = f"{references[0]}:oca"[:64]
        await self._place(placed, _bracket if linkage is Linkage.BRACKET else lambda orders: _pair(orders, group))

    async def replace(self, reference: OrderRef, request: OrderRequest) -> None:
        """Send new terms for a working order, and return once TWS has taken or refused them."""
        life, number = await self._working(reference)
        if life.over:
            raise Refused(refuse("ORDER_DONE"))
        if life.replacing:
            raise Refused(refuse("ORDER_BUSY"))
        if reference in self._beyond:
            # A change repeats all of the order, and would take back what somebody set in TWS.
            says = (
                f"It was changed in TWS to what can't be repeated here: {self._beyond[reference]}. Cancel it instead."
            )
            raise Refused(refuse("ORDER_TYPE_NOT_ALLOWED", says))
        listed = await self._listed(request)
        life = self._tracker.life(reference) or life
        if life.over or life.replacing or self._tracker.ids.number_of(reference) is None:
            raise Refused(refuse("ORDER_DONE" if life.over else "ORDER_BUSY"))
        self._tracker.follow(lives.changing(life, request))

        def change(ib: CockpitIB) -> asyncio.Future[OrderRecord]:
            MAY_LEAVE.get()()
            now = self._tracker.life(reference)
            if now is None or now.over:
                raise Refused(refuse("ORDER_DONE"))
            order, links = terms.order_of(reference, request, self._line.account), self._tracker.ids.links_of(reference)
            # A change has to repeat all of the order, also what it is tied to.
            order.orderId, order.parentId = number, links.parent_id
            order.ocaGroup, order.ocaType = links.group, links.group_type
            ib.client.placeOrder(number, listed.contract(), order)
            return self._tracker.next_record(reference, lambda record: not self._still_replacing(reference))

        try:
            heard = await self._line.send(Lane.ORDER, change)
        except BaseException:
            self._tracker.follow(lives.unasked(self._tracker.life(reference) or life))
            raise
        try:
            await self._heard(heard, "the change")
        except BrokerUnavailable:
            self._tracker.give_up(reference)
            raise

    async def cancel(self, reference: OrderRef) -> None:
        """Ask for the rest of an order to be withdrawn, and return once TWS has said something about that."""
        if not OURS.fullmatch(reference):
            raise Refused(refuse("NOT_YOUR_ORDER", "It was not sent from here; nothing here touches it."))
        known = self._tracker.life(reference)
        if known is not None and (known.complete or (known.ended and not known.revived)):
            return
        self.groups.mean(reference)
        try:
            answer = await self._cancel(reference)
        except Refused as refused:
            if known is not None or self.groups.knows(reference):
                self._tracker.cancel_refused(reference, safe(refused.refusal.message, 300))
            raise
        if isinstance(answer, WireError) and _refuses(answer):
            self._tracker.cancel_refused(reference, safe(f"{answer.code}: {answer.text}", 300))
        else:
            self.groups.mean(reference, taken=True)

    async def _cancel(self, reference: OrderRef) -> OrderRecord:
        client_id, number = await self._numbered(reference)
        if client_id != self._tracker.ids.client_id:
            answer = await self._visits.cancel(client_id, reference, self._tracker.ids.perm_of(reference))
            # Over this line TWS tells nothing of that order by itself.
            self._start(self._look_behind(reference, answer))
            return answer

        def ask(ib: CockpitIB) -> asyncio.Future[OrderRecord]:
            # Over this line alone: to another client number, the same number may be the order of somebody else.
            ib.client.cancelOrder(number)
            return self._tracker.next_record(reference, answers_a_cancel)

        answer = await self._heard(await self._line.send(Lane.CANCEL, ask), "the cancel")
        if _refuses(answer):
            self._start(self._look_behind(reference, answer))
        return answer

    async def _look_behind(self, reference: OrderRef, answer: OrderRecord) -> None:
        """See in the books what became of a cancel, and tell the operator where it was refused and the order goes on."""
        self._tracker.in_doubt.add(reference)
        try:
            await self._look()
        except (BrokerUnavailable, Refused) as problem:
            _LOG.warning("what became of a cancel could not be seen: %s", problem)
        life = self._tracker.life(reference)
        if isinstance(answer, WireError) and _refuses(answer) and not (life is not None and life.over):
            name = "Something of an earlier run" if life is None else life.symbol
            says = f"{name}: a cancel was refused, and the order may still work ({reference})."
            self._say(safe(f"{says} {answer.code}: {answer.text}", 300))

    def _see(self, record: WireRecord) -> None:
        if not isinstance(record, WireOpen) or not OURS.fullmatch(record.order_ref):
            return
        reference = OrderRef(record.order_ref)
        self._beyond.pop(reference, None)
        if beyond := terms.read("", record.terms).beyond:
            self._beyond[reference] = beyond
            while len(self._beyond) > _MOST_KEPT:
                self._beyond.pop(next(iter(self._beyond)))

    def _say(self, text: Safe) -> None:
        """Tell the operator, once."""
        if text not in self._said:
            self._said[text] = None
            while len(self._said) > _MOST_KEPT:
                self._said.pop(next(iter(self._said)))
            self._notice(text)

    async def _place(
        self,
        legs: Sequence[tuple[OrderRef, OrderRequest, Listed]],
        tie: Callable[[tuple[Order, ...]], None],
    ) -> None:
        for reference, request, _ in legs:
            self._tracker.placing(lives.sent(reference, request))

        def place(ib: CockpitIB) -> list[asyncio.Future[OrderRecord]]:
            MAY_LEAVE.get()()
            account = self._line.account
            orders = tuple(terms.order_of(reference, request, account) for reference, request, _ in legs)
            for order in orders:
                order.orderId = ib.client.getReqId()
            tie(orders)
            for (reference, _, listed), order in zip(legs, orders, strict=True):
                self._tracker.ids.sending(
                    reference, order.orderId, Links(order.parentId, order.ocaGroup, order.ocaType)
                )
                ib.client.placeOrder(order.orderId, listed.contract(), order)
            return [self._tracker.next_record(reference) for reference, _, _ in legs]

        try:
            heard = await self._line.send(Lane.ORDER, place, messages=len(legs))
        except BaseException:
            for reference, _, _ in legs:
                self._tracker.forget(reference)
            raise
        await self._heard(asyncio.gather(*heard), "the order")

    async def _heard(self, answer: Awaitable[_T], what: str) -> _T:
        """Return what answers what was sent. Raises BrokerUnavailable where nothing does in time."""
        try:
            async with asyncio.timeout(self._patience):
                return await answer
        except TimeoutError:
            raise BrokerUnavailable(f"no answer to {what} within {self._patience:g} s") from None

    def _still_replacing(self, reference: OrderRef) -> bool:
        life = self._tracker.life(reference)
        return life is not None and life.replacing

    async def _working(self, reference: OrderRef) -> tuple[Life, int]:
        """Return what is known of an order and its number on this line. Raises Refused where it has none."""
        client_id, number = await self._numbered(reference)
        if client_id != self._tracker.ids.client_id:
            says = "The order was placed under another client number and can only be cancelled; nothing was sent."
            raise Refused(refuse("NOT_YOUR_ORDER", says, client_id=client_id))
        life = self._tracker.life(reference)
        if life is None:
            raise not_ready("TWS has not told yet what the order's instrument is")
        return life, number

    async def _numbered(self, reference: OrderRef) -> tuple[int, int]:
        """Return the client and the number under which this line knows an order. Raises Refused where it doesn't.

        Nothing else has to be known of the order: it can be cancelled before TWS has told what its instrument is.
        """
        number = self._tracker.ids.number_of(reference)
        if number is None and self._line.link is Link.READY and self._tracker.life(reference) is not None:
            try:
                await self._look()
            except BrokerUnavailable as problem:
                raise Refused(refuse("BROKER_NOT_READY", f"Nothing was sent: {problem}.")) from problem
            number = self._tracker.ids.number_of(reference)
        if number is None and self._line.link is not Link.READY:
            raise not_ready(str(self._line.note))
        if number is None:
            raise Refused(refuse("ORDER_UNKNOWN", "The broker shows no such order on this line; nothing was sent."))
        return number

    async def _listed(self, request: OrderRequest) -> Listed:
        """Return the contract, with the order's figures checked against it. Nothing has left where this raises."""
        try:
            listed = await self._contracts.listed(request.symbol)
        except BrokerUnavailable as problem:
            raise Refused(refuse("BROKER_NOT_READY", f"Nothing was sent: {problem}.")) from problem
        refusal = terms.check(request, listed.instrument.lot, listed.step_at)
        if refusal is not None:
            raise Refused(refusal)
        terms.order_of(OrderRef("ck:check"), request, "")
        return listed

    def _is_again(self, reference: OrderRef, request: OrderRequest) -> bool:
        """Whether that very order was placed before. Raises Refused for a reference that isn't ours, or another's."""
        if not OURS.fullmatch(reference):
            raise Refused(refuse("BAD_ARGUMENTS", "An order's reference is ck: and printable ASCII characters."))
        life = self._tracker.life(reference)
        if life is None:
            return False
        if request in {life.told, *life.asked[:1]}:
            return True
        raise Refused(refuse("IDEMPOTENCY_CONFLICT", reference=reference))


def _refuses(answer: OrderRecord) -> bool:
    """Whether it says no to a cancel."""
    return isinstance(answer, WireError) and row_of(answer.code).follow not in {Follow.CANCELLED, Follow.NOTE}


def _alone(orders: tuple[Order, ...]) -> None:
    pass


def _bracket(orders: tuple[Order, ...]) -> None:
    terms.as_bracket(orders, orders[0].orderId)


def _pair(orders: tuple[Order, ...], group: str) -> None:
    terms.as_pair(orders, group)
