"""The operator's terminal: what comes from outside is shown there as text, and steers nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC

from cockpit.model.screen import ScreenSettings
from cockpit.operator.act import Done
from tests.oauth.outside import code_of
from tests.security.site import TRADES, Site
from tests.tui.fake_face import FakeClock
from tests.tui.screens import Seat
from tui.app import CockpitScreen

MARKUP = "[@click=app.approve('x')]Claude[/]"
ESCAPES = "Cla\x1b[2J\x1b]0;owned\x07\x1b]52;c;aGk=\x07\x9b31mu\u202ed\u200be\u2066\r\n"
STEERING = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x200B, 0x200E, 0x202E, 0x2066)}


@asynccontextmanager
async def seated(site: Site) -> AsyncIterator[Seat]:
    """The screen of this cockpit, with an operator in front of it."""
    clock, face = FakeClock(), site.cockpit.face
    app = CockpitScreen(face, ScreenSettings(), clock, UTC)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        seat = Seat(app, pilot, clock, face)  # type: ignore[arg-type]
        await seat.settle()
        yield seat


def assert_harmless(seat: Seat) -> None:
    for strip in seat.app.screen._compositor.render_strips():
        for segment in strip:
            assert not STEERING & set(segment.text), repr(segment.text)
            assert segment.control is None
            assert segment.style is None or not (segment.style.meta.get("@click") or segment.style.link)


async def everywhere(seat: Seat, code: str) -> AsyncIterator[str]:
    """Go through the places where a client's or an order's words are shown."""
    for keys in ((), ("enter",), ("escape", "c"), ("escape", "o"), ("enter",), ("escape", "escape")):
        await seat.press(*keys)
        await seat.settle()
        yield seat.text
    await seat.press("colon")
    await seat.type(f"approve {code}")
    await seat.press("enter")
    await seat.settle()
    yield seat.text


async def wait_for_an_order(site: Site, words: str) -> None:
    """Let a client place an order that waits, with hostile words wherever it may write some."""
    _, tokens = await site.connect("Trader", TRADES)
    waiting = await site.place(tokens.access, key="order-0001")
    assert waiting.status == 200
    for changed in ({"symbol": words}, {"key": words}, {"order_type": words}, {"side": words}, {words: 1}):
        refused = await site.place(tokens.access, **changed)
        assert refused.status in {200, 400}
    await site.call(tokens.access, words)


async def test_T09_markup_in_a_name_or_an_order_is_literal_text(site: Site) -> None:
    """A client's name and a tool's arguments hold Textual markup with an action; the operator clicks everywhere."""
    client_id = (await site.register(client_name=MARKUP))["client_id"]
    page = await site.authorize(client_id)
    await wait_for_an_order(site, MARKUP)
    async with seated(site) as seat:
        seen = ""
        async for text in everywhere(seat, code_of(page)):
            assert_harmless(seat)
            seen += text
        assert "[@click=app.approve('x')]" in seen
        for row in range(2, 38, 3):
            await seat.pilot.click(offset=(20, row))
        await seat.settle()
    assert len(site.waiting()) == 1
    assert {order.state.value for order in site.cockpit.face.snapshot().orders} == {"pending"}
    assert site.brokers["paper"].sent == []


async def test_T10_no_control_character_reaches_screen_store_or_command_line(site: Site) -> None:
    """A client's name and a tool's arguments hold escape sequences, bells, direction marks and zero-width signs."""
    client_id = (await site.register(client_name=ESCAPES))["client_id"]
    page = await site.authorize(client_id)
    await wait_for_an_order(site, ESCAPES)
    async with seated(site) as seat:
        async for _ in everywhere(seat, code_of(page)):
            assert_harmless(seat)
    for name in ("pending", "status", "orders", "clients", "audit.tail"):
        answer = await site.act(name)
        assert isinstance(answer, Done), answer
        printed = f"{answer.says}{answer.data}".replace("\n", "")
        assert not STEERING & set(printed), name
    await site.approve(page, "Claude")
    rows = await site.store.rows("SELECT claimed_name FROM oauth_clients UNION SELECT claimed FROM oauth_names")
    assert rows
    assert not STEERING & set("".join(row["claimed_name"] for row in rows))
