"""Price alerts, notes, and words to the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cockpit.desk import alerts as alerts_module
from cockpit.desk.alerts import (
    MOST_ARMED,
    MOST_FIRED,
    MOST_SYMBOLS,
    MOST_TOLD,
    TOLD_WITHIN,
    Alert,
    Alerts,
    Direction,
    Watched,
)
from cockpit.desk.journal import NOTES_KEPT, Journal
from cockpit.model.events import Notice
from cockpit.model.identity import READ_SCOPES, Caller, ClientName, Grant, Scope
from cockpit.model.ids import ulid
from cockpit.model.instruments import Instrument
from cockpit.model.quotes import DataType, Quote
from cockpit.model.text import safe
from cockpit.operator.feed import Feed
from cockpit.settings.model import ConnectionSettings
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
    assert notice.text == f"Alert of claude: ALFA ask is {price}, below {price} (simulated, 0.0 s old)"
    assert (notice.client, notice.bad) == ("claude", False)


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


def _quoting(desk: Desk, change: Callable[[Instrument, Quote], Awaitable[Quote]]) -> None:
    """Let the broker's quotes go through ``change``."""
    broker = desk.connections.need("paper").broker
    real = broker.quote

    async def quote(instrument: Instrument) -> Quote | None:
        found = await real(instrument)
        return None if found is None else await change(instrument, found)

    broker.quote = quote  # type: ignore[method-assign]


async def test_an_instrument_that_the_brokers_code_fails_on_stops_no_other_alert(
    desk: Desk, rooms: Rooms, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(instrument: Instrument, quote: Quote) -> Quote:
        if instrument.symbol == "ALFA":
            raise ValueError("nobody planned this")
        return quote

    _quoting(desk, failing)
    for symbol in ("ALFA", "BRVO"):
        await ask("create_alert", symbol=symbol, watched="bid", direction="above", price="0.01")
    for _ in range(3):
        await rooms.alerts.look()
    assert [notice.text.split()[3] for notice in notices(desk)] == ["BRVO"]
    assert [record.levelname for record in caplog.records if "nobody planned" in str(record.exc_info)] == ["ERROR"]


async def test_an_instrument_that_is_never_answered_for_holds_up_no_other_alert(
    desk: Desk, rooms: Rooms, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts_module, "_ANSWER_WITHIN", 0.05)

    async def hanging(instrument: Instrument, quote: Quote) -> Quote:
        if instrument.symbol == "ALFA":
            await asyncio.Event().wait()
        return quote

    _quoting(desk, hanging)
    tools, cursor = DeskTools(desk.gate, rooms), desk.grants.give("cursor")
    wanted = {"watched": "bid", "direction": "above", "price": "0.01"}
    for symbol in ("ALFA", "CHRL"):
        await ask("create_alert", symbol=symbol, **wanted)
    await tools.call(cursor, "create_alert", {"symbol": "BRVO", **wanted})
    await rooms.alerts.look()
    assert {notice.text.split()[3] for notice in notices(desk)} == {"BRVO"}
    await rooms.alerts.look()
    assert {notice.text.split()[3] for notice in notices(desk)} == {"BRVO", "CHRL"}


@pytest.mark.parametrize(
    ("data_type", "age", "fires"),
    [
        (DataType.SIMULATED, 5, True),
        (DataType.DELAYED, 5, True),
        (DataType.SIMULATED, 6, False),
        (DataType.FROZEN, 0, False),
        (DataType.DELAYED_FROZEN, 0, False),
        (DataType.UNKNOWN, 0, False),
    ],
)
async def test_only_a_price_that_may_be_traded_on_makes_an_alert_fire(
    desk: Desk, rooms: Rooms, ask: Ask, data_type: DataType, age: int, fires: bool
) -> None:
    async def aged(instrument: Instrument, quote: Quote) -> Quote:
        return replace(quote, as_of=desk.clock.now() - timedelta(seconds=age), data_type=data_type)

    _quoting(desk, aged)
    await ask("create_alert", symbol="ALFA", watched="ask", direction="above", price=1)
    await rooms.alerts.look()
    told = [f"({data_type}, {age}.0 s old)"] if fires else []
    assert [notice.text[notice.text.index("(") :] for notice in notices(desk)] == told


async def test_many_alerts_of_one_client_are_few_notices_and_none_is_left_untold(desk: Desk, rooms: Rooms) -> None:
    for client in ("claude", "cursor"):
        desk.grants.give(client)
    for alert in _alerts(desk, 40, price="1"):
        await rooms.alerts.add(alert)
    await rooms.alerts.add(replace(_alerts(desk, 1, "cursor")[0], alert_id="a-cursor"))
    for _ in range(3):
        await rooms.alerts.look()
    own = [notice.text for notice in notices(desk) if notice.client == "claude"]
    assert len(own) == MOST_TOLD
    assert own[-1] == f"{40 - MOST_TOLD + 1} more alerts of claude fired"
    assert len(notices(desk)) == MOST_TOLD + 1
    await rooms.alerts.add(replace(_alerts(desk, 1)[0], alert_id="a-later", price=Decimal("0.5")))
    await rooms.alerts.look()
    assert len(notices(desk)) == MOST_TOLD + 1
    desk.clock.pass_time(TOLD_WITHIN)
    await rooms.alerts.look()
    assert len(notices(desk)) == MOST_TOLD + 2


async def test_what_fired_as_the_cockpit_stopped_is_told_once_after_the_next_start(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        rooms = rooms_of(desk)
        desk.grants.give("claude")
        await rooms.alerts.add(_alerts(desk, 1)[0])
        commit = desk.store.commit

        async def stopped(*work: Any) -> Any:
            await commit(*work)
            raise asyncio.CancelledError

        desk.store.commit = stopped  # type: ignore[method-assign]
        with pytest.raises(asyncio.CancelledError):
            await rooms.alerts.look()
        desk.store.commit = commit  # type: ignore[method-assign]
        assert not notices(desk)
    for told in (1, 0):
        async with open_desk(tmp_path) as desk:
            rooms = rooms_of(desk)
            await rooms.alerts.load()
            await rooms.alerts.look()
            assert len(notices(desk)) == told


async def test_alerts_on_a_connection_that_a_client_left_leave_it_room_on_its_new_one(tmp_path: Path) -> None:
    settings = ConnectionSettings(toolsets=("all",))
    async with open_desk(tmp_path, settings=settings, more={"other": settings}) as desk:
        rooms, claude = rooms_of(desk), desk.grants.give("claude")
        for alert in _alerts(desk, MOST_ARMED, price="100000"):
            await rooms.alerts.add(alert)
        grant = desk.grants.grants[claude.grant.grant_id]
        desk.grants.grants[claude.grant.grant_id] = replace(grant, connection="other")
        asked = {"symbol": "ALFA", "watched": "ask", "direction": "above", "price": 1000}
        assert (await DeskTools(desk.gate, rooms).call(claude, "create_alert", asked)).refusal is None


async def test_an_alert_takes_the_scope_of_prices_too(desk: Desk, rooms: Rooms) -> None:
    deaf = desk.grants.give("deaf", frozenset({Scope.WRITE_ALERTS}))
    asked = {"symbol": "ALFA", "watched": "bid", "direction": "above", "price": 1}
    refusal = (await DeskTools(desk.gate, rooms).call(deaf, "create_alert", asked)).refusal
    assert refusal is not None
    assert (refusal.code, refusal.details["scope"]) == ("SCOPE_MISSING", Scope.READ_MARKET)


async def test_an_alert_on_a_last_price_that_is_never_told_is_refused(desk: Desk, ask: Ask) -> None:
    async def without_last(instrument: Instrument, quote: Quote) -> Quote:
        return replace(quote, last=None)

    _quoting(desk, without_last)
    assert code(await ask("create_alert", symbol="ALFA", direction="above", price=1)) == "BAD_ARGUMENTS"
    assert (await ask("create_alert", symbol="ALFA", watched="ask", direction="above", price=1)).refusal is None


async def test_notes_that_come_together_are_each_answered_with_their_own(ask: Ask) -> None:
    answers = await asyncio.gather(*(ask("add_note", text=f"note {number}") for number in range(8)))
    assert [answer.structured["text"] for answer in answers] == [f"note {number}" for number in range(8)]


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


async def test_notes_about_what_is_not_listed_any_more_are_found_by_their_symbol(desk: Desk, ask: Ask) -> None:
    expired = "ALFA260220C00360000"
    await Journal(desk.store, desk.clock).add(ClientName("claude"), "paper", "it ran out", expired)
    assert code(await ask("resolve_option", underlying="ALFA", expiry="2026-02-20", right="call", strike=360))
    told = (await ask("get_journal", symbol=f" {expired.lower()} ")).structured
    assert [note["text"] for note in told["notes"]] == ["it ran out"]
    hostile = await ask("get_journal", symbol="\x1b[31mALFA")
    assert hostile.structured["notes"] == []
    (recorded,) = await desk.store.audit_tail(1)
    assert recorded.tool == "get_journal"
    assert is_harmless(recorded.symbol)


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
