"""Which record is about which order: by its orderRef, else by the broker's permanent number, else by its number of this line.

Numbers of one line are forgotten with it: after a restart TWS may give them out once more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cockpit.brokers.ibkr.life import OrderRecord
from cockpit.brokers.ibkr.statuses import stem_of
from cockpit.brokers.ibkr.wire import (
    WireCommission,
    WireCompleted,
    WireError,
    WireExecution,
    WireHeld,
    WireOpen,
    WireRecord,
    WireStatus,
)
from cockpit.model.orders import OrderRef

OURS: Final = re.compile(r"ck:[!-~]{1,61}")
"""References of orders that a cockpit sent."""


def reference_of(order_ref: str, perm_id: int) -> OrderRef | None:
    """Return by what an order is known here: its own reference where it is like ours, else its permanent number."""
    if OURS.fullmatch(order_ref):
        return OrderRef(order_ref)
    return OrderRef(f"ib:{perm_id}") if perm_id else None


def account_of(record: WireRecord) -> str:
    """Return whose account a record is about; empty where it doesn't say."""
    match record:
        case WireOpen() | WireCompleted():
            return record.terms.account
        case WireExecution() | WireHeld():
            return record.account
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class Links:
    """What an order is tied to."""

    parent_id: int = 0
    group: str = ""
    """Its OCA group: TWS also gives one to what hangs from an order that has filled."""
    group_type: int = 0


class Identities:
    """The numbers of orders with references like ours. Others are told apart, and not kept."""

    def __init__(self, client_id: int, doubt: Callable[[OrderRef], None]) -> None:
        self.client_id: Final = client_id
        """The number of this line's client: errors bear numbers of its orders alone."""
        self._doubt = doubt
        self._by_perm: dict[int, OrderRef] = {}
        self._perm_of: dict[OrderRef, int] = {}
        self._by_number: dict[tuple[int, int], OrderRef] = {}
        self._number_of: dict[OrderRef, tuple[int, int]] = {}
        self._by_fill: dict[str, tuple[OrderRef, str]] = {}
        """Whose fill it is, by the stem of its id, and the currency in which it was traded."""
        self._links: dict[OrderRef, Links] = {}

    def whose(self, record: OrderRecord) -> OrderRef | None:
        """Return whose record it is, and learn the numbers that it bears."""
        match record:
            case WireOpen():
                reference = self._named(record.order_ref, record.perm_id)
                if reference is not None:
                    self._number(reference, record.client_id, record.order_id)
                    told = record.terms
                    self._links[reference] = Links(told.parent_id, told.oca_group, told.oca_type)
                return reference
            case WireCompleted():
                return self._named(record.order_ref, record.perm_id)
            case WireExecution():
                reference = self._named(record.order_ref, record.perm_id)
                if reference is not None:
                    self._by_fill[stem_of(record.exec_id)] = reference, record.contract.currency
                return reference
            case WireCommission():
                return self._by_fill.get(stem_of(record.exec_id), (None, ""))[0]
            case WireStatus():
                return self._of_status(record)
            case WireError():
                return self._by_number.get((self.client_id, record.about)) if record.about > 0 else None

    def is_twin(self, record: WireRecord) -> bool:
        """Whether a record is about another order that bears a reference of ours: one number is one order's for good.

        What this client placed is ours, even where the other one was seen first.
        """
        if not isinstance(record, WireOpen | WireCompleted | WireExecution):
            return False
        reference = OrderRef(record.order_ref)
        if record.perm_id == 0 or self._perm_of.get(reference, record.perm_id) == record.perm_id:
            return False
        client_id, _ = self._number_of.get(reference, (self.client_id, 0))
        return not (isinstance(record, WireOpen) and record.client_id == self.client_id != client_id)

    def sending(self, reference: OrderRef, order_id: int, links: Links) -> None:
        """Know the number with which an order is being sent, and what it is tied to, before anything about it can come."""
        self._number(reference, self.client_id, order_id)
        self._links[reference] = links

    def number_of(self, reference: OrderRef) -> tuple[int, int] | None:
        """Return the client and the number under which this line knows an order."""
        return self._number_of.get(reference)

    def perm_of(self, reference: OrderRef) -> int:
        """Return an order's permanent number; 0 where it was not told."""
        return self._perm_of.get(reference, 0)

    def links_of(self, reference: OrderRef) -> Links:
        """Return what an order is tied to: a change has to repeat it."""
        return self._links.get(reference, Links())

    def currency_of(self, exec_id: str) -> str:
        """Return the currency in which a fill was traded; empty where it was not told."""
        return self._by_fill.get(stem_of(exec_id), ("", ""))[1]

    def forget(self, reference: OrderRef, fills: tuple[str, ...] = ()) -> None:
        """Forget an order and its fills."""
        self._links.pop(reference, None)
        self._by_perm.pop(self._perm_of.pop(reference, 0), None)
        self._by_number.pop(self._number_of.pop(reference, (0, 0)), None)
        for execution_id in fills:
            self._by_fill.pop(execution_id, None)

    def line_broke(self) -> None:
        """Forget what was known by the numbers of one line."""
        self._by_number.clear()
        self._number_of.clear()

    def _named(self, order_ref: str, perm_id: int) -> OrderRef | None:
        """Return the reference of an order like ours, and learn its permanent number."""
        if not OURS.fullmatch(order_ref):
            return None
        reference = OrderRef(order_ref)
        self._permanent(reference, perm_id)
        return reference

    def _of_status(self, record: WireStatus) -> OrderRef | None:
        known = self._by_perm.get(record.perm_id) if record.perm_id else None
        if known is not None:
            return known
        numbered = self._by_number.get((record.client_id, record.order_id))
        if numbered is None:
            return None
        if record.perm_id and self._perm_of.get(numbered, record.perm_id) != record.perm_id:
            # The number was given out twice: whose status it is, the books will say.
            self._doubt(numbered)
            return None
        self._permanent(numbered, record.perm_id)
        return numbered

    def _number(self, reference: OrderRef, client_id: int, order_id: int) -> None:
        if order_id > 0:
            self._by_number[client_id, order_id] = reference
            self._number_of[reference] = client_id, order_id

    def _permanent(self, reference: OrderRef, perm_id: int) -> None:
        if perm_id:
            self._by_perm[perm_id] = reference
            self._perm_of[reference] = perm_id
