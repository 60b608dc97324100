"""What is looked at once more in the instant before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cockpit.desk.connections import Connection
from cockpit.desk.gate import Grants
from cockpit.desk.switch import Switch
from cockpit.model.identity import OPERATORS_GRANT, Scope, effective
from cockpit.model.latches import Latch
from cockpit.model.orders import Order
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.model.trading import Link, Mode, TradingState


class LastLook:
    """Authority, switch, account, arming and latches, as they are now."""

    def __init__(self, grants: Grants, switch: Switch) -> None:
        self._grants = grants
        self._switch = switch
        self.latched: Callable[[str, str], Sequence[Latch]] = lambda connection, client: ()
        """Returns the latches of a connection and of a client."""
        self.unarmed: Callable[[Connection], Refusal | None] = _unarmed
        """Returns why nothing may be opened on a connection; where money is real, somebody has to say that it may."""

    def refusal(self, order: Order, connection: Connection, *, opens: bool = True) -> Refusal | None:
        """Return why an order may not be sent now. Nothing may be awaited between this and the broker's call.

        What the operator closes by hand has his authority, which no switch and no latch takes; it never opens, and never
        goes to another account.
        """
        if order.grant_id == OPERATORS_GRANT:
            return refuse("POSITION_CHANGED", "By hand positions are only closed.") if opens else _other(connection)
        if self._switch.state in {TradingState.KILLED, TradingState.HALTED}:
            return refuse("KILL_SWITCH" if self._switch.state is TradingState.KILLED else "HALTED")
        if opens and self._switch.state is TradingState.REDUCE_ONLY:
            return refuse("REDUCE_ONLY")
        unfit = _other(connection) or (self.unarmed(connection) if opens else None)
        if unfit is not None:
            return unfit
        latches = self.latched(order.connection, order.client) if opens else ()
        if latches:
            return refuse(latches[0].kind.upper(), latch=latches[0].latch_id)
        grant = self._grants.live(order.grant_id)
        if grant is None:
            return refuse("GRANT_ENDED")
        if Scope.WRITE_ORDERS not in effective(grant, None, connection.allowed):
            return refuse("SCOPE_MISSING", scope=Scope.WRITE_ORDERS)
        if grant.connection != order.connection:
            return refuse("CONNECTION_UNKNOWN", "The client was moved to another connection.")
        return None


def _other(connection: Connection) -> Refusal | None:
    """Refuse what would go to another account, or to money of another kind, than the settings say."""
    status, settings = connection.broker.status(), connection.settings
    if status.mode is not settings.mode:
        return refuse("MODE_MISMATCH", connection=connection.name, settings=settings.mode, account=status.mode)
    if settings.account and status.account and status.account != settings.account:
        says = "The broker reports another account than the settings name."
        return refuse("ACCOUNT_NOT_ALLOWED", says, connection=connection.name)
    return None


def unready(connection: Connection) -> Refusal | None:
    """Return why the broker takes no order of a connection now, whatever it would be, or None."""
    status = connection.broker.status()
    if status.link is not Link.READY or status.no_orders:
        why = status.note if status.link is not Link.READY else status.no_orders
        says = f"The broker's link is {status.link}{f'; {why}' if why else ''}."
        return refuse("BROKER_NOT_READY", safe(says, 300), connection=connection.name, link=status.link)
    return _other(connection)


def _unarmed(connection: Connection) -> Refusal | None:
    """Refuse what opens wherever money is real."""
    return None if connection.settings.mode is Mode.PAPER else refuse("LIVE_DISABLED", connection=connection.name)
