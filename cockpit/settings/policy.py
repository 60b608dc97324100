"""What an order may be: every limit with its default, the stricter one of live money, and which way it tightens."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, Optional

from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from cockpit.model.instruments import SYMBOL_PATTERN, InstrumentKind
from cockpit.model.money import plain
from cockpit.model.orders import OrderType, TimeInForce
from cockpit.settings.section import Section

Money = Annotated[Decimal, Field(gt=0, le=Decimal("1e12"))]
Share = Annotated[Decimal, Field(gt=0, le=1)]
Times = Annotated[Decimal, Field(gt=0, le=100)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Symbols = frozenset[Annotated[str, Field(pattern=f"^(?:{SYMBOL_PATTERN})$")]]


class Tightens(StrEnum):
    """Which of two values of a limit is the stricter one."""

    LOWER = "lower"
    HIGHER = "higher"
    FEWER = "fewer"
    """What is in both lists; no list allows everything."""
    MORE = "more"
    """What is in either list."""
    OFF = "off"
    ON = "on"


def _limit(default: object, tightens: Tightens, description: str, live: object = None) -> Any:
    """Declare a limit; ``live`` is its default where the money is real, if that is another one."""
    extra: dict[str, Any] = {"tightens": tightens.value}
    if live is not None:
        extra["live"] = live
    return Field(default=default, description=description, json_schema_extra=extra)


_L, _H, _F, _M, _OFF, _ON = Tightens


class PolicySettings(Section):
    """What an order may be. Money is in the account's currency, shares are parts of one."""

    max_quantity: Money = _limit(Decimal(1000), _L, "Largest quantity of one order.")
    max_notional: Money = _limit(Decimal(10_000), _L, "Largest worst-case value of one order.")
    min_notional: Annotated[Decimal, Field(ge=0, le=Decimal("1e12"))] = _limit(
        Decimal(0), _H, "Smallest value of one order; 0 for none."
    )
    market_margin: Share = _limit(
        Decimal("0.03"), _H, "How far beyond the touch an order without a limit price is valued."
    )
    price_collar: Share = _limit(Decimal("0.03"), _L, "Farthest that a limit price may lie from the touch.")
    price_collar_options: Share = _limit(Decimal("0.2"), _L, "The same for options.")
    stop_collar: Share = _limit(
        Decimal("0.25"), _L, "Farthest that a stop, a trail or the exit of a bracket may lie from the market."
    )
    max_through: Share = _limit(Decimal("0.01"), _L, "Farthest that a limit price may reach through the touch.")
    max_spread: Share = _limit(
        Decimal("0.02"), _L, "Widest spread that may be traded on, as a share of its middle.", Decimal("0.01")
    )
    max_spread_options: Share = _limit(Decimal("0.15"), _L, "The same for options.")
    max_drift: Share = _limit(Decimal("0.01"), _L, "Farthest that the price may move before the approval.")
    max_preview_drift: Share = _limit(
        Decimal("0.005"), _L, "Farthest that the price may move between a preview and its order."
    )
    max_drift_options: Share = _limit(
        Decimal("0.1"), _L, "Farthest that an option's price may move before the approval, and since a preview."
    )
    max_quote_age_seconds: Annotated[int, Field(ge=1, le=3600)] = _limit(5, _L, "Oldest price that may be traded on.")
    approval_seconds: Annotated[int, Field(ge=5, le=3600)] = _limit(
        120, _L, "How long an order waits for the operator."
    )
    max_volume_share: Share = _limit(
        Decimal("0.01"), _L, "Largest share of an average day's volume (20 days) that one order may be."
    )
    allowed_symbols: Symbols | None = _limit(None, _F, "The only symbols that may be traded; unset allows all.")
    denied_symbols: Symbols = _limit(frozenset(), _M, "Symbols that may not be traded.")
    asset_classes: frozenset[InstrumentKind] = _limit(
        frozenset({InstrumentKind.STOCK, InstrumentKind.ETF, InstrumentKind.CRYPTO}),
        _F,
        "Kinds of instruments that may be traded.",
        frozenset({InstrumentKind.STOCK, InstrumentKind.ETF}),
    )
    order_types: frozenset[OrderType] = _limit(
        frozenset(OrderType),
        _F,
        "Order types that may be used.",
        frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT}),
    )
    times_in_force: frozenset[TimeInForce] = _limit(
        frozenset(TimeInForce), _F, "Times in force that may be used.", frozenset({TimeInForce.DAY, TimeInForce.GTC})
    )
    gtc_days: Annotated[int, Field(ge=0, le=365)] = _limit(
        5, _L, "Days after which a gtc order that may open a position is cancelled; 0 takes none."
    )
    allow_outside_hours: bool = _limit(
        True, _OFF, "Whether a limit order that says so may trade outside the regular session.", False
    )
    allow_short: bool = _limit(True, _OFF, "Whether more may be sold than is held.", False)
    max_position: Money = _limit(
        Decimal(10_000), _L, "Largest quantity held of one symbol, if all that is open fills.", Decimal(1000)
    )
    max_gross: Times = _limit(
        Decimal(2), _L, "Largest value of all positions without sign, in times of the equity.", Decimal(1)
    )
    max_net: Times = _limit(
        Decimal(2), _L, "Largest value of all positions with sign, in times of the equity.", Decimal(1)
    )
    max_concentration: Times = _limit(
        Decimal("0.5"), _L, "Largest value of one symbol's position, in times of the equity.", Decimal("0.25")
    )
    buying_power_share: Share = _limit(Decimal("0.8"), _L, "Share of the buying power that may be used.")
    max_daily_loss: Share = _limit(
        Decimal("0.05"), _L, "Largest loss of a day, as a share of the equity it began with.", Decimal("0.02")
    )
    max_drawdown: Share = _limit(
        Decimal("0.2"), _L, "Largest fall from the highest equity, as a share of it.", Decimal("0.05")
    )
    max_risk_per_trade: Share = _limit(
        Decimal("0.02"), _L, "Largest loss at the stop of one trade, as a share of the equity.", Decimal("0.01")
    )
    require_stop: bool = _limit(False, _ON, "Whether an order that opens a position must have a stop.")
    min_reward_risk: Annotated[Decimal, Field(ge=0, le=100)] = _limit(
        Decimal("0.7"), _H, "Reward in times of the risk under which a bracket gets a warning."
    )
    max_daily_orders: Count = _limit(1000, _L, "Orders of one client in a day (UTC).", 100)
    max_daily_notional: Money = _limit(
        Decimal(1_000_000), _L, "Value of one client's orders in a day (UTC).", Decimal(100_000)
    )
    connection_daily_orders: Count = _limit(5000, _L, "Orders of all clients of a connection in a day (UTC).", 200)
    connection_daily_notional: Money = _limit(
        Decimal(5_000_000), _L, "Value of all clients' orders of a connection in a day (UTC).", Decimal(200_000)
    )
    max_open_orders: Count = _limit(50, _L, "Orders of a connection that work or wait at a time.", 20)
    max_open_orders_per_symbol: Count = _limit(20, _L, "The same of one symbol.", 5)
    max_identical: Count = _limit(
        5, _L, "Orders of one client within 30 seconds that are alike in symbol, side, quantity and prices.", 1
    )
    max_repeated_fills: Count = _limit(
        60, _L, "Orders of one client in one symbol and side that may fill within 10 minutes.", 10
    )
    max_rejects: Count = _limit(5, _L, "Orders of one client that the broker may reject within 60 seconds.")
    allow_auto: bool = _limit(False, _OFF, "Whether rules may approve by themselves where money is real.")


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


TIGHTENS: Final[Mapping[str, Tightens]] = MappingProxyType(
    {name: Tightens(_extra(field)["tightens"]) for name, field in PolicySettings.model_fields.items()}
)
"""Which way each limit tightens."""

LIVE_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {name: _extra(field)["live"] for name, field in PolicySettings.model_fields.items() if "live" in _extra(field)}
)
"""Defaults of a connection whose money is real, where they are stricter."""


def for_live_money(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file says of a policy on top of the defaults for real money."""
    return {**LIVE_DEFAULTS, **said}


def _optional(field: FieldInfo) -> tuple[Any, FieldInfo]:
    loose = copy(field)
    loose.default = None
    return Optional[field.annotation], loose  # noqa: UP045 - the annotation is a value here


_unset: dict[str, Any] = {name: _optional(field) for name, field in PolicySettings.model_fields.items()}
_Unset = create_model("_Unset", __base__=Section, **_unset)


class ClientPolicySettings(_Unset):
    """Limits of one client. Each may only tighten what its connection says; unset leaves it as it is."""


def stricter(key: str, one: Any, other: Any) -> Any:
    """Return the stricter of two values of a limit; for lists, what both leave allowed. Unset (None) says nothing."""
    if one is None or other is None:
        return other if one is None else one
    match TIGHTENS[key]:
        case Tightens.LOWER:
            return min(one, other)
        case Tightens.HIGHER:
            return max(one, other)
        case Tightens.FEWER:
            return one & other
        case Tightens.MORE:
            return one | other
        case Tightens.OFF:
            return one and other
        case Tightens.ON:
            return one or other


def is_looser(key: str, value: Any, bound: Any) -> bool:
    """Whether ``value`` lets anything through that ``bound`` doesn't."""
    if value is None:
        return bound is not None
    return stricter(key, value, bound) != value


def tightened(policy: PolicySettings, *others: Mapping[str, Any]) -> PolicySettings:
    """Return the policy with every limit that one of the others makes stricter."""
    changes: dict[str, Any] = {}
    for other in others:
        for key, value in other.items():
            changes[key] = stricter(key, changes.get(key, getattr(policy, key)), value)
    return policy.model_copy(update=changes) if changes else policy


def said(policy: Any) -> dict[str, Any]:
    """Return what a client's policy says, without what it leaves unset."""
    return {name: value for name in PolicySettings.model_fields if (value := getattr(policy, name)) is not None}


def limit_words(value: Any) -> str:
    """Write a limit's value so that it can be typed again."""
    if value is None:
        return "any"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, frozenset):
        return ",".join(sorted(str(one) for one in value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
