"""Acts on clients: who is let in, with what, for how long, and where their calls go."""

from __future__ import annotations

from cockpit.operator.act import Act, Danger, Kind, TotpDue, When, may, need

APPROVE_CLIENT = Act(
    "client.approve",
    "approve",
    "Let in the client whose browser shows CODE",
    Danger.TWO_STEPS,
    (
        need("code", "The six letters that the client's browser shows"),
        may("as", "Name to give the client"),
        may("scope", "Scope to grant, repeatable; without: the asked read scopes", Kind.SCOPES),
        may("connection", "Connection to bind the grant to; without: the only one"),
        may("for", "How long the grant lives, such as 30m, 8h or 7d", Kind.DURATION),
    ),
    key="a",
    when=When.WAITING_CLIENT,
    totp=TotpDue.FOR_WRITES,
)
DENY_CLIENT = Act(
    "client.deny",
    "deny",
    "Turn away a waiting client",
    arguments=(need("code", "Its code, or the id of its request"),),
    key="d",
    when=When.WAITING_CLIENT,
)
CLIENTS = Act("clients", "clients", "List the clients that were let in", changes=False, key="c")
SCOPES = Act(
    "client.scopes",
    "scopes",
    "Change what a client may do, from its next call on",
    Danger.TWO_STEPS,
    (
        need("client", "Name or id of the client"),
        may("add", "Scope to add, repeatable", Kind.SCOPES),
        may("drop", "Scope to take away, repeatable", Kind.SCOPES),
        may("for", "After which the added scopes fall away by themselves, such as 30m", Kind.DURATION),
    ),
    when=When.CLIENT,
    adds_risk_with=("add",),
    totp=TotpDue.FOR_WRITES,
)
EXPIRE = Act(
    "client.expire",
    "expire",
    "Set how long a client stays let in from now on",
    Danger.TWO_STEPS,
    (
        need("client", "Name or id of the client, or the id of one of its grants"),
        may("for", "How long, such as 30m, 8h or 7d", Kind.DURATION),
        may("longer", "Needed where that is later than it would have ended", Kind.FLAG),
    ),
    when=When.COMMAND_LINE,
    adds_risk_with=("longer",),
    totp=TotpDue.FOR_RISK,
)
REVOKE = Act(
    "client.revoke",
    "revoke",
    "End every authority of a client, at once",
    arguments=(need("client", "Name or id of the client, or the id of one of its grants"),),
    key="x",
    when=When.CLIENT,
)
REVOKE_ALL = Act(
    "client.revoke_all",
    "revoke-all",
    "End every authority for good, keys and services too; nothing is stopped",
    when=When.COMMAND_LINE,
)
ROUTE = Act(
    "client.route",
    "route",
    "Bind a client to another connection; its waiting orders end",
    Danger.TWO_STEPS,
    (need("client", "Name or id of the client"), need("connection", "Connection that it acts on from now on")),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_RISK,
)
SHADOW = Act(
    "client.shadow",
    "shadow",
    "Send a client's orders to a paper connection while it reads its own; its waiting orders end",
    Danger.TWO_STEPS,
    (
        need("client", "Name or id of the client"),
        need("connection", "Connection in paper mode, or off: its orders are real again"),
    ),
    when=When.COMMAND_LINE,
    adds_risk_with=("connection=off",),
    totp=TotpDue.FOR_RISK,
)
