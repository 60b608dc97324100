"""The operator enrols an authenticator at 80x24 in a real tmux; from then on writes are granted by its codes alone."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pyotp.totp
import pytest

from tests.e2e.hosts import Outsider, call, run_command
from tests.e2e.terminals import Tmux, ask, screen_command

pytestmark = pytest.mark.e2e

_SETTLES = 0.6
"""Seconds after which a key counts: what has just appeared takes no decision."""
_STEP = 30
_ENOUGH = 6
"""Seconds of a time step that must be left to type its code."""


@pytest.fixture
async def tmux(require_tmux: str, tmp_path: Path) -> AsyncIterator[Tmux]:
    (tmp_path / "cockpit.toml").write_text("")
    terminal = Tmux(require_tmux, tmp_path, 80, 24)
    yield terminal
    terminal.end()


async def _step_with_room() -> int:
    """Return the present time step, once enough of it is left."""
    left = _STEP - time.time() % _STEP
    if left < _ENOUGH:
        await asyncio.sleep(left)
    return int(time.time()) // _STEP


def _line(tmux: Tmux, text: str) -> None:
    tmux.type(text)
    tmux.keys("Enter")


async def _let_in_with_writes(tmux: Tmux, code: str) -> None:
    """Type the letters of a client's page, choose write:orders and say yes."""
    _line(tmux, f":approve {code}")
    await tmux.wait("LET IN A CLIENT", "[ ] write:orders")
    for _ in range(12):
        if any("write:orders" in line for line in tmux.screen().splitlines() if line.startswith("▸ [")):
            break
        tmux.keys("j")
        await asyncio.sleep(0.05)
    tmux.keys("Space")
    await tmux.wait("[✓] write:orders")
    tmux.keys("a")
    await tmux.wait("y yes")
    await asyncio.sleep(_SETTLES)
    tmux.keys("y")


async def test_once_enrolled_writes_are_granted_by_a_right_code_once(tmux: Tmux, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    tmux.start(*screen_command(folder))
    await tmux.wait("RUNNING", "^k KILL")
    _line(tmux, ":totp enroll")
    screen = await tmux.wait("or type its secret", "FIRST CODE that it shows", "totp confirm")
    assert len([row for row in screen.splitlines() if "█" in row]) >= 18, "the drawing is whole at 80x24"
    secret = "".join(re.findall(r"[A-Z2-7]{4}(?: [A-Z2-7]{4}){3}", screen)).replace(" ", "")
    assert len(secret) == 32
    phone = pyotp.totp.TOTP(secret)
    step = await _step_with_room()
    _line(tmux, phone.at((step - 1) * _STEP))
    await tmux.wait("Enrolled", "Backup codes")
    tmux.keys("Escape")
    assert (await ask(folder, "totp", "status"))["enrolled"] is True

    url = (await ask(folder, "status"))["url"]
    claude = Outsider(url)
    traded = asyncio.Event()

    async def trade() -> None:
        async with claude.session("legacy") as client:
            order, _ = await call(
                client, "place_order", symbol="ALFA", side="buy", quantity=3, order_type="market",
                idempotency_key="tmux-order-1",
            )  # fmt: skip
            assert order["state"] == "pending"
            traded.set()

    trading = asyncio.create_task(trade())
    letters = await asyncio.wait_for(claude.code, 20)
    await tmux.wait("CLIENT", "Claude")
    await _let_in_with_writes(tmux, letters)
    await tmux.wait("AUTHENTICATOR CODE to approve")
    right = phone.at(step * _STEP)
    _line(tmux, "000000")
    await tmux.wait("That code is wrong", "AUTHENTICATOR CODE to approve")
    assert (await ask(folder, "clients")) == []
    _line(tmux, right)
    await tmux.wait("ORDER", "BUY 3 ALFA MKT")
    await asyncio.wait_for(traded.wait(), 10)
    await trading

    used = ("key", "create", "--name", "bot", "--scope", "write:orders", "--yes", "--totp", right)
    code, _, said = await run_command(folder, *used)
    assert (code, "TOTP_USED" in said) == (1, True)
    assert await ask(folder, "key", "list") == []
    (order,) = await ask(folder, "orders")
    code, _, said = await run_command(folder, "approve-order", order["order_id"], "--yes")
    assert (code, "TOTP_NEEDED" in said) == (1, True)
    await asyncio.sleep(_SETTLES)
    tmux.keys("a")
    await tmux.wait("y yes")
    await asyncio.sleep(_SETTLES)
    tmux.keys("y")
    await tmux.wait("filled")
