"""The brokers of the connections: whether each is reached, with the account and the mode that the settings say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cockpit.cli.doctor.findings import Finding, bad, good
from cockpit.settings.model import ConnectionSettings, Settings

if TYPE_CHECKING:
    from cockpit.brokers.ibkr.examining import Seen

PART: Final = "brokers"
BESIDE: Final = 1_000_000
"""Added to the client number where a cockpit runs: it holds its own numbers."""
_OTHERS: Final = 0o077


def examine_brokers(settings: Settings, *, runs: bool) -> list[Finding]:
    """Look at each connection that has a line. ``runs`` tells whether a cockpit holds their client numbers now."""
    return [
        finding
        for name, connection in settings.connections.items()
        if connection.broker == "ibkr"
        for finding in (*_line(name, connection, runs=runs), *_flex(name, connection))
    ]


def _line(name: str, connection: ConnectionSettings, *, runs: bool) -> Iterator[Finding]:
    from cockpit.brokers.ibkr.examining import look  # heavy, and needed only where a connection uses it

    line = connection.ibkr
    number = (line.client_id + BESIDE) % 2_147_483_647 if runs else line.client_id
    yield from judge_line(name, connection, asyncio.run(look(line, connection.account, connection.mode, number)))


def judge_line(name: str, connection: ConnectionSettings, seen: Seen) -> Iterator[Finding]:
    """Judge what was seen of a connection's line to TWS or IB Gateway."""
    from cockpit.brokers.ibkr.causes import ended, masked

    where = f"{connection.ibkr.host}:{connection.ibkr.port}"
    if seen.unreachable:
        yield bad(
            PART, f"{name}: no line to TWS or IB Gateway: {ended(seen.unreachable)}",
            f"Mend that there, or in [connections.{name}.ibkr].",
        )  # fmt: skip
        return
    latency = "" if seen.latency_ms is None else f" within {seen.latency_ms:.1f} ms"
    yield good(
        PART,
        f"{name}: TWS or IB Gateway at {where} answers{latency}, wire {seen.wire}, ib_async {version('ib_async')}.",
    )
    if seen.wrong_account:
        yield bad(
            PART, f"{name}: {ended(seen.wrong_account)}",
            f"Log in to the account that is meant, or change account or mode in [connections.{name}].",
        )  # fmt: skip
        return
    yield good(PART, f"{name}: account {masked(seen.account)} is a {connection.mode} account, as the settings say.")
    if seen.read_only and connection.trade:
        yield bad(
            PART, f"{name}: its API is Read-Only, and the connection is there to trade.",
            f"Untick Read-Only in the API settings of TWS, or say trade = false in [connections.{name}].",
        )  # fmt: skip
    elif seen.read_only:
        yield good(PART, f"{name}: its API is Read-Only, and nothing is traded on it.")
    if seen.silent:
        yield bad(
            PART, f"{name}: {ended(seen.silent)}",
            "Look whether TWS shows a window that waits for an answer, or whether its API is Read-Only.",
        )  # fmt: skip


def _flex(name: str, connection: ConnectionSettings) -> Iterator[Finding]:
    if not connection.ibkr.flex_token_file:
        return
    file = Path(connection.ibkr.flex_token_file).expanduser()
    try:
        mode = file.stat().st_mode
        token = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        token, mode = "", 0
    if not token:
        yield bad(PART, f"{name}: {file} holds no token of the Flex Web Service.", "Write it there, and nothing else.")
    elif mode & _OTHERS:
        yield bad(PART, f"{name}: others can read the token in {file}.", f"chmod 600 {file}")
    else:
        yield good(PART, f"{name}: the token of the Flex Web Service is there, and nobody else reads it.")
