"""Price alerts, and words to the operator."""

from __future__ import annotations

import secrets
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from cockpit.desk.alerts import LOOK_EVERY, Alert, Direction, Watched
from cockpit.desk.gate import Served, slow_down
from cockpit.desk.messages import EVERY_SECONDS, LONGEST_MESSAGE
from cockpit.model.identity import Scope, scope_text
from cockpit.model.ids import ulid
from cockpit.model.money import plain
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe
from tools.instruments import lower
from tools.registry import Arguments, Call, Hints, Result, Toolset, tool
from tools.words import Outside, Price, Symbol, iso

_LONGEST_NOTE = 200

WatchedWord = Annotated[Watched, BeforeValidator(lower)]
DirectionWord = Annotated[Direction, BeforeValidator(lower)]
AlertIdWord = Annotated[
    str, StringConstraints(pattern=r"^a-[0-9A-Z]{26}$"), Field(description="alert_id of create_alert or list_alerts")
]


class AlertRow(Result):
    """One alert."""

    alert_id: str
    state: str
    """armed, or fired: then it is over."""
    symbol: str
    watched: str
    direction: str
    price: str
    note: Outside
    """Your own words."""
    made_at: str
    fired_at: str | None
    fired_price: str | None
    source: str | None
    """Of the price that made it fire."""
    data_type: str | None
    quoted_at: str | None
    simulated: bool

    @classmethod
    def of(cls, alert: Alert, *, simulated: bool) -> AlertRow:
        """Write an alert."""
        fired = alert.fired
        return cls(
            alert_id=alert.alert_id,
            state="armed" if fired is None else "fired",
            symbol=alert.symbol,
            watched=alert.watched,
            direction=alert.direction,
            price=plain(alert.price),
            note=alert.note,
            made_at=iso(alert.made_at) or "",
            fired_at=None if fired is None else iso(fired.at),
            fired_price=None if fired is None else plain(fired.price),
            source=None if fired is None else fired.source,
            data_type=None if fired is None else fired.data_type,
            quoted_at=None if fired is None else iso(fired.quoted_at),
            simulated=simulated,
        )


class AlertsArguments(Arguments):
    """Nothing to say."""


class AlertsResult(Result):
    """Your alerts, oldest first."""

    alerts: list[AlertRow]
    looked_every_seconds: float
    says: str


@tool(
    "list_alerts",
    scope=Scope.READ_RESEARCH,
    title="Alerts",
    arguments=AlertsArguments,
    result=AlertsResult,
    toolset=Toolset.RESEARCH,
)
async def list_alerts(call: Call, asked: AlertsArguments) -> Served[AlertsResult]:
    """Your price alerts on this connection, armed and fired; a fired one tells when, at which price and where that came
    from. Nothing is pushed to you: ask again. An alert never places an order.
    """
    found = call.rooms.alerts.of(call.admitted.grant.client, call.connection.name)
    simulated = call.connection.broker.status().simulated
    rows = [AlertRow.of(one, simulated=simulated) for one in found]
    fired = sum(row.state == "fired" for row in rows)
    says = f"{len(rows) - fired} armed, {fired} fired."
    return Served(AlertsResult(alerts=rows, looked_every_seconds=LOOK_EVERY, says=says), summary=safe(says))


class NewAlert(Arguments):
    """What to wait for."""

    symbol: Symbol
    watched: WatchedWord = Field(Watched.LAST, description="Which price: bid, ask or last")
    direction: DirectionWord = Field(description="above or below; at the price counts too")
    price: Price
    note: Annotated[str, StringConstraints(max_length=_LONGEST_NOTE)] = Field(
        "", description="What it is for, in your own words"
    )


@tool(
    "create_alert",
    scope=Scope.WRITE_ALERTS,
    title="Create alert",
    arguments=NewAlert,
    result=AlertRow,
    hints=Hints(read_only=False),
    writes=True,
    toolset=Toolset.RESEARCH,
)
async def create_alert(call: Call, asked: NewAlert) -> Served[AlertRow]:
    """Watch a price and fire once it is at or beyond yours: about once a second against what the broker quotes, at once
    if it is there already, never on a price that is frozen or too old to trade on. It then tells the operator, and
    list_alerts shows it as fired; it never places an order. It takes read:market too. The same alert again is the one
    that waits already. At most 50 wait at a time (ALERT_LIMIT).
    """
    held = call.admitted.scopes
    if Scope.READ_MARKET not in held:
        raise Refused(refuse("SCOPE_MISSING", tool="create_alert", scope=Scope.READ_MARKET, held=scope_text(held)))
    instrument = await call.market.resolve(asked.symbol)
    if asked.watched is Watched.LAST and (await call.market.quote(instrument)).last is None:
        says = "The broker tells no last price of this instrument; watch its bid or ask."
        raise Refused(refuse("BAD_ARGUMENTS", says, symbol=instrument.symbol, watched=asked.watched))
    rooms, now = call.rooms, call.rooms.clock.now()
    alert = await rooms.alerts.add(
        Alert(
            "a-" + ulid(now, secrets.token_bytes(10)),
            call.admitted.grant.client,
            call.connection.name,
            instrument.symbol,
            asked.watched,
            asked.direction,
            asked.price,
            safe(" ".join(asked.note.split()), _LONGEST_NOTE),
            now,
        )
    )
    summary = safe(f"{alert.symbol} {alert.watched} {alert.direction} {plain(alert.price)}")
    simulated = call.connection.broker.status().simulated
    return Served(AlertRow.of(alert, simulated=simulated), symbol=alert.symbol, summary=summary)


class WhichAlert(Arguments):
    """Which alert."""

    alert_id: AlertIdWord


@tool(
    "delete_alert",
    scope=Scope.WRITE_ALERTS,
    title="Delete alert",
    arguments=WhichAlert,
    result=AlertRow,
    hints=Hints(read_only=False, destructive=True),
    writes=True,
    toolset=Toolset.RESEARCH,
)
async def delete_alert(call: Call, asked: WhichAlert) -> Served[AlertRow]:
    """Forget one of your alerts, armed or fired, and return it as it was. ALERT_UNKNOWN where you have none of that id."""
    alert = await call.rooms.alerts.delete(call.admitted.grant.client, call.connection.name, asked.alert_id)
    simulated = call.connection.broker.status().simulated
    return Served(AlertRow.of(alert, simulated=simulated), symbol=alert.symbol, summary=safe(alert.alert_id))


class MessageArguments(Arguments):
    """What to say."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_MESSAGE)] = Field(
        description=f"Plain text in one line, at most {LONGEST_MESSAGE} characters"
    )


class MessageResult(Result):
    """What the operator sees."""

    shown: Outside
    """Your words as they are shown, marked as yours."""
    next_in_seconds: float
    """How long to wait before the next one."""
    says: str


@tool(
    "notify_operator",
    scope=Scope.WRITE_ALERTS,
    title="Tell the operator",
    arguments=MessageArguments,
    result=MessageResult,
    hints=Hints(read_only=False, idempotent=False),
    writes=True,
)
async def notify_operator(call: Call, asked: MessageArguments) -> Served[MessageResult]:
    """Put a short message among the operator's notices, marked as your words; at most one in ten seconds. It rings no
    bell, nobody answers it, and it approves nothing: orders are decided in the operator's own queue.
    """
    messages, client = call.rooms.messages, call.admitted.grant.client
    wait = messages.wait(client)
    if wait:
        raise Refused(slow_down(wait, "One message in ten seconds"))
    shown = messages.send(client, asked.text)
    says = "It is among the operator's notices. Nobody has to have read it."
    return Served(MessageResult(shown=shown, next_in_seconds=EVERY_SECONDS, says=says), summary=safe(shown, 100))
