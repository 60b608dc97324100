"""One order as the gateway keeps it, and one execution of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from tests.gateway.wire import UNSET
from tests.gateway.world import Listing

ZERO: Final = Decimal(0)
DONE: Final = frozenset({"Filled", "Cancelled", "Inactive"})
STOPS: Final = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT"})
TOUCHED: Final = frozenset({"MIT", "LIT"})
AT_CLOSE: Final = frozenset({"MOC", "LOC"})
TRAILING: Final = frozenset({"TRAIL", "TRAIL LIMIT"})
KINDS: Final = frozenset({"MKT", "LMT"}) | STOPS | TOUCHED | AT_CLOSE
_LIMITED: Final = frozenset({"LMT", "STP LMT", "TRAIL LIMIT", "LIT", "LOC"})
_EASTERN: Final = ZoneInfo("US/Eastern")


def stamp(at: datetime) -> str:
    """Return a time as TWS writes it: ``20261121 09:31:05 US/Eastern``."""
    return f"{at.astimezone(_EASTERN):%Y%m%d %H:%M:%S} US/Eastern"


def number(text: str) -> Decimal | None:
    """Return a number of the wire, or None where it has no value; raises where it is no number."""
    if text in ("", UNSET):
        return None
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(f"{text} is no number that an order can have")
    return value


@dataclass(slots=True, eq=False)
class Order:
    """An order by its terms on the wire, with what has become of it. ``perm_id`` is its identity."""

    perm_id: int
    order_id: int
    """As its client counts; 0 for one that was placed by hand in TWS."""
    client_id: int
    listing: Listing
    terms: dict[str, str]
    """By the wire's names, as the client sent them."""
    parent: Order | None = None
    status: str = "PendingSubmit"
    why_held: str = ""
    staged: bool = True
    """Not transmitted: the gateway has it, nobody else knows of it."""
    triggered: bool = False
    stop: Decimal | None = None
    """Where a stop stands now; for one that trails it moves."""
    filled: Decimal = ZERO
    value: Decimal = ZERO
    """Sum of quantity times price of the executions."""
    last: Decimal | None = None
    fees: Decimal = ZERO
    ended_at: datetime | None = None
    ended_by: str = ""

    @property
    def buys(self) -> bool:
        return self.terms["action"] == "BUY"

    @property
    def sign(self) -> int:
        return 1 if self.buys else -1

    @property
    def quantity(self) -> Decimal:
        return number(self.terms["totalQuantity"]) or ZERO

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def average(self) -> Decimal:
        return self.value / self.filled if self.filled else ZERO

    @property
    def kind(self) -> str:
        return self.terms["orderType"]

    @property
    def limit(self) -> Decimal | None:
        """The limit price that holds now, None for an order at the market."""
        if self.kind not in _LIMITED:
            return None
        if self.kind == "TRAIL LIMIT":
            offset = number(self.terms.get("lmtPriceOffset", ""))
            if offset is not None and self.stop is not None:
                return self.stop + offset * self.sign
        return number(self.terms["lmtPrice"])

    @property
    def aux(self) -> Decimal | None:
        """The stop price, the price that has to be touched, or the amount by which it trails."""
        return number(self.terms["auxPrice"])

    @property
    def time_in_force(self) -> str:
        return self.terms["tif"] or "DAY"

    @property
    def account(self) -> str:
        return self.terms["account"]

    @property
    def reference(self) -> str:
        return self.terms["orderRef"]

    @property
    def group(self) -> str:
        return self.terms["ocaGroup"]

    @property
    def outside_hours(self) -> bool:
        return self.terms["outsideRth"] == "1"

    @property
    def done(self) -> bool:
        """Whether it has ended; Inactive with ``locate`` waits for shares that can be borrowed."""
        return self.status in DONE and self.why_held != "locate"

    @property
    def held(self) -> bool:
        """Whether it waits for the order that it is attached to."""
        return self.parent is not None and not self.parent.done

    @property
    def waits_for_trigger(self) -> bool:
        return self.kind in STOPS | TOUCHED and not self.triggered

    @property
    def multiplier(self) -> Decimal:
        return Decimal(self.listing.multiplier or 1)

    def root(self) -> Order:
        """Return the order that the whole bracket hangs from."""
        return self if self.parent is None else self.parent.root()

    def fields(self) -> dict[str, object]:
        """Return everything by the wire's names, as openOrder and completedOrder tell it."""
        told: dict[str, object] = {**self.terms, **self.listing.spelled}
        told["exchange"] = self.terms.get("exchange") or self.listing.exchange
        trails = self.kind in TRAILING
        told |= {
            "orderId": self.order_id,
            "clientId": self.client_id,
            "permId": self.perm_id,
            "status": self.status,
            "whatIf": False,
            "tif": self.time_in_force,
            "lmtPrice": self.terms["lmtPrice"] or "0.0",
            "auxPrice": self.terms["auxPrice"] or "0.0",
            "trailStopPrice": self.stop if trails else self.terms.get("trailStopPrice", ""),
            "parentId": self.parent.order_id if self.parent else 0,
            "parentPermId": self.parent.perm_id if self.parent else "",
            "filledQuantity": self.filled,
            "completedTime": stamp(self.ended_at) if self.ended_at else "",
            "completedStatus": self.ended_by,
        }
        return told

    def state(self) -> dict[str, object]:
        """Return what orderStatus tells."""
        return {
            "orderId": self.order_id,
            "status": self.status,
            "filled": self.filled,
            "remaining": self.remaining,
            "avgFillPrice": self.average,
            "permId": self.perm_id,
            "parentId": self.parent.order_id if self.parent else 0,
            "lastFillPrice": self.last or 0,
            "clientId": self.client_id,
            "whyHeld": self.why_held,
            "mktCapPrice": 0,
        }


def first_stop(order: Order) -> Decimal | None:
    """Return where a stop stands before the market has moved it."""
    if order.kind in TRAILING:
        return number(order.terms.get("trailStopPrice", ""))
    return order.aux if order.kind in STOPS else None


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill, with what the order looked like right after it."""

    exec_id: str
    order: Order
    at: datetime
    quantity: Decimal
    price: Decimal
    total: Decimal
    average: Decimal
    fee: Decimal
    realized: Decimal | None
    """Profit or loss that it closed; None where it opened a position."""
    ids: tuple[int, int] = field(default=(0, 0))
    """Order id and client id when it happened."""

    def fields(self) -> dict[str, object]:
        """Return what execDetails tells, by the wire's names."""
        order = self.order
        return {
            **order.listing.spelled,
            "execId": self.exec_id,
            "time": stamp(self.at),
            "account": order.account,
            "venue": order.listing.primary or order.listing.exchange,
            "side": "BOT" if order.buys else "SLD",
            "shares": self.quantity,
            "price": self.price,
            "permId": order.perm_id,
            "clientId": self.ids[1],
            "liquidation": 0,
            "cumQty": self.total,
            "avgPrice": self.average,
            "orderRef": order.reference,
            "lastLiquidity": 2,
            "pendingPriceRevision": 0,
        }
