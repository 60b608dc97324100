"""The operator's door onto this process: snapshots from memory, commands by the registry of acts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from cockpit.model.events import Event
from cockpit.model.orders import OrderId
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.model.trading import TradingState
from cockpit.operator import listing
from cockpit.operator.act import Act, Answer, Command, Danger
from cockpit.operator.acts import ACTS
from cockpit.operator.arming import ArmingActs
from cockpit.operator.auditing import Auditing
from cockpit.operator.closing import ClosingActs
from cockpit.operator.counters import CallCounter
from cockpit.operator.enrolling import Enrolling
from cockpit.operator.feed import FeedSubscription
from cockpit.operator.granting import Granting
from cockpit.operator.guarding import Guard
from cockpit.operator.holdings import Holdings
from cockpit.operator.letting_in import LettingIn
from cockpit.operator.limiting import Limiting
from cockpit.operator.limits_used import limits_used
from cockpit.operator.line_notices import LineNotices
from cockpit.operator.noting import Noting
from cockpit.operator.order_acts import OrderActs
from cockpit.operator.programs import Programs
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.ruling import Ruling
from cockpit.operator.snapshots import Snapshots
from cockpit.operator.stopping import Stopping
from cockpit.operator.terms import wanted
from cockpit.operator.view import (
    ClientTicket,
    LimitUse,
    OrderTicket,
    Snapshot,
)
from cockpit.operator.web_acts import WebActs
from cockpit.operator.wire import arguments_of, number
from cockpit.store.writes import StoreBusy, StoreUnavailable

log = logging.getLogger(__name__)

_REFRESH_SECONDS: Final = 1.0

Handler = Callable[[dict[str, str], str], Awaitable[Answer]]


class OperatorFace:
    """Implements ``cockpit.operator.face.Face`` for screen, control socket and tests alike."""

    def __init__(self, rooms: OperatorRooms, url: str) -> None:
        self._rooms = rooms
        self._counter = CallCounter(rooms.clock)
        self._letting_in = LettingIn(rooms)
        self._stopping = Stopping(rooms)
        auditing = Auditing(rooms)
        self._version = 0
        self._cached: Snapshot | None = None
        self._holdings = Holdings(rooms.connections, rooms.clock)
        self._snapshots = Snapshots(rooms, url, self._counter, self._holdings)
        self._orders = orders = OrderActs(rooms, self._holdings)
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
            "orders": self._show_orders,
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
            "order.approve": orders.approve,
            "order.deny": orders.deny,
            "order.cancel": orders.cancel,
            "order.cancel_all": orders.cancel_all,
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
            self._cached = self._snapshots.now(self._version, self._limits, self._hint)
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
        return await self._orders.ticket(order_id)

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

    async def _status(self, given: dict[str, str], by: str) -> Answer:
        return listing.status(self.snapshot())

    async def _pending(self, given: dict[str, str], by: str) -> Answer:
        return listing.pending(self.snapshot())

    async def _logs(self, given: dict[str, str], by: str) -> Answer:
        return listing.logs(self._rooms.log_lines(), number(given.get("count", "100")))

    async def _clients(self, given: dict[str, str], by: str) -> Answer:
        return listing.clients(self.snapshot())

    async def _show_orders(self, given: dict[str, str], by: str) -> Answer:
        return listing.orders(self.snapshot())

    async def _show_positions(self, given: dict[str, str], by: str) -> Answer:
        await self._refresh_accounts()
        return listing.positions(self.snapshot())

    async def _approve_client(self, given: dict[str, str], by: str) -> Answer:
        return await self._letting_in.approve(given["code"], wanted(given, "as"), by)
