"""What a client hears while it waits for an order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cockpit.model.identity import Caller
from cockpit.model.orders import OPEN, OrderState
from server.tool_host import DeskTools
from tests.tools.conftest import Ask
from tools import orders
from tools.catalogue import TOOLS


class Heard:
    """A client's side of one call."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[tuple[float, float | None]] = asyncio.Queue()

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        self.told.put_nowait((progress, total))


@pytest.fixture
async def order_id(ask: Ask) -> Any:
    answer = await ask(
        "place_order", symbol="ALFA", side="BUY", quantity="1", order_type="market", idempotency_key="waiting-1"
    )
    assert answer.refusal is None, answer.refusal
    return answer.structured["order_id"]


async def test_a_client_that_waits_hears_that_nothing_has_happened_yet(
    tools: DeskTools, claude: Caller, ask: Ask, order_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "_TELL_SECONDS", 0.01)
    heard: Any = Heard()
    waiting = asyncio.ensure_future(
        tools.call(claude, "wait_for_order", {"order_id": order_id, "wait_seconds": 40}, heard)
    )
    async with asyncio.timeout(10):
        first, second = await heard.told.get(), await heard.told.get()
        assert first == (0.01, 40)
        assert second[0] > first[0]
        await ask("cancel_order", order_id=order_id)
        answer = await waiting
    assert answer.refusal is None
    assert answer.structured["state"] != "pending"


async def test_nothing_waits_on_when_a_client_leaves(
    tools: DeskTools, claude: Caller, order_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "_TELL_SECONDS", 0.01)
    heard: Any = Heard()
    before = len(asyncio.all_tasks())
    waiting = asyncio.ensure_future(tools.call(claude, "wait_for_order", {"order_id": order_id}, heard))
    async with asyncio.timeout(10):
        await heard.told.get()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while len(asyncio.all_tasks()) > before:
            await asyncio.sleep(0)


async def test_waiting_for_what_is_not_there_is_refused_at_once(ask: Ask) -> None:
    answer = await ask("wait_for_order", order_id="o-" + "A" * 26, wait_seconds=40)
    assert answer.structured["code"] == "ORDER_UNKNOWN"


def test_what_says_when_to_wait_again_names_every_state_in_which_an_order_is_open() -> None:
    told = TOOLS["wait_for_order"].description
    assert {one for one in OrderState if f"`{one}`" in told} == OPEN
