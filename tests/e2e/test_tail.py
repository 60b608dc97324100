"""`cockpit tail`: what happens, a plain line each, for pipes and screen readers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.hosts import COMMAND, Host, Outsider, call, environment, host, run_command

pytestmark = pytest.mark.e2e


@contextlib.asynccontextmanager
async def tail(folder: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--data-dir", str(folder), "tail", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**environment(), "TERM": "xterm-256color"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line(process: asyncio.subprocess.Process, *words: str) -> str:
    """Return the next line in which all words are."""
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while said := (await process.stdout.readline()).decode():
            if all(word in said for word in words):
                return said.rstrip("\n")
    raise AssertionError(f"{words} never came")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Host]:
    async with host(tmp_path / "data") as one:
        yield one


async def test_a_session_is_told_and_decided_with_nothing_but_lines(running: Host) -> None:
    claude = Outsider(running.url)
    order_id: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def trade() -> None:
        async with claude.session("legacy") as client:
            placed, _ = await call(
                client, "place_order", symbol="ALFA", side="buy", quantity=3, order_type="market",
                idempotency_key="tail-order-1",
            )  # fmt: skip
            order_id.set_result(placed["order_id"])
            await call(client, "wait_for_order", order_id=placed["order_id"], wait_seconds=20)

    trading = asyncio.create_task(trade())
    code = await asyncio.wait_for(claude.code, 20)
    async with tail(running.folder, "--plain") as lines, tail(running.folder, "--json") as objects:
        asked = await line(lines, "WAITS client", "Claude", "127.0.0.1", "cockpit approve CODE", "cockpit deny")
        assert code not in asked
        assert json.loads(await line(objects, '"Waits"'))["is"]["claimed_name"] == "Claude"
        await running.ask("approve", code, "--scope", "read:market", "--scope", "read:orders",
                          "--scope", "write:orders", "--yes")  # fmt: skip
        await line(lines, "may now", "write:orders")
        waits = await line(lines, "WAITS order", "BUY 3 ALFA MKT", "until")
        await line(lines, "call", "place_order", "wait")
        which = await asyncio.wait_for(order_id, 20)
        command = waits.partition("Decide: cockpit ")[2].partition(",")[0]
        assert command.split()[:2] == ["approve-order", which]
        assert (await run_command(running.folder, *command.split(), "--yes"))[0] == 0
        filled = await line(lines, "order", "filled")
        assert "BUY 3 ALFA MKT" in filled
        assert json.loads(await line(objects, '"OrderChanged"', '"filled"'))["is"]["order"]["order_id"] == which
        await trading
        assert await running.stop() == 0
        for process in (lines, objects):
            out, err = await asyncio.wait_for(process.communicate(), 10)
            assert (process.returncode, err.decode()) == (0, "The cockpit has ended.\n")
            assert b"\x1b" not in out


async def test_it_ends_when_nobody_reads_any_more(running: Host) -> None:
    process = await asyncio.create_subprocess_shell(
        f'{COMMAND[0]} -m cockpit --data-dir "{running.folder}" tail --plain | true; echo ${{PIPESTATUS[0]}}',
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        executable="/bin/bash", env=environment(),
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert (out, err) == (b"0\n", b""), "nothing happens in the cockpit, and it ends all the same"


async def test_without_a_cockpit_it_says_so(tmp_path: Path) -> None:
    code, out, err = await run_command(tmp_path, "tail")
    assert (code, out) == (1, "")
    assert "No cockpit is running" in err
