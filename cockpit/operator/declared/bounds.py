"""Acts that stop trading and let it go on, and on the limits that bound it."""

from __future__ import annotations

from cockpit.operator.act import Act, Danger, Kind, TotpDue, When, may, need

KILL = Act(
    "kill",
    "kill",
    "Stop everything: end all authorities, void approvals, cancel orders",
    key="ctrl+k",
    arguments=(may("reason", "Why, for the record"),),
)
HALT = Act("halt", "halt", "Halt trading: no writes but cancels", arguments=(may("reason", "Why, for the record"),))
REDUCE = Act(
    "reduce",
    "reduce",
    "Let only orders pass that reduce a position",
    arguments=(may("reason", "Why, for the record"),),
)
RESUME = Act(
    "resume",
    "resume",
    "Let clients act again",
    Danger.TYPED,
    word="RESUME",
    when=When.STOPPED,
    totp=TotpDue.FOR_RISK,
)
ARM = Act(
    "connection.arm",
    "arm",
    "Let orders open positions with real money on a connection, for a limited time",
    Danger.TYPED,
    (
        need("connection", "The connection, which the settings call live"),
        may("for", "How long, such as 90m; without, and at most: its arm_hours", Kind.DURATION),
    ),
    word="ARM",
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
)
DISARM = Act(
    "connection.disarm",
    "disarm",
    "Let nothing be opened with real money on a connection any more",
    arguments=(need("connection", "The connection"),),
    when=When.COMMAND_LINE,
)
LIMITS = Act(
    "limits",
    "limits",
    "Show every limit, what is left of it, and what is latched",
    arguments=(may("client", "As they hold for this client"),),
    changes=False,
    key="l",
)
LIMITS_SET = Act(
    "limits.set",
    "limits set",
    "Set a limit of a connection or a client, within what the settings file allows",
    Danger.TWO_STEPS,
    (
        need("name", "Connection or client; client:NAME where both have the name"),
        need("limit", "Name of the limit, such as max_notional"),
        need("value", "The new value; lists with commas; file for what the settings file says"),
        may("raise", "Needed where the new value lets more through", Kind.FLAG),
    ),
    when=When.COMMAND_LINE,
    adds_risk_with=("raise",),
    totp=TotpDue.FOR_RISK,
)
RELEASE = Act(
    "latch.release",
    "release",
    "Release what a limit has latched; it is counted anew from then on",
    Danger.TWO_STEPS,
    (need("latch", "Its name, such as daily_loss:paper, as limits shows it"),),
    key="r",
    when=When.LATCH,
    totp=TotpDue.FOR_RISK,
)
