"""What stands behind a connection's name: where that is other than at the last start, nobody writes there unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from cockpit.model.events import Notice
from cockpit.model.identity import WRITE_SCOPES, ClientName, Grant
from cockpit.model.text import Safe, safe
from cockpit.model.trading import Mode
from cockpit.store.times import to_micros
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write
from oauth import changes
from oauth.config import Behind
from oauth.records import StoredGrant
from oauth.state import State, entry

OrdersGo = Callable[[ClientName], str]
"""Returns the connection that gets a client's orders; empty where its own does."""

_NAMED: Final = 5
"""Clients that a notice names."""


@dataclass(frozen=True, slots=True)
class _Turned:
    """A name that stands for another account than at the last start."""

    name: str
    was: Behind
    now: Behind

    @property
    def is_real_now(self) -> bool:
        return self.was.mode is Mode.PAPER and self.now.mode is Mode.LIVE


async def look_behind(state: State, orders_go: OrdersGo) -> tuple[Grant, ...]:
    """Compare what names stand for with the last start, and tell who may write where that is another account now.

    Where it was paper money and is real now, they may not until the operator gives it again: returns those.
    """
    rows = await state.store.rows("SELECT connection, mode, account FROM oauth_connections")
    known = {row["connection"]: Behind(Mode(row["mode"]), row["account"]) for row in rows}
    kept = {name: _kept(known.get(name), behind) for name, behind in state.config.behind.items()}
    fresh = {name: behind for name, behind in kept.items() if known.get(name) != behind}
    if not fresh:
        return ()
    now, less = state.clock.now(), list[tuple[Grant, Grant]]()
    for name, behind in fresh.items():
        was = known.get(name)
        if was is None or (was.mode is behind.mode and not was.account):
            continue
        turned = _Turned(name, was, behind)
        writers = [one for one in state.live.all() if _may_write(one.grant, name, orders_go)]
        if writers:
            state.publish(Notice(now, _told(turned, [one.grant.client for one in writers]), True))
        if turned.is_real_now:
            less += [(one.grant, _narrowed(state, one)) for one in writers]
    writes = [
        *(_keep(name, behind, to_micros(now)) for name, behind in fresh.items()),
        *(changes.set_grant_scopes(after) for _, after in less),
    ]
    notes = [
        entry(
            now, "scopes", "done", before, by="start", reason=f"the money of {before.connection} is real now",
            dropped=sorted(before.scopes - after.scopes),
        )
        for before, after in less
    ]  # fmt: skip
    async with state.lock:
        try:
            await state.commit(writes, notes)
        except (StoreUnavailable, StoreBusy):
            state.owe([], writes, notes)
    return tuple(after for _, after in less)


def _kept(was: Behind | None, behind: Behind) -> Behind:
    """Return what is remembered: the account that was named last, where settings name none."""
    if was is None or behind.account or was.mode is not behind.mode:
        return behind
    return replace(behind, account=was.account)


def _may_write(grant: Grant, name: str, orders_go: OrdersGo) -> bool:
    return bool(grant.scopes & WRITE_SCOPES) and name in {grant.connection, orders_go(grant.client)}


def _narrowed(state: State, stored: StoredGrant) -> Grant:
    """Take the scopes that write from a grant, at once."""
    grant = stored.grant
    timed = tuple(one for one in grant.timed if one.scope not in WRITE_SCOPES)
    grant = replace(grant, scopes=grant.scopes - WRITE_SCOPES, timed=timed)
    state.live.put(replace(stored, grant=grant))
    return grant


def _told(turned: _Turned, clients: Iterable[ClientName]) -> Safe:
    names = sorted(set(clients))
    listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    if turned.is_real_now:
        says = f"{turned.name} was paper money at the last start and is real now: no longer writing there, until you "
        return safe(f"{says}give it again (scopes CLIENT --add write:orders): {listed}.", 400)
    was, now = (f"{one.mode} {one.account}".strip() for one in (turned.was, turned.now))
    return safe(
        f"{turned.name} stands for another account than at the last start ({was}, now {now}): {listed} may write there.",
        400,
    )


def _keep(name: str, behind: Behind, at: int) -> Write:
    return Write(
        "INSERT OR REPLACE INTO oauth_connections (connection, mode, account, at) VALUES (?, ?, ?, ?)",
        (name, behind.mode.value, behind.account, at),
    )
