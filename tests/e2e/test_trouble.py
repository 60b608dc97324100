"""What a host does when its disk is full, its database can't be written, or its clock is put back."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.hosts import Host, host, run_command

FAULTY = (sys.executable, "-m", "tests.e2e.faulty")
SCOPES = ("--scope", "read:market", "--scope", "read:orders", "--scope", "preview:orders", "--scope", "write:orders")
FREELY = "[budget]\ncalls_per_second = 100000\nburst = 100000\norders_per_minute = 10000\norder_burst = 1000\n"


class Script:
    """A program that works with an API key."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self._orders = 0

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool; what it gave, also where that is an error."""
        params = {"name": tool, "arguments": arguments}
        ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with self._session.post(self._url, json=ask) as answer:
            assert answer.status == 200, await answer.text()
            text = await answer.text()
        if answer.content_type == "text/event-stream":
            text = next(line for line in text.splitlines() if line.startswith("data: {")).removeprefix("data: ")
        return json.loads(text)["result"]["structuredContent"]

    async def order(self, symbol: str = "ALFA", **more: object) -> dict[str, Any]:
        """Ask for a new order."""
        self._orders += 1
        said = {"symbol": symbol, "side": "buy", "quantity": 1, "order_type": "market", **more}
        return await self.call("place_order", idempotency_key=f"order-number-{self._orders}", **said)


@asynccontextmanager
async def script(running: Host, name: str = "script") -> AsyncIterator[Script]:
    key = (await running.ask("key", "create", "--name", name, *SCOPES, "--yes"))["key"]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        yield Script(session, running.url)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("A REAL FULL DISK IS NOT TESTED: a small tmpfs can't be mounted here (it needs root)")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all the space that is left."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return path


async def until_orders_are_refused(client: Script) -> dict[str, Any]:
    """Work until the log has no room left; return the refusal."""
    for _ in range(2_000):
        await client.call("get_quote", symbol="ALFA")
        refused = await client.order(quantity=100_000)
        if refused.get("code") == "AUDIT_UNAVAILABLE":
            return refused
    raise AssertionError("the disk never got full")


async def recovered(client: Script) -> dict[str, Any]:
    """Ask for an order until one is taken again; the host tries the disk every second."""
    async with asyncio.timeout(20):
        while (order := await client.order("BRVO")).get("code") == "AUDIT_UNAVAILABLE":
            await asyncio.sleep(0.1)
    return order


async def test_a_full_disk_stops_orders_but_not_reads_and_nothing_is_lost(small_disk: Path) -> None:
    folder = small_disk / "data"
    async with host(folder, settings=FREELY) as running, script(running) as client:
        before = await client.order()
        assert before["state"] == "pending"
        filler = fill(small_disk)
        refused = await until_orders_are_refused(client)
        assert (refused["retryable"], refused["who_can_fix"]) == (True, "host")
        for _ in range(50):
            assert float((await client.call("get_quote", symbol="ALFA"))["bid"]) > 0
        listed = await client.call("list_orders")
        assert [one["order_id"] for one in listed["orders"] if one["state"] == "pending"] == [before["order_id"]]
        code, _, err = await running.run("approve-order", before["order_id"], "--yes")
        assert code == 1, "nothing is sent that can't be recorded"
        # The paper broker keeps its book in the same database, so it may be the first to say so.
        assert "AUDIT_UNAVAILABLE" in err or "BROKER_NOT_READY" in err
        filler.unlink()
        after = await recovered(client)
        assert after["state"] == "pending"
        approved = await running.ask("approve-order", before["order_id"], "--yes")
        assert approved["state"] == "filled"
        told = await running.ask("audit", "search", "--tool", "store_failed")
        assert len(told) == 1
        while_full = await running.ask("audit", "search", "--tool", "get_quote", "--count", "1000")
        assert len(while_full) >= 50
        verdict = await running.ask("audit", "verify")
        assert verdict["ok"]
        assert await running.stop() == 0
    assert (await run_command(folder, "audit", "verify"))[0] == 0


async def test_a_kill_on_a_full_disk_is_still_a_kill_after_a_restart(small_disk: Path) -> None:
    folder = small_disk / "data"
    async with host(folder, settings=FREELY) as running:
        async with script(running) as client:
            await client.order()
            filler = fill(small_disk)
            await until_orders_are_refused(client)
            await running.run("kill", "--reason", "full")
            assert (await running.ask("status"))["state"] == "KILLED"
            with pytest.raises(AssertionError):
                await client.call("get_quote", symbol="ALFA")
        await running.kill()
    filler.unlink()
    async with host(folder) as running:
        assert (await running.ask("status"))["state"] == "KILLED"
        assert (await running.ask("audit", "verify"))["ok"]


async def test_a_database_that_turns_read_only_refuses_orders_and_comes_back(tmp_path: Path) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    async with host(tmp_path / "data", settings=FREELY, command=FAULTY, faults=faults) as running:
        async with script(running) as client:
            first = await client.order()
            (faults / "read_only").touch()
            refused = await client.order()
            assert refused["code"] == "AUDIT_UNAVAILABLE"
            for _ in range(20):
                assert "bid" in await client.call("get_quote", symbol="ALFA")
            (faults / "read_only").unlink()
            after = await recovered(client)
            orders = {one["order_id"] for one in (await client.call("list_orders"))["orders"]}
            assert orders == {first["order_id"], after["order_id"]}
        assert len(await running.ask("audit", "search", "--tool", "get_quote", "--since", "1h")) == 20
        assert (await running.ask("audit", "verify"))["ok"]


async def test_a_database_that_can_not_grow_refuses_orders_and_comes_back(tmp_path: Path) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    async with host(tmp_path / "data", settings=FREELY, command=FAULTY, faults=faults) as running:
        async with script(running) as client:
            (faults / "full").touch()
            await until_orders_are_refused(client)
            for _ in range(20):
                assert "bid" in await client.call("get_quote", symbol="ALFA")
            (faults / "full").unlink()
            assert (await recovered(client))["state"] == "pending"
        assert len(await running.ask("audit", "search", "--tool", "store_failed")) == 1
        assert (await running.ask("audit", "verify"))["ok"]


async def test_reads_stop_too_once_the_records_that_wait_reach_their_bound(tmp_path: Path) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    settings = f"{FREELY}[audit]\nqueue = 100\n"
    async with host(tmp_path / "data", settings=settings, command=FAULTY, faults=faults) as running:
        async with script(running) as client:
            (faults / "read_only").touch()
            answers = [await client.call("get_quote", symbol="ALFA") for _ in range(110)]
            assert "bid" in answers[50]
            assert answers[-1]["code"] == "BUSY"
            (faults / "read_only").unlink()
            await recovered(client)
            assert "bid" in await client.call("get_quote", symbol="ALFA")
        assert (await running.ask("audit", "verify"))["ok"]


async def test_a_clock_put_back_changes_no_order_of_records_and_lengthens_no_wait(tmp_path: Path) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    settings = (
        "[budget]\norders_per_minute = 1\norder_burst = 2\n"
        "[connections.paper]\nbroker = 'paper'\n[connections.paper.policy]\napproval_seconds = 5\n"
    )
    async with host(tmp_path / "data", settings=settings, command=FAULTY, faults=faults) as running:
        async with script(running) as client:
            order = await client.order()
            assert order["state"] == "pending"
            (faults / "hours_back").write_text("1")
            ended = await client.call("wait_for_order", order_id=order["order_id"], wait_seconds=20)
            assert ended["state"] == "expired"
            assert (await client.order())["state"] == "pending", "a new wait is as long as any"
            assert (await client.order())["code"] == "RATE_LIMITED"
        records = await running.ask("audit", "tail", "--count", "1000")
        numbers = [one["number"] for one in records]
        assert numbers == list(range(1, len(records) + 1))
        times = [one["at"] for one in records]
        assert times != sorted(times), "the host's time is written as it is"
        assert (await running.ask("audit", "verify"))["ok"]
        assert len(await running.ask("audit", "search", "--tool", "place_order", "--since", "3h")) == 3


async def test_old_records_are_archived_while_clients_work_and_everything_is_still_there(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with host(folder, settings=FREELY) as running, script(running) as client:
        for _ in range(60):
            await client.call("get_quote", symbol="ALFA")
        assert (await running.run("audit", "archive"))[0] == 1, "the settings keep all"
        moved = await running.ask("audit", "archive", "--records", "10")
        assert moved["first"] == 1
        assert (folder / "archive" / moved["file"]).stat().st_mode & 0o777 == 0o600
        await client.call("get_quote", symbol="ALFA")
        verdict = await running.ask("audit", "verify")
        assert verdict["ok"]
        assert verdict["records"] > moved["records"]
        kept = await running.ask("audit", "verify", "--without-archives")
        assert kept["records"] == verdict["records"] - moved["records"]
        written = await running.ask("audit", "export", "--to", str(tmp_path / "all.jsonl"))
        assert (written["first"], written["records"]) == (1, written["last"])
        mirrored = [json.loads(line)["number"] for line in (folder / "audit.jsonl").read_bytes().split(b"\n")[:-1]]
        assert mirrored == list(range(1, len(mirrored) + 1))
        assert len(mirrored) > 60
        (folder / "archive" / moved["file"]).rename(tmp_path / "away")
        assert (await running.run("audit", "verify"))[0] == 1
