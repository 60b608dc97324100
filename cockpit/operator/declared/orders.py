"""Acts on orders and positions, and on the rules that decide about orders."""

from __future__ import annotations

from typing import Final

from cockpit.operator.act import Act, Danger, Kind, TotpDue, When, may, need

ORDERS = Act("orders", "orders", "List orders", changes=False, key="o")
_CLOSING: Final = (
    need("symbol", "Symbol of the position"),
    may("connection", "Connection that holds it; without: the only one that does"),
    may("quantity", "How much of it; without: all that no open order closes already", Kind.DECIMAL),
    may("limit", "A price, or touch for the one at which it trades now; without: at market"),
)
POSITIONS = Act("positions", "positions", "List positions and balances", changes=False, key="p")
POSITION = Act(
    "position.look",
    "position",
    "Show a position and what closing it would send, priced and checked; nothing is sent",
    arguments=_CLOSING,
    changes=False,
    when=When.COMMAND_LINE,
)
CLOSE = Act(
    "position.close",
    "close",
    "Close a position or a part of it, whatever is stopped",
    Danger.TWO_STEPS,
    (*_CLOSING, may("seen", "What position says as seen; refused where that has changed")),
    key="x",
    when=When.POSITION,
    only_closes=True,
)
FLATTEN = Act(
    "position.flatten",
    "flatten",
    "Cancel every open order of a connection and close all its positions at market",
    Danger.TYPED,
    (may("connection", "The connection; without: the only one"),),
    word="FLATTEN",
    only_closes=True,
)
APPROVE_ORDER = Act(
    "order.approve",
    "approve-order",
    "Send a waiting order as it is shown now",
    Danger.TWO_STEPS,
    (
        need("order_id", "Id of the order"),
        may("version", "Version that you looked at; refused if it has changed", Kind.NUMBER),
        may("quantity", "A smaller quantity", Kind.DECIMAL),
        may("limit", "A limit farther from the market", Kind.DECIMAL),
    ),
    key="a",
    when=When.WAITING_ORDER,
)
DENY_ORDER = Act(
    "order.deny",
    "deny-order",
    "Reject a waiting order",
    arguments=(need("order_id", "Id of the order"), may("reason", "Reason that the client gets")),
    key="d",
    when=When.WAITING_ORDER,
)
CANCEL = Act(
    "order.cancel",
    "cancel",
    "Cancel an order",
    arguments=(need("order_id", "Id of the order"),),
    key="x",
    when=When.OPEN_ORDER,
)
CANCEL_ALL = Act("order.cancel_all", "cancel-all", "Cancel every open order and reject every waiting one")
RECONCILE = Act(
    "reconcile",
    "reconcile",
    "Compare all orders with the brokers' books; nothing is sent",
    arguments=(may("connection", "Only this connection"),),
    when=When.COMMAND_LINE,
)
RESOLVE = Act(
    "order.resolve",
    "resolve",
    "Say what became of an order that is unknown; the broker's books overrule it",
    Danger.TWO_STEPS,
    (need("order_id", "Id of the order"), need("state", "cancelled, rejected or expired")),
    key="r",
    when=When.UNKNOWN_ORDER,
)
RULES = Act(
    "rules",
    "rules",
    "Show the rules that decide about orders, in their order",
    changes=False,
    when=When.COMMAND_LINE,
)
RULES_OFF = Act(
    "rules.off",
    "rules off",
    "Let a rule ask you instead of deciding",
    arguments=(need("name", "Name of the rule"),),
    when=When.COMMAND_LINE,
)
RULES_ON = Act(
    "rules.on",
    "rules on",
    "Let a rule decide again",
    Danger.TWO_STEPS,
    (need("name", "Name of the rule"),),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_RISK,
)
