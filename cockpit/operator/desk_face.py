"""The operator's door onto this process: snapshots from memory, commands by the registry of acts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from cockpit.brokers.base import BrokerStatus
from cockpit.desk.arming import Arming
from cockpit.desk.connections import Connection
from cockpit.desk.groups import position_change, worth
from cockpit.desk.read_only import ReadOnlyClients
from cockpit.desk.rules import CHANGE_WAITS, WAITS
from cockpit.model.events import Event
from cockpit.model.identity import Grant, Scope
from cockpit.model.orders import DONE, Order, OrderId
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe, counted, safe
from cockpit.model.trading import TradingState
from cockpit.operator import listing
from cockpit.operator.act import Act, Answer, Command, Danger, Done
from cockpit.operator.acts import ACTS
from cockpit.operator.arming import ArmingActs
from cockpit.operator.at_stop import profit_at_stop
from cockpit.operator.auditing import Auditing
from cockpit.operator.closing import ClosingActs
from cockpit.operator.counters import CallCounter
from cockpit.operator.enrolling import Enrolling
from cockpit.operator.exposed import gross_exposure, is_bare
from cockpit.operator.feed import FeedSubscription
from cockpit.operator.granting import Granting
from cockpit.operator.guarding import Guard
from cockpit.operator.holdings import Holdings
from cockpit.operator.letting_in import LettingIn, pending_of
from cockpit.operator.limiting import Limiting
from cockpit.operator.limits_used import limits_used
from cockpit.operator.line_notices import LineNotices
from cockpit.operator.noting import Noting
from cockpit.operator.programs import Programs
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.ruling import Ruling
from cockpit.operator.stopping import Stopping
from cockpit.operator.terms import wanted
from cockpit.operator.view import (
    ClientTicket,
    ClientView,
    ConnectionView,
    LimitUse,
    OrderTicket,
    PendingOrder,
    PresenceView,
    Snapshot,
)
from cockpit.operator.web_acts import WebActs
from cockpit.operator.wire import arguments_of, decimal, number
from cockpit.settings.approval import OperatorLost
from cockpit.store.writes import StoreBusy, StoreUnavailable

log = logging.getLogger(__name__)

_ORDERS_SHOWN: Final = 200
_REFRESH_SECONDS: Final = 1.0

Handler = Callable[[dict[str, str], str], Awaitable[Answer]]


class OperatorFace:
    """Implements ``cockpit.operator.face.Face`` for screen, control socket and tests alike."""

    def __init__(self, rooms: OperatorRooms, url: str) -> None:
        self._rooms = rooms
        self._url = url
        self._counter = CallCounter(rooms.clock)
        self._letting_in = LettingIn(rooms)
        self._read_only = ReadOnlyClients(rooms.settings.clients)
        self._stopping = Stopping(rooms)
        auditing = Auditing(rooms)
        self._version = 0
        self._cached: Snapshot | None = None
        self._holdings = Holdings(rooms.connections, rooms.clock)
        self._limits: tuple[LimitUse, ...] = ()
        self._hint: Safe | None = None
        rooms.feed.listen(self._happened)
        rooms.feed.listen(LineNotices(rooms.clock, rooms.feed.publish).happened)
        limiting, ruling = Limiting(rooms), Ruling(rooms)
        granting, programs, closing = Granting(rooms), Programs(rooms), ClosingActs(rooms)
        self._guard = Guard(rooms.totp, rooms.switch, rooms.settings.control)
        enrolling = Enrolling(rooms.totp, urlsplit(url).hostname or "")
        web, arming = WebActs(rooms), ArmingActs(rooms)
        self._handlers: dict[str, Handler] = {
            "status": self._status,
            "pending": self._pending,
            "clients": self._clients,
            "orders": self._orders,
            "positions": self._show_positions,
            "client.approve": self._approve_client,
            "client.deny": lambda given, by: self._letting_in.deny(given["code"], by),
            "client.scopes": granting.scopes,
            "client.expire": granting.expire,
            "client.revoke": granting.revoke,
            "client.revoke_all": granting.revoke_all,
            "position.look": closing.look,
            "position.close": closing.close,
            "position.flatten": closing.flatten,
            "order.approve": self._approve_order,
            "order.deny": self._deny_order,
            "order.cancel": self._cancel_order,
            "order.cancel_all": self._cancel_all,
            "kill": lambda given, by: self._stopping.kill(given.get("reason", ""), by),
            "halt": lambda given, by: self._stopping.lower(TradingState.HALTED, "halt", given.get("reason", ""), by),
            "reduce": lambda given, by: self._stopping.lower(
                TradingState.REDUCE_ONLY, "reduce", given.get("reason", ""), by
            ),
            "resume": lambda given, by: self._stopping.resume(by),
            "connection.arm": arming.arm,
            "connection.disarm": arming.disarm,
            "client.route": ruling.route,
            "client.shadow": ruling.shadow,
            "rules": ruling.show,
            "rules.off": ruling.switch_off,
            "rules.on": ruling.switch_on,
            "reconcile": ruling.reconcile,
            "order.resolve": ruling.resolve,
            "limits": limiting.show,
            "limits.set": limiting.set,
            "latch.release": limiting.release,
            "host.logs": self._logs,
            "key.create": programs.create_key,
            "key.list": programs.list_keys,
            "key.enable": programs.enable_key,
            "key.revoke": programs.revoke_key,
            "token.mint": programs.mint,
            "token.rotate": programs.rotate,
            "service.create": programs.create_service,
            "service.list": programs.list_services,
            "service.revoke": programs.revoke_service,
            "totp.status": enrolling.status,
            "totp.enroll": enrolling.enroll,
            "totp.confirm": enrolling.confirm,
            "totp.backup": enrolling.backup,
            "totp.remove": enrolling.remove,
            "web.status": web.status,
            "web.enroll": web.enroll,
            "web.password": web.password,
            "web.remove": web.remove,
            "web.sign_out": web.sign_out,
            "web.unlock": web.unlock,
            "journal": Noting(rooms).show,
            "audit.tail": auditing.tail,
            "audit.search": auditing.search,
            "audit.verify": auditing.verify,
            "audit.export": auditing.export,
            "audit.archive": auditing.archive,
        }

    def snapshot(self) -> Snapshot:
        """Return everything that the screen shows, from memory."""
        if self._cached is None or self._cached.version != self._version:
            self._cached = self._build()
        return self._cached

    def subscribe(self, size: int = 50_000, wake: Callable[[Event], None] | None = None) -> FeedSubscription:
        """Start receiving events."""
        return self._rooms.feed.subscribe(size, wake)

    def hint(self, text: str | None) -> None:
        """Show a line to the operator; the demo shows its client's code so."""
        self._hint = None if text is None else safe(text, 120)
        self._version += 1

    def attached(self) -> None:
        """Say that a screen is there, which alone proves nobody."""
        self._rooms.presence.attached()
        self._version += 1

    def detached(self) -> None:
        """Say that a screen has gone."""
        self._rooms.presence.detached()
        self._version += 1

    def touched(self) -> None:
        """Say that a key was pressed on a screen: the operator is present."""
        self._noticing_presence(self._rooms.presence.touched)

    def _noticing_presence(self, sign: Callable[[], None]) -> None:
        before = self._rooms.presence.present
        sign()
        if not before:
            self._version += 1

    async def run(self, command: Command) -> Answer:
        """Carry out an act. Arguments are checked here too, whoever sent them."""
        act = ACTS.get(command.act)
        handler = self._handlers.get(command.act)
        if act is None or handler is None:
            return refuse("ACT_UNKNOWN", act=safe(command.act, 40))
        given = arguments_of(act, command.arguments)
        if isinstance(given, Refusal):
            return given
        if (refusal := await self._guarded(act, given, command)) is not None:
            return refusal
        if act.changes:
            # Only what changes something: a script that looks every minute is nobody.
            presence = self._rooms.presence
            self._noticing_presence(presence.touched if command.by == "screen" else presence.commanded)
        try:
            answer = await handler(given, command.by)
        except Refused as refused:
            answer = refused.refusal
        except (StoreUnavailable, StoreBusy):
            answer = refuse("AUDIT_UNAVAILABLE")
        except Exception:  # the outermost edge of an act
            log.exception("the act %s failed", act.name)
            answer = refuse("INTERNAL")
        if act.changes:
            self._version += 1
        if isinstance(answer, Refusal) and act.danger is not Danger.SAFE:
            log.info("%s refused: %s", act.name, answer.code)
        return answer

    async def _guarded(self, act: Act, given: dict[str, str], command: Command) -> Refusal | None:
        """Ask the one guard whether the act may go on. Nothing is awaited between its yes and the act."""
        refusal = await self._guard.refusal(act, given, command.by, command.totp)
        if refusal is not None:
            log.info("%s refused: %s", act.name, refusal.code)
        return refusal

    async def order_ticket(self, order_id: OrderId) -> OrderTicket | Refusal:
        """Price and check an order for the operator's eyes."""
        look = await self._rooms.decisions.look(order_id)
        if isinstance(look, Refusal):
            return look
        seen = look.judged.seen
        held = seen.position - seen.brought
        asked = look.order.proposed or look.order.request
        average = next(
            (
                one.position.average_price
                for one in self._holdings.positions
                if one.connection == look.order.connection and one.position.symbol == asked.symbol
            ),
            None,
        )
        worth = None if seen.to_account is None else seen.instrument.multiplier * seen.to_account
        group = look.legs or await self._rooms.book.of_group(look.order)
        after = seen.position + position_change(look.legs or (look.order,), asked.symbol)
        alone = len({one.request.symbol for one in look.legs}) <= 1
        return OrderTicket(
            look.order,
            seen.quote,
            look.judged.notional,
            held,
            after,
            look.drift,
            look.judged.checks,
            tuple((one.at, one.quantity, one.price) for one in look.executions),
            look.legs,
            gross_exposure(held, asked, seen),
            gross_exposure(after, asked, seen) if alone else None,
            is_bare(look.order, asked, seen, group),
            seen.brought,
            profit_at_stop(look.order, group, seen.touch, worth, held, average),
        )

    async def client_ticket(self, code: str) -> ClientTicket | Refusal:
        """Select the one request whose browser shows the code."""
        return await self._letting_in.ticket(code)

    async def watch_accounts(self) -> None:
        """Keep positions, balances and links of the snapshot young, for ever."""
        while True:
            await self._refresh_accounts()
            await asyncio.sleep(_REFRESH_SECONDS)

    async def _refresh_accounts(self) -> None:
        await self._holdings.refresh()
        self._limits = limits_used(self._rooms, self._holdings.positions, self._holdings.unheard)
        self._version += 1

    def _happened(self, event: Event) -> None:
        self._counter.count(event)
        self._version += 1

    def _build(self) -> Snapshot:
        rooms = self._rooms
        known = list(rooms.book.all())
        open_orders = sorted((one for one in known if one.state not in DONE), key=_made, reverse=True)
        today = rooms.clock.now().date()
        ended = sorted((one for one in known if one.state in DONE and one.changed_at.date() == today), key=_made)
        return Snapshot(
            self._version,
            rooms.clock.now(),
            self._url,
            rooms.switch.stands,
            tuple(_connection_view(one, one.broker.status(), rooms.arming) for one in rooms.connections),
            tuple(pending_of(one) for one in rooms.authority.waiting()),
            tuple(self._pending_order(one) for one in sorted(rooms.book.waiting(), key=_asked)),
            tuple(self._client_view(grant) for grant in rooms.authority.grants()),
            (*open_orders, *reversed(ended))[:_ORDERS_SHOWN],
            self._holdings.positions,
            self._holdings.balances,
            self._counter.counters(),
            self._counter.recent(),
            self._hint,
            notices=rooms.feed.notices,
            latches=rooms.oversight.latches.all(),
            presence=self._presence(),
            limits=self._limits,
            unheard=self._holdings.unheard,
        )

    def _presence(self) -> PresenceView:
        presence = self._rooms.presence
        matters = presence.on_lost is OperatorLost.HALT or self._rooms.rulebook.approves
        return PresenceView(presence.present, presence.screens, presence.on_lost, presence.lets_rules_approve, matters)

    def _pending_order(self, order: Order) -> PendingOrder:
        legs = self._rooms.book.together(order)
        until = order.decide_by or order.changed_at
        return PendingOrder(order, _why(order), worth(legs), until, legs if len(legs) > 1 else ())

    def _client_view(self, grant: Grant) -> ClientView:
        authority, grant = self._rooms.authority, self._read_only.without_writes(grant)
        tally = self._counter.of(grant.client)
        return ClientView(
            grant.client,
            grant.client_id,
            grant.grant_id,
            grant.via,
            grant.host,
            tuple(scope for scope in Scope if scope in grant.scopes),
            grant.connection,
            grant.made_at,
            grant.expires_at,
            authority.touched(grant.grant_id),
            tally.calls,
            tally.denied,
            grant.suspended,
            self._rooms.shadows.of(grant.client),
            grant.made_by,
            authority.last_address(grant.grant_id),
            tuple((one.scope, one.until) for one in grant.timed),
        )

    async def _status(self, given: dict[str, str], by: str) -> Answer:
        return listing.status(self.snapshot())

    async def _pending(self, given: dict[str, str], by: str) -> Answer:
        return listing.pending(self.snapshot())

    async def _logs(self, given: dict[str, str], by: str) -> Answer:
        return listing.logs(self._rooms.log_lines(), number(given.get("count", "100")))

    async def _clients(self, given: dict[str, str], by: str) -> Answer:
        return listing.clients(self.snapshot())

    async def _orders(self, given: dict[str, str], by: str) -> Answer:
        return listing.orders(self.snapshot().orders)

    async def _show_positions(self, given: dict[str, str], by: str) -> Answer:
        await self._refresh_accounts()
        return listing.positions(self.snapshot())

    async def _approve_client(self, given: dict[str, str], by: str) -> Answer:
        return await self._letting_in.approve(given["code"], wanted(given, "as"), by)

    async def _approve_order(self, given: dict[str, str], by: str) -> Answer:
        version = given.get("version")
        result = await self._rooms.decisions.approve(
            OrderId(given["order_id"]),
            None if version is None else number(version),
            _maybe_decimal(given.get("quantity")),
            _maybe_decimal(given.get("limit")),
            by,
        )
        return _order_answer(result)

    async def _deny_order(self, given: dict[str, str], by: str) -> Answer:
        return _order_answer(await self._rooms.decisions.deny(OrderId(given["order_id"]), given.get("reason", ""), by))

    async def _cancel_order(self, given: dict[str, str], by: str) -> Answer:
        return _order_answer(await self._rooms.decisions.cancel(OrderId(given["order_id"]), by))

    async def _cancel_all(self, given: dict[str, str], by: str) -> Answer:
        asked = await self._rooms.decisions.cancel_all(by)
        ended = [order.order_id for order in asked if order.state in DONE]
        still = [
            f"{order.order_id} ({order.request.words()}, {order.state})" for order in asked if order.state not in DONE
        ]
        left = f" Still open: {'; '.join(still)}." if still else ""
        return Done(
            f"{counted(len(ended), 'order')} ended.{left}",
            {"cancelled": ended, "open": [order.order_id for order in asked if order.state not in DONE]},
        )


def _maybe_decimal(text: str | None) -> Decimal | None:
    return None if text is None else decimal(text)


def _order_answer(result: Order | Refusal) -> Answer:
    if isinstance(result, Refusal):
        return result
    return Done(listing.order_says(result), listing.order_json(result))


def _connection_view(connection: Connection, status: BrokerStatus, arming: Arming) -> ConnectionView:
    settings, quote, armed = connection.settings, connection.heard.quote, arming.armed(connection.name)
    return ConnectionView(
        connection.name,
        status.kind,
        settings.mode,
        status.account,
        status.link,
        status.latency_ms,
        settings.trade,
        safe(status.note),
        connection.heard.compared_at,
        None if quote is None else quote.data_type,
        "" if quote is None else safe(quote.source, 40),
        None if quote is None else quote.as_of,
        None if armed is None else armed.until,
    )


def _why(order: Order) -> Safe:
    """Say why an order needs a human: the rule that caught it, or what else happened to it."""
    usual, why = (WAITS, "every order asks you")
    if order.proposed is not None:
        usual, why = (CHANGE_WAITS, "a change that raises risk")
        why = f"{why}; the rule {order.rule} asks" if order.rule else why
    why = why if order.reason in {usual, ""} else order.reason.removeprefix("Waits for the operator: ")
    return safe(f"{why}; shadow of {order.shadow_of}" if order.shadow_of else why)


def _made(order: Order) -> tuple[datetime, str]:
    return order.made_at, order.order_id


def _asked(order: Order) -> tuple[datetime, str]:
    return order.changed_at if order.proposed is not None else order.made_at, order.order_id
