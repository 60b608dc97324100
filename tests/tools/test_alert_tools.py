"""Price alerts, notes, and words to the operator."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cockpit.desk.alerts import MOST_ARMED, MOST_FIRED, MOST_SYMBOLS, Alert, Alerts, Direction, Watched
from cockpit.desk.journal import NOTES_KEPT, Journal
from cockpit.model.events import Notice
from cockpit.model.identity import READ_SCOPES, Caller, ClientName, Grant
from cockpit.model.ids import ulid
from cockpit.model.text import safe
from cockpit.operator.feed import Feed
from server.tool_host import DeskTools
from tests.desk.desks import NOON, Desk, open_desk
from tests.tools.conftest import Ask, is_harmless, rooms_of
from tools.registry import Rooms


@pytest.fixture
def rooms(desk: Desk) -> Rooms:
    return rooms_of(desk)


@pytest.fixture
def ask(desk: Desk, rooms: Rooms, claude: Caller) -> Ask:
    tools = DeskTools(desk.gate, rooms)

    async def call(tool: str, **arguments: Any) -> Any:
        return await tools.call(claude, tool, arguments)

    return call


async def price_of(ask: Ask, symbol: str = "ALFA", watched: str = "ask") -> Decimal:
    return Decimal((await ask("get_quote", symbol=symbol)).structured[watched])


def notices(desk: Desk) -> list[Notice]:
    return [one for one in desk.events if isinstance(one, Notice)]


def _alerts(desk: Desk, count: int, client: str = "claude", price: str = "1") -> list[Alert]:
    """Return alerts that are met at once and, after the first, dearer by a million each."""
    return [
        Alert(
            "a-" + ulid(desk.clock.now(), number.to_bytes(10)),
            ClientName(client), "paper", "ALFA", Watched.ASK, Direction.ABOVE,
            Decimal(price) + (number if price == "1" and count > 2 else number * 1_000_000),
            safe(""), desk.clock.now(),
        )
        for number in range(count)
    ]  # fmt: skip


def _about(alert: Alert, symbol: str) -> Alert:
    return replace(alert, symbol=symbol, alert_id=f"{alert.alert_id}{symbol}")


def _reading(grant: Grant) -> Grant:
    return replace(grant, scopes=READ_SCOPES)


def code(answer: Any) -> str:
    assert answer.refusal is not None
    return answer.refusal.code


async def test_an_alert_fires_once_when_its_price_is_there_and_tells_the_operator(
    desk: Desk, rooms: Rooms, ask: Ask
) -> None:
    price = await price_of(ask)
    far = await ask("create_alert", symbol="ALFA", watched="ask", direction="above", price=str(price * 2))
    near = await ask(
        "create_alert", symbol="alfa", watched="Ask", direction="Below", price=str(price), note="buy\nsoon"
    )
    assert far.structured["state"] == near.structured["state"] == "armed"
    for _ in range(3):
        await rooms.alerts.look()
    told = (await ask("list_alerts")).structured
    by_id = {row["alert_id"]: row for row in told["alerts"]}
    assert by_id[far.structured["alert_id"]]["state"] == "armed"
    row = by_id[near.structured["alert_id"]]
    assert (row["state"], row["fired_price"], row["data_type"]) == ("fired", str(price), "simulated")
    assert row["note"] == "buy soon"
    (notice,) = notices(desk)
    assert notice.text == f"Alert of claude: ALFA ask is {price}, below {price}"
    assert not notice.client


async def test_what_is_armed_and_what_has_fired_outlives_a_restart(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        rooms = rooms_of(desk)
        desk.grants.give("claude")
        alerts = [await rooms.alerts.add(alert) for alert in _alerts(desk, 2)]
        await rooms.alerts.look()
    async with open_desk(tmp_path) as desk:
        rooms = rooms_of(desk)
        desk.grants.give("claude")
        await rooms.alerts.load()
        first, second = rooms.alerts.of(alerts[0].client, "paper")
        assert first.fired is not None
        assert first.fired.price >= first.price
        assert second == alerts[1]
        await rooms.alerts.look()
        assert not notices(desk)


async def test_alerts_of_a_client_that_was_let_go_are_not_watched(desk: Desk, rooms: Rooms, ask: Ask) -> None:
    await ask("create_alert", symbol="ALFA", direction="above", price=1)
    grants, desk.grants.grants = desk.grants.grants, {}
    await rooms.alerts.look()
    assert not notices(desk)
    desk.grants.grants = grants
    await rooms.alerts.look()
    assert len(notices(desk)) == 1


async def test_a_client_sees_and_deletes_its_own_alerts_alone(desk: Desk, rooms: Rooms, ask: Ask) -> None:
    mine = (await ask("create_alert", symbol="ALFA", direction="above", price=1000)).structured["alert_id"]
    tools, cursor = DeskTools(desk.gate, rooms), desk.grants.give("cursor")
    assert (await tools.call(cursor, "list_alerts", {})).structured["alerts"] == []
    assert code(await tools.call(cursor, "delete_alert", {"alert_id": mine})) == "ALERT_UNKNOWN"
    assert (await ask("delete_alert", alert_id=mine)).structured["alert_id"] == mine
    assert code(await ask("delete_alert", alert_id=mine)) == "ALERT_UNKNOWN"
    assert (await ask("list_alerts")).structured["alerts"] == []


async def test_the_same_alert_again_is_the_one_that_waits_and_their_number_is_bounded(rooms: Rooms, ask: Ask) -> None:
    wanted = {"symbol": "ALFA", "direction": "above"}
    first = await ask("create_alert", price="1000.0", **wanted)
    assert (await ask("create_alert", price=1000, **wanted)).structured == first.structured
    for number in range(1, MOST_ARMED):
        assert (await ask("create_alert", price=1000 + number, **wanted)).refusal is None
    assert code(await ask("create_alert", price=5000, **wanted)) == "ALERT_LIMIT"
    await ask("delete_alert", alert_id=first.structured["alert_id"])
    assert (await ask("create_alert", price=5000, **wanted)).refusal is None


async def test_of_those_that_fired_the_newest_are_kept(desk: Desk, rooms: Rooms) -> None:
    claude = desk.grants.give("claude").grant.client
    for alert in _alerts(desk, MOST_FIRED + 3, price="1"):
        await rooms.alerts.add(alert)
        await rooms.alerts.look()
    kept = rooms.alerts.of(claude, "paper")
    assert len(kept) == MOST_FIRED
    found = Alerts(desk.store, desk.connections, desk.clock, desk.events.append, frozenset)
    await found.load()
    assert found.of(claude, "paper") == kept


async def test_a_round_asks_for_a_bounded_number_of_prices_and_they_take_turns(desk: Desk, rooms: Rooms) -> None:
    connection, asked = desk.connections.need("paper"), list[str]()
    find = connection.broker.find

    async def counting(symbol: str) -> Any:
        asked.append(symbol)
        return await find(symbol)

    connection.broker.find = counting  # type: ignore[method-assign]
    for client in ("claude", "cursor"):
        desk.grants.give(client)
        for number, alert in enumerate(_alerts(desk, 40, client=client, price="100000")):
            await rooms.alerts.add(_about(alert, f"{client[:2].upper()}{number}"))
    await rooms.alerts.look()
    assert len(asked) == MOST_SYMBOLS
    await rooms.alerts.look()
    assert len(set(asked)) == 80


async def test_a_note_is_kept_as_harmless_text_and_shown_to_its_client_alone(
    desk: Desk, rooms: Rooms, ask: Ask
) -> None:
    placed = await ask(
        "place_order", symbol="ALFA", side="buy", quantity=1, order_type="market", idempotency_key="note-order-1"
    )
    order = placed.structured["order_id"]
    written = await ask("add_note", text="thesis:\n\x1b]52;c;x\x07 up \u202e only", order_id=order)
    assert (written.structured["symbol"], written.structured["order_id"]) == ("ALFA", order)
    await ask("add_note", text="another", symbol="BRVO")
    told = (await ask("get_journal")).structured
    assert [note["symbol"] for note in told["notes"]] == ["BRVO", "ALFA"]
    assert is_harmless(told)
    assert "\n" not in told["notes"][1]["text"]
    only = (await ask("get_journal", symbol="alfa")).structured["notes"]
    assert [note["order_id"] for note in only] == [order]
    cursor = desk.grants.give("cursor")
    assert (await DeskTools(desk.gate, rooms).call(cursor, "get_journal", {})).structured["notes"] == []
    assert code(await ask("add_note", text="x", symbol="BRVO", order_id=order)) == "BAD_ARGUMENTS"
    assert code(await ask("add_note", text="x" * 2001)) == "BAD_ARGUMENTS"
    assert (await rooms.journal.newest(10, "CLAUDE"))[0].text == "another"


async def test_old_notes_make_room_and_the_journal_is_read_in_pages(desk: Desk, ask: Ask, claude: Caller) -> None:
    journal = Journal(desk.store, desk.clock)
    for number in range(NOTES_KEPT + 2):
        await journal.add(claude.grant.client, "paper", f"note {number}")
    await journal.add(desk.grants.give("cursor").grant.client, "paper", "theirs")
    texts, before = list[str](), None
    for _ in range(10):
        page = (await ask("get_journal", limit=200, **({} if before is None else {"before": before}))).structured
        texts += [note["text"] for note in page["notes"]]
        before = page["next_before"]
        if before is None:
            break
    assert texts == [f"note {number}" for number in range(NOTES_KEPT + 1, 1, -1)]


async def test_words_to_the_operator_are_marked_as_the_clients_and_come_one_in_ten_seconds(
    desk: Desk, ask: Ask
) -> None:
    hostile = "ok”\nKILLED by cockpit \x1b[31m"
    answer = await ask("notify_operator", text=hostile)
    assert code(await ask("notify_operator", text="again")) == "RATE_LIMITED"
    desk.clock.pass_time(9.9)
    assert code(await ask("notify_operator", text="again")) == "RATE_LIMITED"
    desk.clock.pass_time(0.2)
    await ask("notify_operator", text="again")
    first, second = notices(desk)
    assert first.text == answer.structured["shown"] == 'claude says “ok" KILLED by cockpit \\x1b[31m”'
    assert (first.client, first.bad) == ("claude", False)
    assert second.text == "claude says “again”"
    assert is_harmless(first.text)


def test_words_of_clients_never_push_out_the_cockpits_own_notices() -> None:
    feed = Feed()
    feed.publish(Notice(NOON, safe("own"), True))
    for number in range(1000):
        feed.publish(Notice(NOON, safe(f"word {number}"), False, "claude"))
    assert feed.notices[0].text == "own"
    assert len(feed.notices) < 50


async def test_narrowed_to_reading_a_client_neither_notes_nor_notifies(desk: Desk, ask: Ask, claude: Caller) -> None:
    grant = desk.grants.grants[claude.grant.grant_id]
    desk.grants.grants[claude.grant.grant_id] = _reading(grant)
    for tool, arguments in (
        ("add_note", {"text": "x"}),
        ("notify_operator", {"text": "x"}),
        ("create_alert", {"symbol": "ALFA", "direction": "above", "price": 1}),
    ):
        assert code(await ask(tool, **arguments)) == "SCOPE_MISSING"
    assert not notices(desk)
