from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from cockpit.brokers.paper import journal as module
from cockpit.brokers.paper.book import State
from cockpit.brokers.paper.journal import EVENTS_A_SNAPSHOT, KEPT, Applied, Journal, forgotten, opened
from cockpit.model.orders import OrderRef
from cockpit.store.database import Store
from cockpit.store.writes import WriteConflict
from tests.brokers.paper.scenes import RULES, START, Scene, buy, sell

CASH = Decimal(100_000)


@pytest.fixture
async def journal(store: Store) -> Journal:
    await opened(store, "paper", CASH, START)
    return Journal(store, "paper", RULES)


async def reloaded(store: Store, connection: str = "paper") -> State:
    return await Journal(store, connection, RULES).load()


def all_of(scene: Scene) -> list[Applied]:
    return [Applied(event, step) for event, step in scene.steps]


def busy_scene() -> Scene:
    """Return a scene with an order in every state, fills in parts, and a short position."""
    scene = Scene()
    scene.submit("part", buy("150", "20.01"))
    scene.submit("slip", sell("260"))
    scene.submit("rest", buy("10", "19.00"))
    scene.replace("rest", buy("12", "19.10"))
    scene.submit("gone", buy("10", "18.00"))
    scene.cancel("gone")
    scene.submit("never", buy("0"))
    scene.quote("19.90", "20.00", ask_size="30")
    scene.pass_time(11 * 3600)
    scene.submit("coin", buy("0.005", "1001.0", symbol="CCC"))
    scene.end_day()
    scene.submit("next", buy("5", "19.00"))
    return scene


async def test_a_new_account_has_its_opening_cash_and_keeps_it_when_settings_change(store: Store) -> None:
    assert await opened(store, "paper", CASH, START) == START
    assert await opened(store, "paper", Decimal(5), START + timedelta(days=1)) == START
    assert await reloaded(store) == State.opened(CASH)


async def test_an_account_read_again_is_the_account_that_was_written(store: Store, journal: Journal) -> None:
    scene = busy_scene()
    assert await journal.write(State.opened(CASH), all_of(scene)) == scene.state
    assert await reloaded(store) == scene.state


async def test_from_snapshot_and_events_comes_the_same_account_as_from_all_events(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS_A_SNAPSHOT", 5)
    scene, state = busy_scene(), State.opened(CASH)
    for applied in all_of(scene):
        state = await journal.write(state, [applied])
        read = await reloaded(store)
        assert read == state
        assert list(read.ended.items()) == list(state.ended.items())
        assert list(read.open) == list(state.open)
    assert state == scene.state
    (row,) = await store.rows("SELECT number FROM paper_snapshots")
    assert row["number"] == len(scene.steps) // 5 * 5


async def test_a_snapshot_forgets_old_orders_alike_in_memory_and_on_disk(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS_A_SNAPSHOT", 4)
    monkeypatch.setattr(module, "KEPT", 3)
    scene, state = Scene(), State.opened(CASH)
    for number in range(9):
        scene.submit(f"r{number}", buy("1", "18.00" if number % 3 else "20.01"))
        scene.cancel(f"r{number}")
    for event, _ in scene.steps:
        applied = Applied(event, module.apply(RULES, state, event))
        if applied.step.changed or applied.step.facts or not state.shown.keys() >= {"AAA", "BBB", "CCC"}:
            state = await journal.write(state, [applied])
            assert await reloaded(store) == state
    assert len(state.ended) < 9
    assert OrderRef("r8") in state.ended


async def test_an_order_that_memory_forgot_can_not_be_taken_twice(store: Store, journal: Journal) -> None:
    scene = Scene()
    submit = scene.submit("a", buy("1", "19.00"))
    scene.cancel("a")
    state = replace(await journal.write(State.opened(CASH), all_of(scene)), ended={})
    event = next(event for event, step in scene.steps if step is submit)
    with pytest.raises(WriteConflict):
        await journal.write(state, [Applied(event, module.apply(RULES, state, event))])
    assert await reloaded(store) == scene.state


async def test_orders_that_ended_together_are_read_in_the_order_in_which_they_ended(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS_A_SNAPSHOT", 1)
    monkeypatch.setattr(module, "KEPT", 4)
    scene = Scene()
    for reference in "fbdace":
        scene.submit(reference, buy("1", "18.00"))
    scene.pass_time(24 * 3600)
    scene.end_day()
    written = await journal.write(State.opened(CASH), all_of(scene))
    assert list(written.ended) == ["d", "a", "c", "e"]
    assert list((await reloaded(store)).ended) == ["d", "a", "c", "e"]


async def test_two_connections_have_accounts_of_their_own(store: Store, journal: Journal) -> None:
    scene = busy_scene()
    await journal.write(State.opened(CASH), all_of(scene))
    await opened(store, "other", Decimal(777), START)
    other = Journal(store, "other", RULES)
    state = await other.load()
    assert state == State.opened(Decimal(777))
    await other.write(state, all_of(busy_scene())[:3])
    assert await reloaded(store) == scene.state


async def test_a_unit_that_fails_leaves_nothing(store: Store, journal: Journal) -> None:
    scene = busy_scene()
    units = all_of(scene)
    with contextlib.suppress(WriteConflict):
        await journal.write(State.opened(CASH), [*units, units[-1]])
    assert await reloaded(store) == State.opened(CASH)


async def test_fills_are_rows_that_can_be_read_by_hand(store: Store, journal: Journal) -> None:
    scene = Scene()
    scene.submit("a", buy("150"))
    await journal.write(State.opened(CASH), all_of(scene))
    rows = await store.rows("SELECT execution_id, quantity, price, side FROM paper_executions ORDER BY number")
    assert [tuple(row) for row in rows] == [("a.1", "100", "20.01", "buy"), ("a.2", "50", "20.02", "buy")]


def test_only_the_newest_ended_orders_stay_in_memory() -> None:
    scene = Scene()
    order = scene.submit("a", buy("1")).changed[0]
    many = {OrderRef(f"r{number}"): order for number in range(KEPT + 5)}
    kept = forgotten(replace(scene.state, ended=many))
    assert list(kept.ended) == [f"r{number}" for number in range(5, KEPT + 5)]
    assert EVENTS_A_SNAPSHOT <= KEPT
