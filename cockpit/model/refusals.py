"""Every reason for which something is refused: one table of codes, with who can mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class Mender(StrEnum):
    """Who can mend a refusal."""

    CLIENT = "client"
    OPERATOR = "operator"
    BROKER = "broker"
    HOST = "host"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class RefusalKind:
    """One row of the table: what a code means."""

    code: str
    message: str
    """What is wrong, in one sentence."""
    retryable: bool
    """Whether the same call may succeed later without being changed."""
    who: Mender


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as a value: a code of the table, a sentence that fits the case, and its facts."""

    code: str
    message: str
    retryable: bool
    who_can_fix: Mender
    details: Mapping[str, str] = field(default_factory=dict)


def refusal_json(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal in the one shape in which it leaves the process, whoever refused and whoever reads it."""
    return {
        "code": refusal.code,
        "message": refusal.message,
        "retryable": refusal.retryable,
        "who_can_fix": refusal.who_can_fix.value,
        "details": dict(refusal.details),
    }


def read_refusal(said: Mapping[str, Any]) -> Refusal:
    """Read what ``refusal_json`` wrote; ValueError where it is none."""
    try:
        return Refusal(
            str(said["code"]),
            str(said["message"]),
            bool(said["retryable"]),
            Mender(said["who_can_fix"]),
            {str(name): str(value) for name, value in said["details"].items()},
        )
    except (KeyError, AttributeError) as error:
        raise ValueError("not a refusal") from error


class Refused(Exception):
    """Carries a refusal up to the gate, which answers, records and shows it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def _table(*rows: tuple[str, str, bool, Mender]) -> Mapping[str, RefusalKind]:
    return {code: RefusalKind(code, message, retryable, who) for code, message, retryable, who in rows}


_C, _O, _B, _H = Mender.CLIENT, Mender.OPERATOR, Mender.BROKER, Mender.HOST

REFUSALS: Final[Mapping[str, RefusalKind]] = _table(
    # who is asking
    ("GRANT_ENDED", "This authority has ended; connect again.", False, _O),
    ("SCOPE_MISSING", "The operator has not granted the scope that this tool needs.", False, _O),
    ("KILL_SWITCH", "The operator has stopped everything.", False, _O),
    ("HALTED", "The operator has halted trading; only cancels pass.", True, _O),
    ("REDUCE_ONLY", "Only orders that reduce a position are allowed now.", True, _O),
    ("RATE_LIMITED", "Too many calls; wait before the next one.", True, _C),
    ("BUSY", "The host can't take more now; try again shortly.", True, _H),
    # what is asked
    ("UNKNOWN_TOOL", "There is no tool of that name.", False, _C),
    ("TOOL_NOT_CHOSEN", "The operator's settings don't choose this tool on this connection.", False, _O),
    ("BAD_ARGUMENTS", "The arguments don't fit the tool's input schema.", False, _C),
    ("CAPABILITY_UNAVAILABLE", "The broker of this connection can't do that.", False, _B),
    ("INSTRUMENT_UNRESOLVED", "The symbol doesn't name exactly one instrument.", False, _C),
    ("ORDER_UNKNOWN", "No order of this connection has that id.", False, _C),
    ("PREVIEW_UNKNOWN", "No preview of yours has that id, or it has expired.", False, _C),
    ("NOT_YOUR_ORDER", "That order belongs to another client or to the operator.", False, _O),
    ("ORDER_DONE", "The order has ended and can't be changed.", False, _C),
    ("ORDER_BUSY", "The order is being changed or sent; ask for its state first.", True, _C),
    ("NOTHING_TO_CHANGE", "The change leaves the order as it is.", False, _C),
    ("IDEMPOTENCY_CONFLICT", "That idempotency key was used with another request.", False, _C),
    ("ACCOUNT_NOT_ALLOWED", "That account doesn't belong to this connection.", False, _C),
    ("RESOURCE_UNKNOWN", "There is no resource of that address.", False, _C),
    ("PROMPT_UNKNOWN", "There is no prompt of that name.", False, _C),
    ("CURSOR_UNKNOWN", "That cursor isn't known; list from the beginning.", False, _C),
    ("WATCH_LIMIT", "You watch as much as you may; stop watching something first.", False, _C),
    ("ALERT_UNKNOWN", "No alert of yours on this connection has that id.", False, _C),
    ("ALERT_LIMIT", "You have as many alerts waiting as you may; delete one first.", False, _C),
    # the broker and its data
    ("CONNECTION_UNKNOWN", "There is no connection of that name in the settings.", False, _O),
    ("BROKER_NOT_READY", "The broker's link is down, or it takes no orders.", True, _B),
    ("BROKER_REJECTED", "The broker rejected the order.", False, _B),
    ("MODE_MISMATCH", "The connection's mode and the broker's account don't agree.", False, _O),
    ("TRADING_DISABLED", "This connection may not trade.", False, _O),
    ("MARKET_DATA_MISSING", "The broker has no price for this instrument.", True, _B),
    ("MARKET_DATA_STALE", "The last price is too old to trade on.", True, _B),
    ("MARKET_DATA_NOT_LIVE", "Real money is only traded on live prices.", True, _B),
    ("SPREAD_TOO_WIDE", "Bid and ask are too far apart to trade on.", True, _B),
    ("INSTRUMENT_HALTED", "The venue has halted the instrument.", True, _B),
    ("SESSION_CLOSED", "The market is closed.", True, _C),
    ("LIVE_DISABLED", "Real money: nothing opens a position until the operator arms the connection.", True, _O),
    ("RECONCILING", "An order of this account, or what it holds, is unresolved; it must be known first.", True, _O),
    ("PREVIEW_STALE", "The market moved since the preview; preview again.", False, _C),
    ("SESSION_UNKNOWN", "The trading calendar doesn't say what happens on that day.", False, _H),
    # the order itself
    ("BAD_QUANTITY", "The quantity must be a positive multiple of the lot.", False, _C),
    ("BAD_TICK", "The price must be a positive multiple of the tick.", False, _C),
    ("ORDER_TYPE_NOT_ALLOWED", "This order type or time in force isn't supported here.", False, _C),
    ("MAX_QUANTITY", "The quantity is above the limit.", False, _O),
    ("MAX_NOTIONAL", "The order's worst-case value is above the limit.", False, _O),
    ("BAD_SYMBOL", "That isn't the shape of a symbol.", False, _C),
    ("SYMBOL_NOT_ALLOWED", "The operator allows only listed symbols, and this isn't one.", False, _O),
    ("SYMBOL_RESTRICTED", "The operator doesn't allow this symbol.", False, _O),
    ("ASSET_CLASS_NOT_ALLOWED", "The operator doesn't allow this kind of instrument.", False, _O),
    ("TIF_NOT_ALLOWED", "This time in force isn't allowed here.", False, _C),
    ("MIN_NOTIONAL", "The order's value is below the limit.", False, _C),
    ("MAX_VOLUME_SHARE", "The quantity is too large for the instrument's daily volume.", False, _C),
    ("STOP_WRONG_SIDE", "The stop would trigger at once: it must lie beyond the market.", False, _C),
    ("MARKETABLE_THROUGH", "The limit reaches too far through the market.", False, _C),
    ("PRICE_COLLAR", "The price is too far from the market.", False, _C),
    ("SHORT_NOT_ALLOWED", "The instrument can't be sold short.", False, _C),
    ("NO_LOCATE", "No shares are found to borrow for the short sale.", True, _B),
    ("MAX_POSITION", "The position could grow beyond its limit.", False, _O),
    ("MAX_GROSS", "All positions together could grow beyond their limit.", False, _O),
    ("MAX_NET", "The net position could grow beyond its limit.", False, _O),
    ("CONCENTRATION", "One symbol could become too large a part of the account.", False, _O),
    ("DAILY_LOSS", "The connection has lost its limit for a day; only reducing is allowed.", False, _O),
    ("DRAWDOWN", "The connection has fallen too far from its highest equity.", False, _O),
    ("RISK_PER_TRADE", "The trade could lose too much at its stop, or has no stop.", False, _C),
    ("REWARD_RISK", "The bracket may gain little for what it may lose.", False, _C),
    ("DAILY_ORDER_COUNT", "The day's orders have reached their limit.", True, _O),
    ("DAILY_NOTIONAL", "The value of the day's orders has reached its limit.", True, _O),
    ("MAX_OPEN_ORDERS", "Too many orders are open.", True, _C),
    ("DUPLICATE_ORDER", "The same order was asked for just now; is it meant again?", True, _C),
    ("REPEATED_EXECUTION", "The client is held: the same order filled over and over.", False, _O),
    ("REJECT_RATE", "The client is held: the broker rejected its orders over and over.", False, _O),
    ("CANCEL_RATIO", "The client cancels far more than it trades.", False, _C),
    ("SELF_CROSS", "The order would trade with another one of this account.", False, _C),
    ("MODIFY_NOT_ALLOWED", "Only quantity and prices of an order may change.", False, _C),
    ("WHATIF_WARNING", "The broker's own preview warns of this order.", False, _O),
    ("BUYING_POWER", "The account can't carry this order.", False, _C),
    ("BRACKET_INCONSISTENT", "The prices of linked orders must lie on the right sides of the entry.", False, _C),
    ("NOTHING_HELD", "Nothing is held that could be closed.", False, _C),
    ("ORDERS_IN_THE_WAY", "Open orders would change the position too; cancel them or wait.", True, _C),
    ("POSITION_CHANGED", "The position isn't what the order was made for; ask anew.", False, _C),
    ("NOT_FLAT", "Some positions could not be closed.", True, _O),
    # approval
    ("PENDING_LIMIT", "Too many orders wait for the operator.", True, _O),
    ("REJECTED_BY_OPERATOR", "The operator rejected the order.", False, _O),
    ("APPROVAL_EXPIRED", "Nobody approved the order in time; nothing was sent.", False, _C),
    ("PRICE_MOVED", "The market moved too far since the order was asked for.", False, _C),
    ("ALREADY_DECIDED", "Somebody or something else has decided this already.", False, _O),
    ("VERSION_CHANGED", "It changed since you looked; look again.", True, _O),
    ("EDIT_ADDS_RISK", "An edit may only lower the risk.", False, _O),
    ("DENIED_BY_RULE", "A rule of the operator denies this order.", False, _O),
    ("RULES_PAUSED", "Rules approve nothing by themselves now; the operator is asked.", True, _O),
    ("NOT_CONFIRMED", "Its client did not confirm the order in time; nothing was sent.", False, _C),
    ("REROUTED", "The client's orders go to another connection now.", False, _O),
    ("CANCELLED_BEFORE_SENT", "The order was withdrawn before it was sent.", False, _C),
    # what failed
    ("AUDIT_UNAVAILABLE", "The audit can't be written, so nothing is sent.", True, _H),
    ("DEADLINE", "It took longer than the host allows; what it did until then stands.", True, _H),
    ("INTERNAL", "Something went wrong here; the host's log has the details.", True, _H),
    # the operator's own acts
    ("CODE_UNKNOWN", "No waiting client shows that code.", False, _O),
    ("CLIENT_DOCUMENT", "The client's own description can't be had, or it doesn't fit; nobody was let in.", False, _C),
    ("CLIENT_UNKNOWN", "No client of that name or id is known.", False, _O),
    ("NAME_TAKEN", "That name is another client's.", False, _O),
    (
        "NAME_BAD",
        "A client's name is 1 to 40 letters, digits, spaces, dots, dashes or underscores, and not operator.",
        False,
        _O,
    ),
    ("SCOPE_NOT_ALLOWED", "The settings don't allow that scope on that connection.", False, _O),
    ("CHOOSE_CONNECTION", "There is more than one connection; name one.", False, _O),
    ("LATCH_UNKNOWN", "Nothing of that name is latched.", False, _O),
    ("LIMIT_UNKNOWN", "There is no limit of that name, or not with that value.", False, _O),
    ("LIMIT_ABOVE_FILE", "The settings file bounds that limit.", False, _O),
    ("LIFE_BOUNDED", "The settings file bounds how long that may live.", False, _O),
    ("KEY_UNKNOWN", "There is no API key of that name.", False, _O),
    ("RULE_UNKNOWN", "The settings have no rule of that name.", False, _O),
    ("NOT_LIVE", "Only a connection whose money is real is armed; on paper nothing has to be.", False, _O),
    ("DOCTOR_NOT_CLEAN", "The examination by `cockpit doctor` finds something wrong; mend that first.", False, _H),
    ("NOT_PAPER", "A shadow must be a connection in paper mode.", False, _O),
    ("SHADOW_IN_FILE", "The settings file gives this client its shadow; only a change there lifts it.", False, _O),
    ("WORD_MISSING", "That act must be confirmed by typing its word.", False, _O),
    ("READ_ONLY", "This screen may look but not act.", False, _O),
    ("SCREEN_ONLY", "The settings take what adds risk from the screen alone, never over the socket.", False, _O),
    ("TOTP_NEEDED", "That takes the code that your authenticator shows now, or a backup code.", False, _O),
    ("TOTP_WRONG", "That code is wrong, or too old.", False, _O),
    ("TOTP_USED", "That code was used already; wait for the next one.", False, _O),
    ("TOTP_PAUSED", "Too many wrong codes; none is tried for a while.", True, _O),
    ("TOTP_NOT_ENROLLED", "No authenticator is enrolled.", False, _O),
    ("TOTP_NOT_BEGUN", "No enrolment waits for its first code; begin with totp enroll.", False, _O),
    ("STDIO_OFF", "Standard input and output are off: the settings say stdio.enabled = false.", False, _O),
    ("WEB_OFF", "Signing in at a web page is off: the settings say web.enabled = false.", False, _O),
    ("WEB_WRONG", "Whoever tried to sign in at the web page could not show to be the operator.", True, _O),
    ("TOTP_SECRET_GONE", "The authenticator's secret is not in DATA/keys, so no code can be checked.", False, _H),
    ("NO_ANSWER", "The cockpit doesn't answer; nothing was sent to it.", True, _H),
    ("FATE_UNKNOWN", "The line broke before an answer came; look whether it was done before you repeat it.", False, _O),
    ("ACT_UNKNOWN", "There is no such command.", False, _O),
    ("BAD_ACT_ARGUMENTS", "The command's arguments don't fit.", False, _O),
)


def refuse(code: str, message: str | None = None, /, **details: object) -> Refusal:
    """Make a refusal of the table's ``code``; a message of its own replaces the general sentence.

    Details become text, because they leave the process and are shown to people.
    """
    kind = REFUSALS[code]
    facts = {name: str(value) for name, value in details.items() if value is not None}
    return Refusal(code, message or kind.message, kind.retryable, kind.who, facts)
