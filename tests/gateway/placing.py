"""What the gateway answers to orders and to questions about them: it finds an order right, or says why not."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tests.gateway import telling
from tests.gateway.holdings import fee
from tests.gateway.orders import KINDS, ZERO, Execution, Order, number
from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import OPEN_ORDER, UNSET, In, Out, named, pick, placed_order, spec
from tests.gateway.world import Listing

READ_ONLY: Final = "Error validating request.-'bN' : cause - The API interface is currently in Read-Only mode."
_FILTER: Final = spec("client account time symbol kind venue side")
_IDENTITY: Final = ("action", "account")


class Refused(Exception):
    """An order that the gateway does not take, with IB's code and words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@handles(In.placeOrder)
def place(session: Session, fields: list[str]) -> None:
    """Take a new order, change one that lives, or tell what one would need."""
    terms = placed_order(fields)
    order_id = int(terms.pop("orderId"))
    client_id = session.client_id or 0
    gateway, book = session.gateway, session.gateway.book

    def work() -> None:
        try:
            if gateway.read_only:
                raise Refused(321, READ_ONLY)
            listing = _listing(session, terms)
            terms["account"] = _account(session, terms)
            _well_formed(session, listing, terms)
            if terms["whatIf"] == "1":
                _what_if(session, order_id, listing, terms)
                return
            known = book.own(client_id, order_id)
            if known is not None:
                _changeable(known, listing, terms)
                book.modify(known, terms)
                order = known
            else:
                if order_id < book.next_id(client_id):
                    raise Refused(103, "Duplicate order id")
                _affordable(session, listing, terms)
                order = book.add(client_id, order_id, listing, terms, _parent(session, terms))
            if terms["transmit"] == "1" and order.staged:
                book.transmit(order)
        except Refused as refused:
            session.error(order_id, refused.code, refused.text)

    if terms["whatIf"] == "1":
        work()
    else:
        book.unless_lost(work)


@handles(In.cancelOrder)
def cancel(session: Session, fields: list[str]) -> None:
    """Cancel an order by its id: the client's own, or another's that lives under that id."""
    book, order_id = session.gateway.book, int(fields[2])

    def work() -> None:
        if session.gateway.read_only:
            session.error(order_id, 321, READ_ONLY)
            return
        order = book.find(session.client_id or 0, order_id)
        if order is None:
            session.error(order_id, 10147, f"OrderId {order_id} that needs to be cancelled is not found.")
        elif order.done:
            session.error(
                order_id,
                10148,
                f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {order.status}.",
            )
        else:
            book.cancel(order)

    book.unless_lost(work)


@handles(In.reqGlobalCancel)
def cancel_all(session: Session, _: list[str]) -> None:
    """Cancel every order that lives, whoever placed it."""
    if session.gateway.read_only:
        session.error(-1, 321, READ_ONLY)
    else:
        session.gateway.book.unless_lost(session.gateway.book.cancel_all)


@handles(In.reqOpenOrders)
def open_orders(session: Session, _: list[str]) -> None:
    """Tell the client's own orders; one that is read-only gets 321 and no end."""
    _tell_open(session, [one for one in session.gateway.book.live() if one.client_id == session.client_id])


@handles(In.reqAllOpenOrders)
def all_open_orders(session: Session, _: list[str]) -> None:
    """Tell everybody's orders."""
    _tell_open(session, session.gateway.book.live())


@handles(In.reqCompletedOrders)
def completed(session: Session, fields: list[str]) -> None:
    """Tell the orders that ended; ``apiOnly`` leaves out those that were placed by hand."""
    api_only = fields[1] == "1"
    for order in session.gateway.book.done():
        if order.client_id or not api_only:
            session.send(*telling.completed_order(order))
    session.send(Out.completedOrdersEnd)


@handles(In.reqExecutions)
def executions(session: Session, fields: list[str]) -> None:
    """Tell executions that pass the filter, their end, then what they cost."""
    wanted = named(_FILTER, fields[3:])
    found = [one for one in session.gateway.book.executions if _passes(one, wanted)]
    for execution in found:
        session.send(*telling.exec_details(fields[2], execution))
    session.send(Out.execDetailsEnd, 1, fields[2])
    for execution in found:
        session.send(*telling.commission_report(execution))


def _passes(execution: Execution, wanted: dict[str, str]) -> bool:
    told = execution.fields()
    since = wanted["time"].replace("-", " ").rsplit(" ", 1)[0] if wanted["time"].count(" ") > 1 else wanted["time"]
    return (
        wanted["client"] in ("", "0", str(execution.ids[1]))
        and wanted["account"] in ("", told["account"])
        and str(told["time"]) >= since.replace("-", " ")
        and wanted["symbol"] in ("", told["symbol"])
        and wanted["kind"] in ("", told["secType"])
        and wanted["venue"] in ("", told["venue"], told["exchange"])
        and wanted["side"] in ("", told["side"], "BUY" if told["side"] == "BOT" else "SELL")
    )


def _tell_open(session: Session, orders: list[Order]) -> None:
    if session.gateway.read_only:
        session.error(-1, 321, READ_ONLY)
        return
    for order in orders:
        session.send(*telling.open_order(order))
        session.send(*telling.order_status(order))
    session.send(Out.openOrderEnd, 1)


def _listing(session: Session, terms: dict[str, str]) -> Listing:
    found = session.gateway.world.find(terms)
    for listing in found[:1]:
        if len(found) == 1:
            return listing
        raise Refused(200, "The contract description specified for this order is ambiguous.")
    raise Refused(200, "No security definition has been found for the request")


def _account(session: Session, terms: dict[str, str]) -> str:
    accounts = session.gateway.accounts
    if terms["account"] in accounts:
        return terms["account"]
    if terms["account"]:
        raise Refused(321, "Error validating request.-'bW' : cause - Invalid account code.")
    for account in accounts:
        if len(accounts) == 1:
            return account
    raise Refused(435, "You must specify an account.")


def _well_formed(session: Session, listing: Listing, terms: dict[str, str]) -> None:
    if terms["action"] not in ("BUY", "SELL"):
        raise Refused(321, "Error validating request.-'bW' : cause - Invalid action.")
    if terms["orderType"] not in KINDS:
        raise Refused(387, "Unsupported order type for this exchange and security type.")
    quantity = number(terms["totalQuantity"])
    if not quantity or quantity < ZERO:
        raise Refused(434, "The order size cannot be zero.")
    if quantity % listing.least:
        raise Refused(10318, "This order doesn't support fractional quantity trading")
    prices = [number(terms["lmtPrice"]), number(terms["auxPrice"])]
    needs_limit = terms["orderType"] in ("LMT", "STP LMT", "LIT", "LOC")
    if needs_limit and prices[0] is None:
        raise Refused(321, "Error validating request.-'bW' : cause - A limit price is needed.")
    if terms["orderType"] in ("TRAIL", "TRAIL LIMIT") and not (prices[1] or number(terms["trailingPercent"])):
        raise Refused(321, "Error validating request.-'bW' : cause - A trailing amount or percent is needed.")
    for price in (*prices, number(terms["trailStopPrice"])):
        if price and price % session.gateway.world.step(listing, price):
            raise Refused(110, "The price does not conform to the minimum price variation for this contract.")


def _parent(session: Session, terms: dict[str, str]) -> Order | None:
    parent_id = int(terms["parentId"] or 0)
    if not parent_id:
        return None
    parent = session.gateway.book.own(session.client_id or 0, parent_id)
    if parent is None or (parent.done and not parent.filled):
        raise Refused(10006, "Missing parent order.")
    return parent


def _changeable(order: Order, listing: Listing, terms: dict[str, str]) -> None:
    if order.status == "Filled":
        raise Refused(104, "Cannot modify a filled order.")
    if order.done:
        raise Refused(103, "Duplicate order id")
    if listing is not order.listing or any(terms[one] != order.terms[one] for one in _IDENTITY):
        raise Refused(105, "Order being modified does not match original order")
    if terms["orderType"] != order.kind:
        raise Refused(329, "Order modify failed. Cannot change to the new order type.")
    if Decimal(terms["totalQuantity"]) <= order.filled:
        raise Refused(201, "Order rejected - reason:The quantity is not larger than what has been filled")


def _affordable(session: Session, listing: Listing, terms: dict[str, str]) -> None:
    holdings = session.gateway.book.holdings
    quantity = Decimal(terms["totalQuantity"]) * (1 if terms["action"] == "BUY" else -1)
    held = holdings.quantity(terms["account"], listing)
    if abs(held + quantity) <= abs(held) or listing.kind == "CASH":
        return
    needed = _notional(session, listing, terms) * holdings.rate(listing.currency) / 4
    if needed > holdings.net(terms["account"]) - holdings.margin(terms["account"]):
        raise Refused(
            201,
            "Order rejected - reason:The account does not have enough available funds for this order's initial margin.",
        )


def _notional(session: Session, listing: Listing, terms: dict[str, str]) -> Decimal:
    at = number(terms["lmtPrice"]) or number(terms["auxPrice"]) or session.gateway.book.holdings.mark(listing)
    return Decimal(terms["totalQuantity"]) * at * Decimal(listing.multiplier or 1)


def _what_if(session: Session, order_id: int, listing: Listing, terms: dict[str, str]) -> None:
    """Tell margins before, change and after, and the commission, in the words of openOrder."""
    holdings, account = session.gateway.book.holdings, terms["account"]
    order = Order(0, order_id, session.client_id or 0, listing, terms)
    order.status = "PreSubmitted"
    held = holdings.quantity(account, listing)
    opens = abs(held + order.quantity * order.sign) - abs(held)
    notional = _notional(session, listing, terms)
    share = Decimal(1) if listing.kind == "OPT" and order.buys else Decimal("0.25")
    change = (notional / order.quantity * opens * share * holdings.rate(listing.currency)).quantize(Decimal("0.01"))
    before, equity = holdings.margin(account), holdings.net(account).quantize(Decimal("0.01"))
    cost = fee(listing, order.quantity, notional / order.quantity)
    told = order.fields() | {
        "whatIf": True,
        "initMarginBefore": before,
        "maintMarginBefore": before,
        "equityBefore": equity,
        "initMarginChange": change,
        "maintMarginChange": change,
        "equityChange": -cost,
        "initMarginAfter": before + change,
        "maintMarginAfter": before + change,
        "equityAfter": equity - cost,
        "commission": cost,
        "minCommission": UNSET,
        "maxCommission": UNSET,
        "commissionCurrency": listing.currency,
    }
    session.send(Out.openOrder, *pick(OPEN_ORDER, told))
