"""Looks at a line to TWS or IB Gateway once, without keeping it: for whoever wants to know what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.accounts import WrongAccount, chosen
from cockpit.brokers.ibkr.budget import Budget
from cockpit.brokers.ibkr.session import Lost, Session
from cockpit.brokers.ibkr.turns import Turns
from cockpit.model.clock import SystemClock
from cockpit.model.text import Safe, safe
from cockpit.model.trading import Mode
from cockpit.settings.ibkr import IbkrSettings

_PATIENCE: Final = 5.0
"""Seconds for the answer to one question."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How a line is."""

    unreachable: Safe = Safe("")
    """Why there is no connection; empty where there is one."""
    wrong_account: Safe = Safe("")
    """Why the account isn't that of the settings; empty where it is."""
    silent: Safe = Safe("")
    """What was asked and not answered."""
    account: str = ""
    wire: int = 0
    """Version of the wire that both sides agreed on."""
    latency_ms: float | None = None
    read_only: bool = False


async def look(settings: IbkrSettings, account: str, mode: Mode, client_id: int) -> Seen:
    """Connect as that client, ask what has to be answered, and leave."""
    try:
        async with _as_client(settings, client_id) as session:
            return await _asked(session, account, mode)
    except Lost as lost:
        return Seen(unreachable=lost.note)


@asynccontextmanager
async def _as_client(settings: IbkrSettings, client_id: int) -> AsyncIterator[Session]:
    """Connect as that client. Raises Lost with the cause where that fails."""
    turns = Turns(Budget(), asyncio.get_running_loop().time)
    session = Session(settings, client_id, SystemClock(), turns, lambda record: None)
    try:
        await session.dial()
        yield session
    finally:
        session.close()


async def _asked(session: Session, account: str, mode: Mode) -> Seen:
    await session.probe()
    seen = Seen(wire=session.server_version, latency_ms=session.latency_ms)
    try:
        seen = replace(seen, account=chosen(session.accounts, account, mode))
    except WrongAccount as wrong:
        return replace(seen, wrong_account=safe(str(wrong), 300))
    try:
        await session.look_at_orders(_PATIENCE)
    except BrokerUnavailable as problem:
        if session.lost.done():
            raise session.lost.result() from None
        return replace(seen, silent=safe(str(problem)))
    return replace(seen, read_only=session.read_only.is_set())
