"""Nothing that a client writes breaks a message to TWS, and no order appears there that was not approved."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import pytest

from cockpit.model.orders import OrderState
from tests.gateway import FakeGateway
from tests.ibkr import truth
from tests.ibkr.arguments import Place, good, put, texts
from tests.ibkr.cockpits import TRUSTED, Within, settings_of, within
from tools.catalogue import TOOLS

MARK: Final = "8675309"
"""What would stand alone in a field of a message into which a client broke."""
_HOSTILE: Final = (
    "{0}\0" + MARK + "\0" + MARK + "\0",
    "\0" + MARK + "\0{0}",
    "{0}\n" + MARK,
    "{0}\r\n",
    "{0}\x1f",
    "{0}\x7f",
    "{0}\x1b[2J",
    "{0}\u0085",
    "{0}\u00e9",
    "\u202e{0}",
    "{0}\u2028" + MARK,
    "\uff21{0}",
)
_PRINTABLE: Final = re.compile(r"[ -~]*")
_AT_ONCE: Final = 25
_ENDLESS: Final = frozenset({"wait_for_order"})
_ORDERS: Final = frozenset(
    name for name in TOOLS if name.startswith(("place_", "preview_", "close_", "modify_", "cancel_"))
)


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway(messages_per_second=0, open_always=True, matching=False) as opened:
        yield opened


@pytest.fixture
async def cockpit(tmp_path: Path, gateway: FakeGateway) -> AsyncIterator[Within]:
    async with within(tmp_path / "data", settings_of(gateway.port)) as running:
        yield running


def _every_text() -> list[tuple[str, Place]]:
    return [(tool, place) for tool in TOOLS for place in texts(tool)]


def _base(arguments: Any, place: Place) -> str:
    """Return what stands at a place in good arguments, or what may."""
    for step in place:
        try:
            arguments = arguments[step]
        except (LookupError, TypeError):
            return "ALFA"
    return arguments if isinstance(arguments, str) else "ALFA"


def _calls(tools: frozenset[str], each: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through every place with a broken message, and with so many other texts in turn."""
    others = cycle(_HOSTILE[1:])
    for tool, place in _every_text():
        if tool in tools:
            for hostile in (_HOSTILE[0], *(next(others) for _ in range(each))):
                arguments = good(tool)
                yield tool, put(arguments, place, hostile.format(_base(arguments, place)))


async def _all(cockpit: Within, key: str, calls: Iterator[tuple[str, dict[str, Any]]]) -> Counter[str]:
    """Make all these calls, some at once; count how they were answered."""
    answered: Counter[str] = Counter()

    async def work() -> None:
        for tool, arguments in calls:
            said = await cockpit.call(key, tool, **arguments)
            answered[said.get("code", "done") if isinstance(said.get("code", ""), str) else "error"] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(work())
    return answered


def _nothing_broke(gateway: FakeGateway) -> None:
    assert gateway.bad == 0
    for one in gateway.seen:
        for field in one.fields:
            assert _PRINTABLE.fullmatch(field), f"{one.name}: {field!r}"
            assert field != MARK, f"{one.name}: {one.fields}"


async def test_no_text_of_any_tool_breaks_a_message_or_places_an_order(gateway: FakeGateway, cockpit: Within) -> None:
    key = await cockpit.key("somebody")
    answered = await _all(cockpit, key, _calls(frozenset(TOOLS) - _ENDLESS, 2))
    assert answered.total() > 600
    _nothing_broke(gateway)
    assert not truth.sent(gateway)
    assert not gateway.book.orders
    assert cockpit.broker.status().link == "ready"


async def test_orders_that_a_rule_approves_are_all_that_tws_ever_has(gateway: FakeGateway, cockpit: Within) -> None:
    key = await cockpit.key(TRUSTED)
    answered = await _all(cockpit, key, _calls(_ORDERS, 1))
    assert answered.total() > 100
    _nothing_broke(gateway)
    truth.agrees(gateway, cockpit.known(), " ".join(cockpit.notices()))
    known = cockpit.known()
    assert truth.sent(gateway)
    for reference, quantity, _ in truth.sent(gateway):
        assert known[reference].state is not OrderState.PENDING
        assert str(known[reference].request.quantity) == quantity


def test_texts_are_found_in_every_tool_that_takes_any() -> None:
    found = {tool for tool, _ in _every_text()}
    assert len(found) > 30
    assert len(_every_text()) > 100
    assert {"place_order", "search_instruments"} <= found
