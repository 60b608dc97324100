"""A whole day of acts at each size and while the terminal is resized: keys sent, screen read, the host asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.hosts import COMMAND, host
from tests.e2e.terminals import Tmux, screen_command
from tests.e2e.walking import Assistant, Walk, place_with_key

pytestmark = pytest.mark.e2e

WAYS = {
    "80x24": ((80, 24), False, False),
    "120x36-attached": ((120, 36), True, False),
    "160x45": ((160, 45), False, False),
    "resizing-attached": ((80, 24), True, True),
}
"""Size at the start, whether the screen is attached to a serving host, whether it is resized between the steps."""


@pytest.fixture(params=WAYS)
async def walk(require_tmux: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Walk]:
    size, attached, resizing = WAYS[request.param]
    folder = tmp_path / "data"
    tmux = Tmux(require_tmux, tmp_path, *size)
    async with AsyncExitStack() as stack:
        stack.callback(tmux.end)
        if attached:
            await stack.enter_async_context(host(folder))
            tmux.start(*COMMAND, "--config", str(tmp_path / "cockpit.toml"), "--data-dir", str(folder), "attach")
        else:
            (tmp_path / "cockpit.toml").write_text("")
            tmux.start(*screen_command(folder))
        await tmux.wait("RUNNING", "^k KILL", seconds=40)
        yield Walk(tmux, folder, size, attached=attached, resizing=resizing)


async def test_everything_that_an_operator_does(walk: Walk) -> None:
    url = (await walk.ask("status"))["url"]
    claude = Assistant(url, "Claude")
    try:
        await let_in_by_its_code(walk, claude)
        await walk.turn()
        await approve(walk, claude)
        await walk.turn()
        await edit(walk, claude)
        await walk.turn()
        await reject(walk, claude)
        await walk.turn()
        if not walk.attached:
            await close_and_flatten(walk, claude)
        await narrow(walk)
        await walk.turn()
        await search(walk)
        await walk.turn()
        await detach_and_attach(walk)
    finally:
        await claude.leave()
    await walk.turn()
    await kill_over_every_prompt(walk, url)
    assert (await walk.ask("audit", "verify"))["ok"]
    walk.tmux.keys("q")
    await walk.tmux.wait(" LEAVE " if walk.attached else " QUIT ")
    await walk.keys("y")
    await walk.tmux.wait("ENDED 0")


async def let_in_by_its_code(walk: Walk, claude: Assistant) -> None:
    tmux, code = walk.tmux, await claude.code()
    assert code not in await tmux.wait("▸◷ CLIENT", "Claude")
    await walk.keys("a")
    await tmux.wait("CODE that the browser shows")
    await walk.line(code)
    await tmux.wait("LET IN A CLIENT", "[ ] write:orders")
    await walk.choose("write:orders")
    tmux.keys("Space")
    await tmux.wait("▸ [✓] write:orders")
    await walk.keys("a")
    await tmux.wait(" LET IN  127.0.0.1 as claude", "write:orders?")
    assert await walk.ask("clients") == []
    await walk.keys("y")
    await tmux.wait("1 client ", "PENDING 0")
    (row,) = await walk.ask("clients")
    assert row["name"] == "claude"
    assert "write:orders" in row["scopes"]


async def approve(walk: Walk, claude: Assistant) -> None:
    placed = await claude.call(
        "place_order", symbol="ALFA", side="buy", quantity=3, order_type="market", idempotency_key="walk-approved"
    )
    await walk.tmux.wait("▸◷ ORDER", "BUY 3 ALFA MKT DAY")
    await walk.keys("a", "y")
    await walk.tmux.wait("APPROVE  buy 3 ALFA at market", "for claude?")
    assert (await walk.order(placed))["state"] == "pending", "a y that comes with the question must not send"
    await walk.turn()
    await walk.tmux.wait("APPROVE  buy 3 ALFA at market", "for claude?")
    await walk.keys("y")
    await walk.tmux.wait("BUY 3 ALFA MKT DAY: filled", "PENDING 0")
    order = await walk.order(placed)
    assert (order["state"], order["filled"]) == ("filled", "3")


async def edit(walk: Walk, claude: Assistant) -> None:
    bid = Decimal(str((await claude.call("get_quote", symbol="ALFA"))["bid"]))
    limit, lower = (str((bid * Decimal(share)).quantize(Decimal("0.01"))) for share in ("0.995", "0.99"))
    placed = await claude.call(
        "place_order", symbol="ALFA", side="buy", quantity=10, order_type="limit", limit_price=limit,
        idempotency_key="walk-edited",
    )  # fmt: skip
    await walk.tmux.wait("▸◷ ORDER", "BUY 10 ALFA LMT")
    await walk.keys("Enter")
    await walk.tmux.wait(" ORDER PAPER from claude", "e edit")
    await walk.turn()
    await walk.keys("e")
    await walk.tmux.wait("EDIT BUY 10 ALFA LMT", "less: 50")
    await walk.line("11")
    await walk.tmux.wait("the quantity may only become smaller")
    walk.tmux.keys("C-u")
    await walk.line(f"4 @ {lower}")
    await walk.tmux.wait("APPROVE EDITED  buy 4 ALFA limit", "for claude?")
    await walk.keys("y")
    await walk.tmux.wait(": working")
    order = await walk.order(placed)
    assert (order["state"], order["quantity"], Decimal(order["limit_price"])) == ("working", "4", Decimal(lower))
    await walk.main()


async def reject(walk: Walk, claude: Assistant) -> None:
    placed = await claude.call(
        "place_order", symbol="BRVO", side="buy", quantity=7, order_type="market", idempotency_key="walk-rejected"
    )
    await walk.tmux.wait("▸◷ ORDER", "BUY 7 BRVO MKT DAY")
    await walk.keys("D")
    await walk.tmux.wait("WHY NOT BUY 7 BRVO MKT DAY")
    walk.tmux.type("not before ")
    await walk.turn()
    await walk.tmux.wait("WHY NOT BUY 7 BRVO MKT DAY")
    await walk.line("lunch")
    await walk.tmux.wait("not before lunch)", "PENDING 0")
    assert (await walk.order(placed))["state"] == "refused"
    told = await claude.call("get_order", order_id=placed["order_id"])
    assert "not before lunch" in str(told)


async def close_and_flatten(walk: Walk, claude: Assistant) -> None:
    await claude.call(
        "place_order", symbol="CHRL", side="buy", quantity=2, order_type="market", idempotency_key="walk-flattened"
    )
    await walk.tmux.wait("▸◷ ORDER", "BUY 2 CHRL MKT DAY")
    await walk.keys("a")
    await walk.tmux.wait("APPROVE  buy 2 CHRL at market")
    await walk.keys("y")
    await walk.tmux.wait("BUY 2 CHRL MKT DAY: filled", "PENDING 0")
    await held(walk, {"ALFA": "3", "CHRL": "2"})
    walk.tmux.keys("p")
    await walk.tmux.wait("POSITIONS 2", "x close")
    await walk.choose("ALFA")
    await walk.keys("x")
    await walk.tmux.wait("CLOSE  sell 3 ALFA at market", "3 → 0")
    await held(walk, {"ALFA": "3", "CHRL": "2"})
    await walk.keys("y")
    await held(walk, {"CHRL": "2"})
    await walk.tmux.wait("POSITIONS 1")
    await walk.main()
    await walk.line(":flatten")
    await walk.tmux.wait("TYPE FLATTEN to close 1 position on paper")
    await walk.line("flatten")
    await walk.tmux.wait("that isn't FLATTEN")
    await held(walk, {"CHRL": "2"})
    walk.tmux.keys("C-u")
    await walk.line("FLATTEN")
    await held(walk, {})
    assert not [one for one in await walk.ask("orders") if one["state"] == "working"]
    await walk.main()


async def held(walk: Walk, expected: dict[str, str], seconds: float = 20) -> None:
    """Wait until the host holds exactly this."""
    end = time.monotonic() + seconds
    while True:
        rows = (await walk.ask("positions"))["positions"]
        found = {row["symbol"]: row["quantity"] for row in rows if Decimal(row["quantity"])}
        if found == expected:
            return
        assert time.monotonic() < end, f"{found} is held, not {expected}"
        await asyncio.sleep(0.1)


async def narrow(walk: Walk) -> None:
    walk.tmux.keys("c")
    await walk.tmux.wait("CLIENTS 1", "s scopes")
    walk.tmux.keys("s")
    await walk.tmux.wait("SCOPES of claude", "space toggle")
    await walk.turn()
    await walk.choose("write:orders")
    walk.tmux.keys("Space")
    await walk.tmux.wait("-write:orders")
    await walk.keys("a")
    await walk.tmux.wait("CLIENTS 1", "claude may read:market")
    (row,) = await walk.ask("clients")
    assert "write:orders" not in row["scopes"]
    await walk.main()


async def search(walk: Walk) -> None:
    walk.tmux.keys("u")
    await walk.tmux.wait(" AUDIT ", "/ search")
    walk.tmux.keys("/")
    await walk.tmux.wait("since:2h")
    await walk.line("client:claude tool:place_order symbol:BRVO")
    await walk.tmux.wait("AUDIT  / client:claude tool:place_order symbol:BRVO", "1 found")
    await walk.turn()
    walk.tmux.keys("Enter")
    await walk.tmux.wait("RECORD", "walk-rejected")
    found = await walk.ask("audit", "search", "--client", "claude", "--tool", "place_order", "--symbol", "BRVO")
    assert len(found) == 1
    await walk.main()


async def detach_and_attach(walk: Walk) -> None:
    size = tuple(int(part) for part in walk.tmux("display", "-p", "#{window_width} #{window_height}").split())
    with walk.viewer((size[0], size[1] + 1)) as terminal:
        shown = await _read_until(terminal, "RUNNING")
        walk.tmux("detach-client", "-s", walk.tmux("list-sessions", "-F", "#{session_name}").strip())
        assert "PENDING" in shown
    assert walk.tmux("list-clients") == ""
    await walk.line(":halt")
    await walk.tmux.wait("HALTED")
    assert (await walk.ask("status"))["state"] == "HALTED"
    with walk.viewer((size[0], size[1] + 1)) as terminal:
        await _read_until(terminal, "HALTED")
        os.write(terminal, b":resume\r")
        await walk.tmux.wait("TYPE RESUME")
        os.write(terminal, b"RESUME\r")
        await _read_until(terminal, "RUNNING")
    assert (await walk.ask("status"))["state"] == "RUNNING"


async def _read_until(terminal: int, text: str, seconds: float = 20) -> str:
    """Read what a terminal is sent until it holds this."""
    read, end = "", time.monotonic() + seconds
    while text not in read:
        assert time.monotonic() < end, f"{text} never came: {read!r}"
        await asyncio.sleep(0.03)
        with contextlib.suppress(BlockingIOError):
            read += os.read(terminal, 65536).decode("utf-8", "replace")
    return read


async def kill_over_every_prompt(walk: Walk, url: str) -> None:
    tmux = walk.tmux
    made = await walk.ask("key", "create", "--name", "script", "--scope", "read:market", "--scope", "write:orders", "--yes")  # fmt: skip
    order = {"symbol": "CHRL", "side": "buy", "quantity": 2, "order_type": "market", "idempotency_key": "walk-killed-1"}
    _, placed = await place_with_key(url, made["key"], **order)
    await tmux.wait("▸◷ ORDER", "BUY 2 CHRL MKT DAY")
    await walk.keys("a")
    await tmux.wait("APPROVE  buy 2 CHRL at market")
    await walk.shrink()
    await walk.kill()
    await walk.grow()
    assert (await walk.order(placed))["state"] == "refused"
    assert (await place_with_key(url, made["key"], **order))[0] == 401
    await walk.line(":resume")
    await tmux.wait("TYPE RESUME")
    await walk.line("resume")
    await tmux.wait("that isn't RESUME")
    assert (await walk.ask("status"))["state"] == "KILLED"
    tmux.keys("C-u")
    await walk.line("RESUME")
    await tmux.wait("▲ RUNNING")

    await walk.ask("key", "enable", "script", "--yes")
    tmux.keys("c")
    await tmux.wait("CLIENTS ", "script")
    await walk.choose("script")
    tmux.keys("s")
    await tmux.wait("SCOPES of script")
    tmux.keys("Space")
    await tmux.wait("-read:market")
    await killed(walk)
    (row,) = await walk.ask("clients")
    assert (row["suspended"], row["scopes"]) == (True, ["read:market", "write:orders"])

    cursor = Assistant(url, "Cursor")
    try:
        code = await cursor.code()
        await tmux.wait("▸◷ CLIENT", "Cursor")
        await walk.keys("a")
        await tmux.wait("CODE that the browser shows")
        tmux.type(code)
        await tmux.wait(code)
        await killed(walk)
    finally:
        await cursor.leave()
    assert [row["name"] for row in await walk.ask("clients")] == ["script"]

    tmux.type("/client:cl")
    await tmux.wait("client:cl", "tool:get_*")
    await killed(walk)
    tmux.type(":redu")
    await tmux.wait(":  redu")
    await killed(walk)
    await walk.line(":totp enroll")
    await tmux.wait("FIRST CODE")
    tmux.type("123")
    await tmux.wait(" 123")
    await killed(walk)


async def killed(walk: Walk) -> None:
    """Kill over what is open, in a terminal that may be too small for it by then, and resume."""
    await walk.shrink()
    await walk.kill()
    await walk.grow()
    await walk.resume()
