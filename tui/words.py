"""How amounts, times and orders are put into words, the same everywhere on the screen."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from cockpit.model.money import plain
from cockpit.model.orders import OrderRequest, OrderType, TimeInForce

_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_WHOLE_FROM: Final = Decimal(1000)
_WHOLE: Final = Decimal(1)
_CENT: Final = Decimal("0.01")
_DIGITS_OF_A_NUMBER: Final = 5


def money(value: Decimal | None, currency: str = "USD") -> str:
    """Say an amount: ``$41,230``, ``$12.50``, ``CHF 900.00``; cents only below a thousand."""
    if value is None:
        return "?"
    shown = _shown(value)
    sign = _SIGNS.get(currency, f"{currency} " if currency else "")
    return f"{'-' if shown < 0 else ''}{sign}{abs(shown):,f}"


def _shown(value: Decimal) -> Decimal:
    """Round as traders do, half a cent away from zero; what is nothing then has no sign."""
    return value.quantize(_WHOLE if abs(value) >= _WHOLE_FROM else _CENT, ROUND_HALF_UP)


def gain(value: Decimal | None, currency: str = "USD") -> str:
    """Say a profit or a loss, always with its sign."""
    text = money(value, currency)
    return f"+{text}" if value is not None and _shown(value) > 0 else text


def price(value: Decimal | None) -> str:
    """Say a price with at least two places: ``412.30``, ``0.0525``."""
    if value is None:
        return "–"
    text = plain(value)
    _, _, places = text.partition(".")
    return f"{value:,.2f}" if len(places) < 2 else f"{value:,.{len(places)}f}"


def amount(value: Decimal) -> str:
    """Say a quantity: ``1,000``, ``0.25``."""
    return f"{Decimal(plain(value)):,f}"


def about(request: OrderRequest) -> str:
    """Say what tells an order from others: ``BUY 100 ALFA``; a contract's symbol differs only at its end."""
    return f"{request.side.upper()} {amount(request.quantity)} {request.symbol}"


def order_words(request: OrderRequest) -> str:
    """Say an order as traders write it: ``BUY 100 ALFA LMT 412.30 DAY``."""
    said = [about(request)]
    if request.order_type is OrderType.MARKET:
        said.append("MKT")
    if request.stop_price is not None:
        said += ["STP", price(request.stop_price)]
    if request.trail_amount is not None:
        said += ["TRAIL", price(request.trail_amount)]
    if request.trail_percent is not None:
        said += ["TRAIL", f"{plain(request.trail_percent)}%"]
    if request.limit_price is not None:
        said += ["LMT", price(request.limit_price)]
    said.append(request.time_in_force.upper())
    if request.outside_hours:
        said.append("OUTSIDE HOURS")
    return " ".join(said)


def order_sentence(request: OrderRequest) -> str:
    """Say an order inside a sentence: ``buy 100 ALFA limit 412.30``; a life other than the day is named."""
    said = [request.side, amount(request.quantity), request.symbol]
    if request.order_type is OrderType.MARKET:
        said.append("at market")
    if request.stop_price is not None:
        said.append(f"stop {price(request.stop_price)}")
    if request.trail_amount is not None:
        said.append(f"trailing by {price(request.trail_amount)}")
    if request.trail_percent is not None:
        said.append(f"trailing by {plain(request.trail_percent)} %")
    if request.limit_price is not None:
        said.append(f"limit {price(request.limit_price)}")
    if request.time_in_force is not TimeInForce.DAY:
        said.append(request.time_in_force.upper())
    if request.outside_hours:
        said.append("also outside hours")
    return " ".join(said)


def countdown(seconds: float, *, fine: bool = False) -> str:
    """Say what is left: ``1:34``; never below ``0:00``. ``fine`` says the last ten seconds with a tenth: ``9.3 s``."""
    if fine and 0 < seconds < 10:
        return f"{seconds:.1f} s"
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02}"


def span_of(length: timedelta) -> str:
    """Say a length of time in its largest unit: ``now``, ``12 s``, ``5 min``, ``3 h``, ``2 d``."""
    seconds = int(length.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "now"


def ago(then: datetime | None, now: datetime) -> str:
    """Say how long ago something was: ``12 s ago``, ``now``, ``never``."""
    if then is None:
        return "never"
    length = span_of(now - then)
    return length if length == "now" else f"{length} ago"


def remaining(length: timedelta) -> str:
    """Say how long something still lasts, to the minute: ``1 h 29 min``, ``42 min``, and below one ``30 s``."""
    minutes = max(0, int(length.total_seconds())) // 60
    if minutes < 60:
        return span_of(length)
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def coded(code: str, says: str) -> str:
    """Put a code before what it says, once: those who say it often begin with it."""
    return f"{code} {says.removeprefix(code).lstrip(': ')}".strip()


def duration(milliseconds: float) -> str:
    """Say how long a call took: ``<1ms``, ``12ms``, ``1.2s``, ``34s``."""
    if milliseconds < 1:
        return "<1ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    return f"{milliseconds / 1000:.1f}s" if milliseconds < 10_000 else f"{milliseconds / 1000:.0f}s"


def masked(account: str) -> str:
    """Hide the middle of an account number: ``DU…821``; a name without a number is shown whole."""
    digits = sum(sign.isdigit() for sign in account)
    return account if digits < _DIGITS_OF_A_NUMBER else f"{account[:2]}…{account[-3:]}"


def clock_time(at: datetime, zone: tzinfo | None = None, *, fine: bool = False) -> str:
    """Say the time of day in ``zone`` (none: the host's), to the second or to the millisecond."""
    there = at.astimezone(zone)
    text = there.strftime("%H:%M:%S")
    return f"{text}.{there.microsecond // 1000:03}" if fine else text
