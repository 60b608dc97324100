"""What became of one order: a pure function of what came over the wire and of what was known before.

TWS may tell the same thing twice, a status before its fills, and errors about orders that work. So nothing is concluded
from one message alone: each adds to what is known, and only what is known together decides. Whatever the order in which
messages come, and however often, they come to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.brokers.ibkr import terms
from cockpit.brokers.ibkr.errors import MODIFY_ALONE, Follow, is_known, row_of
from cockpit.brokers.ibkr.statuses import (
    ACCEPTED,
    CANCELLED,
    FILLED,
    INACTIVE,
    RANK,
    end_of,
    execution_of,
    expired,
    is_alive,
    revision_of,
    stem_of,
)
from cockpit.brokers.ibkr.terms import tidy
from cockpit.brokers.ibkr.wire import (
    WireCommission,
    WireCompleted,
    WireError,
    WireExecution,
    WireOpen,
    WireStatus,
)
from cockpit.model.money import ZERO
from cockpit.model.orders import (
    DONE,
    Acknowledged,
    BrokerFact,
    BrokerOrder,
    Cancelled,
    Executed,
    Execution,
    Expired,
    FeeTold,
    FoundWorking,
    LinkLost,
    OrderRef,
    OrderRequest,
    OrderState,
    Rejected,
    Replaced,
    ReplaceRefused,
    TimeInForce,
)
from cockpit.model.text import Safe, safe

OrderRecord = WireOpen | WireStatus | WireExecution | WireCommission | WireCompleted | WireError
"""What may be about an order."""

_NOT_SHOWN: Final = Safe("The broker's books don't show the order.")
_NO_FILLS: Final = Safe("The broker shows more of the order as filled than it shows fills.")
_NOT_AT_ONCE: Final = Safe("It could not be filled at once.")
_NO_REASON: Final = Safe("The broker gave no reason.")


@dataclass(frozen=True, slots=True)
class Life:
    """All that is known of one order."""

    reference: OrderRef
    symbol: str
    """The name of its instrument here, whatever TWS calls it."""
    asked: tuple[OrderRequest, ...] = ()
    """The terms that were sent from here since the start, oldest first."""
    told: OrderRequest | None = None
    """The terms by which it works, as the desk was told; those with which it was sent until the broker says others."""
    place: int = -1
    """Which of ``asked`` the terms that work are."""
    replacing: bool = False
    """A change was sent and not answered yet."""
    accepted: bool = False
    executions: Mapping[str, Execution] = field(default_factory=dict)
    """Fills by the stem of their ids: a correction bears the id of what it corrects, but for its last part."""
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    """What fills cost, by execution id; it may be told before the fill or after it."""
    claimed: Decimal = ZERO
    """The most that any status said was filled."""
    ending: str = ""
    """The status in which it ended, as far as that was told: Inactive, Cancelled or Filled."""
    cause: Safe | None = None
    """Why it was cancelled, in the broker's words."""
    rejection: Safe | None = None
    """Why it was rejected, in the broker's words."""
    ended: bool = False
    """The desk was told of its end."""
    by_error: bool = False
    """It was taken for rejected because of an error alone: should it show up after all, it works."""
    idle: bool = False
    """openOrder said Inactive, which doesn't tell whether it is held or has ended; the status behind it does."""
    revived: bool = False
    """Something said that it works although it seemed to have ended: the books were not asked yet."""
    doubted: tuple[object, ...] | None = None
    """What was known when the books were last asked about it: nobody asks twice for the same reason."""

    @property
    def filled(self) -> Decimal:
        """Quantity that its executions add up to."""
        return sum((one.quantity for one in self.executions.values()), ZERO)

    @property
    def complete(self) -> bool:
        """Whether all of it was executed."""
        return self.told is not None and ZERO < self.told.quantity <= self.filled

    @property
    def over(self) -> bool:
        """Whether nothing of it can be changed any more."""
        return self.ended or self.complete or self.ending != ""

    @property
    def open_question(self) -> bool:
        """Whether more has to be told before what is known makes sense."""
        if self.filled < self.claimed or (self.idle and not self.ended):
            return True
        return not self.ended and not self.complete and (self.ending != "" or self.cause is not None)


@dataclass(frozen=True, slots=True)
class Step:
    """What one record came to."""

    life: Life
    facts: tuple[BrokerFact, ...] = ()
    look: bool = False
    """The broker's books have to be asked."""
    notice: Safe | None = None
    """What the operator has to know."""


def sent(reference: OrderRef, request: OrderRequest) -> Life:
    """Return the life of an order that is about to be placed."""
    return Life(reference, request.symbol, (request,), request, 0)


def changing(life: Life, request: OrderRequest) -> Life:
    """Return a life whose change is about to be sent."""
    return replace(life, asked=(*life.asked, request), replacing=True)


def unasked(life: Life) -> Life:
    """Return a life whose change could not be sent after all."""
    return replace(life, asked=life.asked[:-1], replacing=False)


def unanswered(life: Life) -> Life:
    """Return a life whose change nobody will answer any more: the line over which it was sent is gone."""
    return replace(life, replacing=False)


def learn(life: Life, record: OrderRecord, at: datetime) -> Step:
    """Take what one record says about the order."""
    match record:
        case WireOpen():
            after, facts = _terms(life, terms.read(life.symbol, record.terms).request, at)
            if record.status == INACTIVE:
                return _more(life, replace(after, idle=True), at, facts)
            return _alive(life, _more(life, _status(after, record.status, ZERO, ""), at, facts), record.status, "")
        case WireStatus():
            after = replace(_status(life, record.status, record.filled or ZERO, record.why_held), idle=False)
            return _alive(life, _more(life, after, at), record.status, record.why_held)
        case WireCompleted():
            return _more(life, _completed(life, record), at)
        case WireExecution():
            return _executed(life, record, at)
        case WireCommission():
            return _charged(life, record, at)
        case WireError():
            return _error(life, record, at)


def settle(life: Life, at: datetime) -> Step:
    """Conclude from what is known although its reason was not told: all that belongs together had time to come."""
    step = _concluded(life, at, settled=True)
    doubt = (step.life.claimed, step.life.filled, step.life.ending, step.life.cause, step.life.idle)
    if not step.life.open_question or step.life.doubted == doubt:
        return step
    return replace(step, life=replace(step.life, doubted=doubt), look=True)


def compared(life: Life, shown: BrokerOrder | None, at: datetime) -> Step:
    """Bring the order to what the broker's books say, which were asked because something about it was in doubt."""
    if shown is None:
        return Step(life) if life.ended or life.complete else Step(life, (LinkLost(life.reference, at, _NOT_SHOWN),))
    facts: list[BrokerFact] = []
    life = replace(life, revived=False, idle=False)
    if shown.state not in DONE:
        # What was said against it is over: it must not be the reason of an end that has another one.
        life = replace(life, rejection=None, ending="" if life.ending == INACTIVE else life.ending)
    if life.ended and shown.state not in DONE:
        life = replace(life, ended=False, by_error=False, ending="", cause=None, accepted=True)
        facts.append(FoundWorking(life.reference, at))
    elif not life.accepted and shown.state not in DONE:
        life = replace(life, accepted=True)
        facts.append(Acknowledged(life.reference, at))
    if life.told != shown.request and not life.replacing:
        life = replace(life, told=shown.request)
        facts.append(_replaced(life.reference, shown.request, at))
    for execution in shown.executions:
        if execution.execution_id not in life.executions:
            life = replace(life, executions={**life.executions, execution.execution_id: execution})
            facts.append(Executed(life.reference, at, execution))
    if not life.ended and not life.complete:
        # What another run sent may have filled before this one: then whoever keeps those fills has to be asked.
        lacking = life.filled < (shown.filled or ZERO) and (shown.state in DONE or life.asked != ())
        if lacking or shown.state is OrderState.FILLED:
            return Step(life, (*facts, LinkLost(life.reference, at, _NO_FILLS)))
        match shown.state:
            case OrderState.CANCELLED:
                life = replace(life, ended=True)
                facts.append(Cancelled(life.reference, at, shown.reason))
            case OrderState.EXPIRED:
                life = replace(life, ended=True)
                facts.append(Expired(life.reference, at))
            case OrderState.REJECTED:
                life = replace(life, ended=True)
                facts.append(Rejected(life.reference, at, shown.reason))
            case _:
                pass
    return Step(life, tuple(facts))


def _terms(life: Life, request: OrderRequest, at: datetime) -> tuple[Life, tuple[BrokerFact, ...]]:
    """Take the terms that the books show, unless they are older ones than those that are known to work."""
    if request == life.told:
        return life, ()
    place = max((number for number, one in enumerate(life.asked) if one == request), default=-1)
    if -1 < place <= life.place:
        return life, ()
    if life.told is None:
        return replace(life, told=request), ()
    answered = place in {-1, len(life.asked) - 1}
    after = replace(life, told=request, place=max(place, life.place), replacing=life.replacing and not answered)
    return after, (_replaced(life.reference, request, at),)


def _replaced(reference: OrderRef, request: OrderRequest, at: datetime) -> Replaced:
    return Replaced(reference, at, request.quantity, request.limit_price, request)


def _alive(before: Life, step: Step, status: str, why_held: str) -> Step:
    """Look into a status that only a working order has, of one that had ended or was about to: TWS wakes up such ones.

    It may also be an older one that came late. So it takes back no end; it only keeps Inactive from becoming one.
    """
    life = step.life
    if not is_alive(status, why_held) or life.complete or (not life.ended and life.ending != INACTIVE):
        return step
    if before.by_error and not life.ended:
        return step
    return replace(step, life=replace(life, ending=life.ending if life.ended else "", revived=True), look=True)


def _status(life: Life, status: str, filled: Decimal, why_held: str) -> Life:
    end = end_of(status, why_held)
    return replace(
        life,
        accepted=life.accepted or status in ACCEPTED,
        claimed=max(life.claimed, filled),
        ending=end if RANK[end] > RANK[life.ending] else life.ending,
    )


def _completed(life: Life, record: WireCompleted) -> Life:
    after = _status(life, record.status, record.filled or ZERO, "")
    if after.ending == CANCELLED and after.cause is None:
        return replace(after, cause=record.completed_status or _NO_REASON)
    if after.ending == INACTIVE and after.rejection is None:
        return replace(after, rejection=record.completed_status or _NO_REASON)
    return after


def _executed(life: Life, record: WireExecution, at: datetime) -> Step:
    execution = execution_of(record, life.reference, life.symbol, life.fees.get(record.exec_id, ZERO))
    if execution is None:
        says = safe(
            f"The broker told a fill of {life.symbol} ({life.reference}) that can't be booked: {record.side} "
            f"{record.quantity} at {record.price}. Look at the broker."
        )
        return Step(life, look=True, notice=says)
    known = life.executions.get(execution.execution_id)
    if known is not None and not execution.corrects(known):
        return Step(life)
    after = replace(life, executions={**life.executions, execution.execution_id: execution}, accepted=True)
    return _more(life, after, at, (Executed(life.reference, execution.at, execution),))


def _charged(life: Life, record: WireCommission, at: datetime) -> Step:
    if record.fee is None or life.fees.get(record.exec_id) == record.fee:
        return Step(life)
    after = replace(life, fees={**life.fees, record.exec_id: record.fee})
    told = life.executions.get(stem_of(record.exec_id))
    if told is None or told.revision > revision_of(record.exec_id):
        return Step(after)
    return Step(after, (FeeTold(life.reference, at, told.execution_id, tidy(record.fee)),))


def _error(life: Life, record: WireError, at: datetime) -> Step:
    says = safe(f"{record.code}: {record.text}")
    follow = row_of(record.code).follow
    if follow is Follow.NOTE:
        return Step(life)
    if follow is Follow.CANCELLED:
        return _more(life, replace(life, cause=life.cause or says), at)
    if follow is Follow.REJECT and life.replacing:
        refused = ReplaceRefused(life.reference, at, says)
        return Step(replace(life, replacing=False), (refused,), look=True)
    if follow is Follow.REJECT and life.asked and record.code not in MODIFY_ALONE:
        step = _more(life, replace(life, rejection=life.rejection or says), at)
        return replace(step, look=not step.life.ended)
    if is_known(record.code):
        return Step(life, look=True)
    return Step(life, look=True, notice=safe(f"{life.symbol}: the broker said what isn't known here. {says}", 300))


def _more(before: Life, life: Life, at: datetime, facts: tuple[BrokerFact, ...] = ()) -> Step:
    """Say what follows from knowing more: that it was accepted, then ``facts``, then an end."""
    said: list[BrokerFact] = []
    if life.accepted and not before.accepted:
        if life.by_error:
            life = replace(life, ended=False, by_error=False)
            said.append(FoundWorking(life.reference, at))
        elif not life.ended:
            said.append(Acknowledged(life.reference, at))
    concluded = _concluded(life, at, settled=False)
    return replace(concluded, facts=(*said, *facts, *concluded.facts))


def _concluded(life: Life, at: datetime, *, settled: bool) -> Step:
    """Return the end that is certain, if any. A reason is waited for until ``settled``."""
    if life.ended or life.complete:
        return Step(life)
    if life.ending == "" and life.rejection is not None and not life.accepted:
        return Step(replace(life, ended=True, by_error=True), (Rejected(life.reference, at, life.rejection),))
    if life.ending in {"", FILLED} or life.filled < life.claimed:
        return Step(life)
    fact = _end(life, at, settled)
    return Step(life) if fact is None else Step(replace(life, ended=True), (fact,))


def _end(life: Life, at: datetime, settled: bool) -> BrokerFact | None:
    at_once = life.told is not None and life.told.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}
    if life.ending == INACTIVE and life.rejection is not None:
        return Rejected(life.reference, at, life.rejection)
    if life.ending == CANCELLED and life.cause is not None:
        gone = Expired(life.reference, at) if expired(life.cause) else None
        return gone or Cancelled(life.reference, at, life.cause)
    if not settled:
        return None
    if life.rejection is not None:
        return Rejected(life.reference, at, life.rejection)
    if life.ending == INACTIVE and not (at_once and life.accepted):
        return Rejected(life.reference, at, life.cause or _NO_REASON)
    return Cancelled(life.reference, at, life.cause or (_NOT_AT_ONCE if at_once else _NO_REASON))
