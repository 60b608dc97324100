"""Whether the market can be judged and traded now: a price, young, of the right kind, narrow, in session."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cockpit.desk.risk.seen import Seen
from cockpit.desk.risk.verdicts import PAPER, WARNING, OnClose, Verdict, at_most, check, idle, judged, known, percent
from cockpit.model.instruments import InstrumentKind
from cockpit.model.money import ZERO, plain
from cockpit.model.orders import NEEDS_LIMIT, OrderRequest
from cockpit.model.quotes import DataType
from cockpit.model.trading import Mode
from cockpit.settings.policy import PolicySettings

SKEW_SECONDS: Final = 2
"""How far a price may be ahead of our clock: one second because sources round their times to whole ones, and one for
two hosts whose clocks are kept by NTP. A price that claims more would look fresh for as long as it lies."""
_NARROW_TICKS: Final = 2
"""A spread that is narrow enough for options of any price: of those worth cents no part of the middle is."""
AROUND_THE_CLOCK: Final = frozenset({InstrumentKind.CRYPTO})


@check("D1", "MARKET_DATA_MISSING", "OpenTrading", inputs=("quote",), on_close=OnClose.WARNS)
def market_data(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """There is a price on the side that the order would trade with, and the quote is one that a market can have."""
    touch = seen.touch(order.side)
    if seen.quote is None or touch is None:
        return judged(False, "a quote", "none", "The broker has no price for this instrument.")
    bid, ask = seen.quote.bid, seen.quote.ask
    for price in (bid, ask):
        if price is not None and price <= ZERO:
            return judged(False, "above 0", plain(price), "A price of zero or less is none.")
    if bid is not None and ask is not None and bid > ask:
        value = f"{plain(bid)} / {plain(ask)}"
        return judged(False, "bid up to ask", value, "The quote is crossed: one of its sides is wrong.")
    return judged(True, "a quote", plain(touch), f"The market is at {plain(touch)}.")


@check(
    "D1", "MARKET_DATA_STALE", "OpenTrading", parameters=("max_quote_age_seconds",), inputs=("quote",),
    on_close=OnClose.WARNS,
)  # fmt: skip
def fresh_data(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The price is young enough to trade on, and not from the future."""
    quote = known(seen.quote, "the price's age")
    limit, ahead = policy.max_quote_age_seconds, (quote.as_of - seen.now).total_seconds()
    if ahead > SKEW_SECONDS:
        says = "The price is from the future: the broker's clock or this one is wrong, so nobody knows its age."
        return judged(False, f"{SKEW_SECONDS} s ahead", f"{ahead:g} s ahead", says)
    age = quote.age_ms(seen.now)
    says = f"The price is {age / 1000:g} s old."
    return judged(age <= limit * 1000, f"{limit} s", f"{age / 1000:g} s", says)


@check("D2", "MARKET_DATA_NOT_LIVE", "IBKR market data types", inputs=("quote",), on_close=OnClose.WARNS)
def live_data(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Where the money is real, the price is live."""
    if seen.mode is not Mode.LIVE:
        return PAPER
    kind = known(seen.quote, "the price's kind").data_type
    return judged(kind is DataType.LIVE, DataType.LIVE, kind, f"The price is {kind}.")


@check(
    "D3", "SPREAD_TOO_WIDE", "OpenTrading", parameters=("max_spread", "max_spread_options"), inputs=("quote",),
    on_close=OnClose.WARNS,
)  # fmt: skip
def spread(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Bid and ask are close enough for the touch to mean something; an option's may always be two ticks apart."""
    quote = known(seen.quote, "bid and ask")
    bid, ask = known(quote.bid, "the bid"), known(quote.ask, "the ask")
    limit = policy.max_spread
    if seen.instrument.kind is InstrumentKind.OPTION:
        limit, narrow = policy.max_spread_options, _NARROW_TICKS * seen.instrument.tick
        if ask - bid <= narrow:
            return judged(True, plain(narrow), plain(ask - bid), f"The spread is {plain(ask - bid)}.")
    return at_most(limit, (ask - bid) * 2 / (ask + bid), "The spread is", percent)


@check("D4", "INSTRUMENT_HALTED", "IBKR ticks 49 and 90", on_close=OnClose.REFUSES_KNOWN)
def halted(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The venue has not halted the instrument."""
    if seen.halted is None:
        return idle("The broker doesn't tell.")
    return judged(not seen.halted, "trading", "halted" if seen.halted else "trading", "What the venue says.")


@check(
    "D5", "SESSION_CLOSED", "trading calendar", parameters=("allow_outside_hours",), inputs=("session",),
    on_close=OnClose.REFUSES_KNOWN,
)  # fmt: skip
def session(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The market is open; outside the regular session only a limit order that says so passes."""
    if seen.instrument.kind in AROUND_THE_CLOCK:
        return idle("It trades around the clock.")
    clock = known(seen.session, "whether the market is open")
    if clock.is_open:
        return judged(True, "open", "open", "The market is open.")
    says = "The market is closed; only a limit order for outside hours may pass."
    ok = order.outside_hours and order.order_type in NEEDS_LIMIT
    if seen.closes_by_hand(order):
        if not ok:
            says = "The market is closed: close with a limit, a price or touch; that may fill outside its hours."
        elif not policy.allow_outside_hours:
            says = f"{WARNING}{says}"
        return judged(ok, "open", "closed", says)
    return judged(ok and policy.allow_outside_hours, "open", "closed", says)


_PRICED: Final = (market_data, fresh_data, live_data)


def is_priced(order: OrderRequest, seen: Seen, policy: PolicySettings) -> bool:
    """Whether the price that an order would trade at is known, young, and live where the money is real."""
    as_asked = replace(seen, by_operator=False)
    return all(one(order, as_asked, policy).ok for one in _PRICED)


CHECKS = (market_data, fresh_data, live_data, spread, halted, session)
