"""Every act of the operator, once: keys, prompt, footer, help and command line are made from this registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cockpit.operator.act import Act, Argument, Danger, Kind, TotpDue, When


def _need(name: str, help: str, kind: Kind = Kind.TEXT) -> Argument:
    return Argument(name, kind, help, required=True)


def _may(name: str, help: str, kind: Kind = Kind.TEXT) -> Argument:
    return Argument(name, kind, help)


STATUS = Act("status", "status", "Show state, connections, clients and counters", changes=False)
PENDING = Act("pending", "pending", "List what waits for you: clients and orders", changes=False)
APPROVE_CLIENT = Act(
    "client.approve",
    "approve",
    "Let in the client whose browser shows CODE",
    Danger.TWO_STEPS,
    (
        _need("code", "The six letters that the client's browser shows"),
        _may("as", "Name to give the client"),
        _may("scope", "Scope to grant, repeatable; without: the asked read scopes", Kind.SCOPES),
        _may("connection", "Connection to bind the grant to; without: the only one"),
        _may("for", "How long the grant lives, such as 30m, 8h or 7d", Kind.DURATION),
    ),
    key="a",
    when=When.WAITING_CLIENT,
    totp=TotpDue.FOR_WRITES,
)
DENY_CLIENT = Act(
    "client.deny",
    "deny",
    "Turn away a waiting client",
    arguments=(_need("code", "Its code, or the id of its request"),),
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
        _need("client", "Name or id of the client"),
        _may("add", "Scope to add, repeatable", Kind.SCOPES),
        _may("drop", "Scope to take away, repeatable", Kind.SCOPES),
        _may("for", "After which the added scopes fall away by themselves, such as 30m", Kind.DURATION),
    ),
    when=When.CLIENT,
    adds_risk_with=("add",),
    totp=TotpDue.FOR_WRITES,
)
REVOKE = Act(
    "client.revoke",
    "revoke",
    "End every authority of a client, at once",
    arguments=(_need("client", "Name or id of the client, or the id of one of its grants"),),
    key="x",
    when=When.CLIENT,
)
REVOKE_ALL = Act(
    "client.revoke_all",
    "revoke-all",
    "End every authority for good, keys and services too; nothing is stopped",
    when=When.COMMAND_LINE,
)
EXPIRE = Act(
    "client.expire",
    "expire",
    "Set how long a client stays let in from now on",
    Danger.TWO_STEPS,
    (
        _need("client", "Name or id of the client, or the id of one of its grants"),
        _may("for", "How long, such as 30m, 8h or 7d", Kind.DURATION),
        _may("longer", "Needed where that is later than it would have ended", Kind.FLAG),
    ),
    when=When.COMMAND_LINE,
    adds_risk_with=("longer",),
    totp=TotpDue.FOR_RISK,
)
ORDERS = Act("orders", "orders", "List orders", changes=False, key="o")
POSITIONS = Act("positions", "positions", "List positions and balances", changes=False, key="p")
_CLOSING: Final = (
    _need("symbol", "Symbol of the position"),
    _may("connection", "Connection that holds it; without: the only one that does"),
    _may("quantity", "How much of it; without: all that no open order closes already", Kind.DECIMAL),
    _may("limit", "A price, or touch for the one at which it trades now; without: at market"),
)
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
    (*_CLOSING, _may("seen", "What position says as seen; refused where that has changed")),
    key="x",
    when=When.POSITION,
)
FLATTEN = Act(
    "position.flatten",
    "flatten",
    "Cancel every open order of a connection and close all its positions at market",
    Danger.TYPED,
    (_may("connection", "The connection; without: the only one"),),
    word="FLATTEN",
)
APPROVE_ORDER = Act(
    "order.approve",
    "approve-order",
    "Send a waiting order as it is shown now",
    Danger.TWO_STEPS,
    (
        _need("order_id", "Id of the order"),
        _may("version", "Version that you looked at; refused if it has changed", Kind.NUMBER),
        _may("quantity", "A smaller quantity", Kind.DECIMAL),
        _may("limit", "A limit farther from the market", Kind.DECIMAL),
    ),
    key="a",
    when=When.WAITING_ORDER,
)
DENY_ORDER = Act(
    "order.deny",
    "deny-order",
    "Reject a waiting order",
    arguments=(_need("order_id", "Id of the order"), _may("reason", "Reason that the client gets")),
    key="d",
    when=When.WAITING_ORDER,
)
ROUTE = Act(
    "client.route",
    "route",
    "Bind a client to another connection; its waiting orders end",
    Danger.TWO_STEPS,
    (_need("client", "Name or id of the client"), _need("connection", "Connection that it acts on from now on")),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_RISK,
)
SHADOW = Act(
    "client.shadow",
    "shadow",
    "Send a client's orders to a paper connection while it reads its own; its waiting orders end",
    Danger.TWO_STEPS,
    (
        _need("client", "Name or id of the client"),
        _need("connection", "Connection in paper mode, or off: its orders are real again"),
    ),
    when=When.COMMAND_LINE,
    adds_risk_with=("connection=off",),
    totp=TotpDue.FOR_RISK,
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
    arguments=(_need("name", "Name of the rule"),),
    when=When.COMMAND_LINE,
)
RULES_ON = Act(
    "rules.on",
    "rules on",
    "Let a rule decide again",
    Danger.TWO_STEPS,
    (_need("name", "Name of the rule"),),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_RISK,
)
RECONCILE = Act(
    "reconcile",
    "reconcile",
    "Compare all orders with the brokers' books; nothing is sent",
    arguments=(_may("connection", "Only this connection"),),
    when=When.COMMAND_LINE,
)
RESOLVE = Act(
    "order.resolve",
    "resolve",
    "Say what became of an order that is unknown; the broker's books overrule it",
    Danger.TWO_STEPS,
    (_need("order_id", "Id of the order"), _need("state", "cancelled, rejected or expired")),
    key="r",
    when=When.UNKNOWN_ORDER,
)
CANCEL = Act(
    "order.cancel",
    "cancel",
    "Cancel an order",
    arguments=(_need("order_id", "Id of the order"),),
    key="x",
    when=When.OPEN_ORDER,
)
CANCEL_ALL = Act("order.cancel_all", "cancel-all", "Cancel every open order and reject every waiting one")
KILL = Act(
    "kill",
    "kill",
    "Stop everything: end all authorities, void approvals, cancel orders",
    key="ctrl+k",
    arguments=(_may("reason", "Why, for the record"),),
)
HALT = Act("halt", "halt", "Halt trading: no writes but cancels", arguments=(_may("reason", "Why, for the record"),))
REDUCE = Act(
    "reduce",
    "reduce",
    "Let only orders pass that reduce a position",
    arguments=(_may("reason", "Why, for the record"),),
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
        _need("connection", "The connection, which the settings call live"),
        _may("for", "How long, such as 90m; without, and at most: its arm_hours", Kind.DURATION),
    ),
    word="ARM",
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
)
DISARM = Act(
    "connection.disarm",
    "disarm",
    "Let nothing be opened with real money on a connection any more",
    arguments=(_need("connection", "The connection"),),
    when=When.COMMAND_LINE,
)
LIMITS = Act(
    "limits",
    "limits",
    "Show every limit, what is left of it, and what is latched",
    arguments=(_may("client", "As they hold for this client"),),
    changes=False,
    key="l",
)
LIMITS_SET = Act(
    "limits.set",
    "limits set",
    "Set a limit of a connection or a client, within what the settings file allows",
    Danger.TWO_STEPS,
    (
        _need("name", "Connection or client; client:NAME where both have the name"),
        _need("limit", "Name of the limit, such as max_notional"),
        _need("value", "The new value; lists with commas; file for what the settings file says"),
        _may("raise", "Needed where the new value lets more through", Kind.FLAG),
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
    (_need("latch", "Its name, such as daily_loss:paper, as limits shows it"),),
    key="r",
    when=When.LATCH,
    totp=TotpDue.FOR_RISK,
)
LOGS = Act(
    "host.logs",
    "logs",
    "Show the newest lines of the host's log",
    arguments=(_may("count", "How many, at most 500; without: 100", Kind.NUMBER),),
    changes=False,
    key="L",
)
KEY_CREATE = Act(
    "key.create",
    "key create",
    "Make an API key; it is shown once",
    Danger.TWO_STEPS,
    (
        Argument("name", Kind.TEXT, "Name of the client that will use it"),
        Argument("connection", Kind.TEXT, "Connection to bind it to; without: the only one"),
        Argument("scope", Kind.SCOPES, "Scope to grant, repeatable"),
        Argument("for", Kind.DURATION, "How long it lives"),
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
    (_need("name", "Name of the key"),),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_RISK,
)
KEY_REVOKE = Act(
    "key.revoke", "key revoke", "End an API key", arguments=(_need("name", "Name of the key"),), when=When.COMMAND_LINE
)
TOTP_STATUS = Act(
    "totp.status",
    "totp status",
    "Say whether codes of an authenticator are asked for, and how many backup codes are left",
    changes=False,
    when=When.COMMAND_LINE,
)
TOTP_ENROLL = Act(
    "totp.enroll",
    "totp enroll",
    "Enrol an authenticator: shows its secret; the first right code finishes it",
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
    finished_by="totp.confirm",
)
TOTP_CONFIRM = Act(
    "totp.confirm",
    "totp confirm",
    "Finish enrolling with the first code; shows ten backup codes, once",
    arguments=(_need("code", "The six digits that the authenticator shows"),),
    when=When.COMMAND_LINE,
)
TOTP_BACKUP = Act(
    "totp.backup",
    "totp backup",
    "Make ten new backup codes; the old ones end",
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
)
TOTP_REMOVE = Act(
    "totp.remove",
    "totp remove",
    "Ask for no codes any more",
    Danger.TWO_STEPS,
    (_may("lost", "Without a code, while no cockpit runs: phone and backup codes are lost", Kind.FLAG),),
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
)
WEB_STATUS = Act(
    "web.status",
    "web status",
    "Say how it stands with signing in at the web page: password, passkeys, sessions",
    changes=False,
    when=When.COMMAND_LINE,
)
WEB_ENROLL = Act(
    "web.enroll",
    "web enroll",
    "Show a link, once good within ten minutes, under which a browser makes a passkey",
    Danger.TWO_STEPS,
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
)
WEB_PASSWORD = Act(
    "web.password",
    "web password",
    "Set the password of the web page; it counts beside an authenticator alone",
    Danger.TWO_STEPS,
    (_need("password", "The password, of 12 to 128 characters", Kind.SECRET),),
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
)
WEB_REMOVE = Act(
    "web.remove",
    "web remove",
    "Let a passkey, or the password, sign nobody in any more; every browser is signed out",
    arguments=(_need("what", "Name of the passkey, or the word password"),),
    when=When.COMMAND_LINE,
)
WEB_SIGN_OUT = Act(
    "web.sign_out",
    "web logout",
    "Sign every browser out",
    when=When.COMMAND_LINE,
)
WEB_UNLOCK = Act(
    "web.unlock",
    "web unlock",
    "Open signing in by password again, after too many tries went wrong",
    Danger.TWO_STEPS,
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_RISK,
)
TOKEN_MINT = Act(
    "token.mint",
    "token mint",
    "Sign a token for a program that can only send a header; it is shown once",
    Danger.TWO_STEPS,
    (
        Argument("name", Kind.TEXT, "Name of the client that will use it"),
        Argument("connection", Kind.TEXT, "Connection to bind it to; without: the only one"),
        Argument("scope", Kind.SCOPES, "Scope to grant, repeatable"),
        Argument("ttl", Kind.NUMBER, "Seconds that it lives; without: oauth.mint_days"),
    ),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_WRITES,
)
TOKEN_ROTATE = Act(
    "token.rotate",
    "token rotate",
    "Sign tokens with a new key; those of the one before pass until they end",
    arguments=(_may("at_once", "Let no token of the one before pass: clients refresh, minted tokens end", Kind.FLAG),),
    when=When.COMMAND_LINE,
)
SERVICE_CREATE = Act(
    "service.create",
    "service create",
    "Make a client that gets tokens for its own secret, which is shown once",
    Danger.TWO_STEPS,
    (
        Argument("name", Kind.TEXT, "Name of the client"),
        Argument("connection", Kind.TEXT, "Connection to bind it to; without: the only one"),
        Argument("scope", Kind.SCOPES, "Scope to grant, repeatable"),
        Argument("for", Kind.DURATION, "How long it lives"),
    ),
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_WRITES,
)
SERVICE_LIST = Act("service.list", "service list", "List services", changes=False, when=When.COMMAND_LINE)
SERVICE_REVOKE = Act(
    "service.revoke",
    "service revoke",
    "End a service and its tokens",
    arguments=(_need("name", "Name or id of the service"),),
    when=When.COMMAND_LINE,
)
JOURNAL = Act(
    "journal",
    "journal",
    "Show what clients noted for themselves, newest first",
    arguments=(
        _may("client", "Only this client"),
        _may("count", "How many, at most 500; without: 50", Kind.NUMBER),
        _may("note", "Number of one note, to read it whole", Kind.NUMBER),
    ),
    changes=False,
    when=When.COMMAND_LINE,
)
AUDIT_TAIL = Act(
    "audit.tail",
    "audit tail",
    "Show the newest records of the audit",
    arguments=(_may("count", "How many, at most 1000", Kind.NUMBER),),
    changes=False,
    when=When.COMMAND_LINE,
)
_AUDIT_FILTERS: Final = (
    _may("client", "Only this client"),
    _may("tool", "Only this tool, act or event"),
    _may("outcome", "Only this outcome, such as ok, denied or error"),
    _may("code", "Only this code of a refusal"),
    _may("symbol", "Only this symbol"),
    _may("order", "Only the order of this id"),
    _may("kind", "Only this kind: call, client, order, switch, key or host"),
    _may("since", "From this time on: 2026-03-02T14:30 (UTC), or 30m, 2h or 7d ago", Kind.MOMENT),
    _may("until", "Before this time", Kind.MOMENT),
)
AUDIT_SEARCH = Act(
    "audit.search",
    "audit search",
    "Find records of the audit by what is not sealed, newest last",
    arguments=(*_AUDIT_FILTERS, _may("count", "How many of the newest, at most 1000; without: 100", Kind.NUMBER)),
    changes=False,
    when=When.COMMAND_LINE,
)
AUDIT_VERIFY = Act(
    "audit.verify",
    "audit verify",
    "Check the audit's hash chain from end to end",
    arguments=(_may("without_archives", "Leave out the files that old records were moved to", Kind.FLAG),),
    changes=False,
    when=When.COMMAND_LINE,
)
AUDIT_EXPORT = Act(
    "audit.export",
    "audit export",
    "Write records of the audit to a file, archived ones too",
    arguments=(
        _may("format", "jsonl (default) or csv", Kind.FORMAT),
        _may("to", "The new file"),
        *_AUDIT_FILTERS,
        _may("sealed", "Leave out what the database keeps sealed", Kind.FLAG),
        _may("force", "Replace the file if there is one", Kind.FLAG),
    ),
    changes=False,
    when=When.COMMAND_LINE,
    local=True,
)
AUDIT_ARCHIVE = Act(
    "audit.archive",
    "audit archive",
    "Move old records of the audit to a file in DATA/archive",
    arguments=(
        _may("days", "Keep this many days; without: audit.keep_days", Kind.NUMBER),
        _may("records", "Keep this many records; without: audit.keep_records", Kind.NUMBER),
    ),
    when=When.COMMAND_LINE,
)

ACTS: Final[Mapping[str, Act]] = {
    act.name: act
    for act in (
        STATUS,
        PENDING,
        APPROVE_CLIENT,
        DENY_CLIENT,
        CLIENTS,
        SCOPES,
        EXPIRE,
        REVOKE,
        REVOKE_ALL,
        ROUTE,
        SHADOW,
        ORDERS,
        POSITIONS,
        POSITION,
        CLOSE,
        FLATTEN,
        APPROVE_ORDER,
        DENY_ORDER,
        CANCEL,
        CANCEL_ALL,
        RECONCILE,
        RESOLVE,
        RULES,
        RULES_OFF,
        RULES_ON,
        KILL,
        HALT,
        REDUCE,
        RESUME,
        ARM,
        DISARM,
        LIMITS,
        LIMITS_SET,
        RELEASE,
        LOGS,
        KEY_CREATE,
        KEY_LIST,
        KEY_ENABLE,
        KEY_REVOKE,
        TOKEN_MINT,
        TOKEN_ROTATE,
        SERVICE_CREATE,
        SERVICE_LIST,
        SERVICE_REVOKE,
        TOTP_STATUS,
        TOTP_ENROLL,
        TOTP_CONFIRM,
        TOTP_BACKUP,
        TOTP_REMOVE,
        WEB_STATUS,
        WEB_ENROLL,
        WEB_PASSWORD,
        WEB_REMOVE,
        WEB_SIGN_OUT,
        WEB_UNLOCK,
        JOURNAL,
        AUDIT_TAIL,
        AUDIT_SEARCH,
        AUDIT_VERIFY,
        AUDIT_EXPORT,
        AUDIT_ARCHIVE,
    )
}
