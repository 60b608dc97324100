"""Acts on programs that have no browser: API keys, minted tokens and services."""

from __future__ import annotations

from typing import Final

from cockpit.operator.act import Act, Danger, Kind, TotpDue, When, may, need

_BOUND: Final = (
    may("connection", "Connection to bind it to; without: the only one"),
    may("scope", "Scope to grant, repeatable", Kind.SCOPES),
)
KEY_CREATE = Act(
    "key.create",
    "key create",
    "Make an API key; it is shown once",
    Danger.TWO_STEPS,
    (
        may("name", "Name of the client that will use it"),
        *_BOUND,
        may("for", "How long it lives", Kind.DURATION),
    ),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_WRITES,
)
KEY_LIST = Act("key.list", "key list", "List API keys", changes=False, when=When.COMMAND_LINE)
KEY_ENABLE = Act(
    "key.enable",
    "key enable",
    "Let a key that the kill switch stopped work again",
    Danger.TWO_STEPS,
    (need("name", "Name of the key"),),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_RISK,
)
KEY_REVOKE = Act(
    "key.revoke", "key revoke", "End an API key", arguments=(need("name", "Name of the key"),), when=When.COMMAND_LINE
)
TOKEN_MINT = Act(
    "token.mint",
    "token mint",
    "Sign a token for a program that can only send a header; it is shown once",
    Danger.TWO_STEPS,
    (
        may("name", "Name of the client that will use it"),
        *_BOUND,
        may("ttl", "Seconds that it lives; without: oauth.mint_days", Kind.NUMBER),
    ),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_WRITES,
)
TOKEN_ROTATE = Act(
    "token.rotate",
    "token rotate",
    "Sign tokens with a new key; those of the one before pass until they end",
    arguments=(may("at_once", "Let no token of the one before pass: clients refresh, minted tokens end", Kind.FLAG),),
    when=When.COMMAND_LINE,
)
SERVICE_CREATE = Act(
    "service.create",
    "service create",
    "Make a client that gets tokens for its own secret, which is shown once",
    Danger.TWO_STEPS,
    (
        may("name", "Name of the client"),
        *_BOUND,
        may("for", "How long it lives", Kind.DURATION),
    ),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_WRITES,
)
SERVICE_LIST = Act("service.list", "service list", "List services", changes=False, when=When.COMMAND_LINE)
SERVICE_REVOKE = Act(
    "service.revoke",
    "service revoke",
    "End a service and its tokens",
    arguments=(need("name", "Name or id of the service"),),
    when=When.COMMAND_LINE,
)
