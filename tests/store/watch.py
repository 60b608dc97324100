"""Ways to look into a store that is really running, and to break it as the world does."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.writes import Write
from tests.store.conftest import NOON


def call(tool: str = "get_quote", **more: object) -> AuditEntry:
    """One call of a client, as the gate would tell it."""
    return AuditEntry(NOON, "call", client="Claude", tool=tool, outcome="ok", detail=more)


def put(name: str, value: bytes = b"") -> Write:
    """Store a fact under a name that must be new."""
    return Write("INSERT INTO meta (name, value) VALUES (?, ?)", (name, value), expect=1)


async def facts(store: Store) -> set[str]:
    """The names that `put` stored."""
    return {row["name"] for row in await store.rows("SELECT name FROM meta WHERE name <> 'audit_head'")}


async def on_writer(store: Store, work: Callable[[sqlite3.Connection], object]) -> object:
    """Do something to the writer's own connection, in its thread."""
    return await store._connection.run(work)


async def count_commits(store: Store) -> list[str]:
    """Return a list that grows by one with each transaction that the writer commits."""
    seen: list[str] = []

    def notice(sql: str) -> None:
        if sql == "COMMIT":
            seen.append(sql)

    await on_writer(store, lambda connection: connection.set_trace_callback(notice))
    return seen


async def statement(store: Store, wanted: str, times: int = 1) -> asyncio.Event:
    """Return an event that is set when the writer has begun the wanted statement that many times from now on."""
    loop, seen, event = asyncio.get_running_loop(), [], asyncio.Event()

    def notice(sql: str) -> None:
        if sql == wanted:
            seen.append(sql)
        if len(seen) == times:
            loop.call_soon_threadsafe(event.set)

    await on_writer(store, lambda connection: connection.set_trace_callback(notice))
    return event


def edit(folder: Path, sql: str, *args: object) -> None:
    """Change the database of a stopped store behind its back."""
    with sqlite3.connect(folder / "cockpit.db") as connection:
        connection.execute(sql, args)
    connection.close()


async def hang_the_disk(store: Store, answers: threading.Event) -> asyncio.Event:
    """Let the writer's next COMMIT wait until the disk ``answers``; return an event that is set when it hangs."""
    loop, hung = asyncio.get_running_loop(), asyncio.Event()

    def wait(sql: str) -> None:
        if sql == "COMMIT" and not answers.is_set():
            loop.call_soon_threadsafe(hung.set)
            answers.wait(30)

    await on_writer(store, lambda connection: connection.set_trace_callback(wait))
    return hung
