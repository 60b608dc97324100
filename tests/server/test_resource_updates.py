"""Who is told that a resource has changed, how often, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cockpit.model.identity import Caller, GrantId, Scope
from cockpit.model.instruments import Instrument
from cockpit.model.quotes import Quote
from cockpit.model.refusals import Refusal
from server import resource_updates
from server.resource_host import DeskResources
from server.resource_updates import MOST_ASKED, ResourceUpdates
from tests.desk.conftest import desk as desk
from tests.desk.desks import Desk, market, place
from tests.tools.conftest import rooms_of

PORTFOLIO, ORDERS, ALFA = "cockpit://portfolio", "cockpit://orders", "cockpit://quotes/ALFA"


@dataclass
class Watchers:
    by_grant: dict[GrantId, set[str]] = field(default_factory=dict)
    told: list[tuple[GrantId, str]] = field(default_factory=list)

    def watched(self) -> dict[GrantId, set[str]]:
        return {grant_id: set(uris) for grant_id, uris in self.by_grant.items()}

    def stop_watching(self, grant_id: GrantId, uris: Collection[str]) -> None:
        self.by_grant[grant_id].difference_update(uris)

    def resource_updated(self, grant_id: GrantId, uri: str) -> None:
        self.told.append((grant_id, uri))

    def take(self) -> list[tuple[GrantId, str]]:
        told, self.told = self.told, []
        return sorted(told)


@pytest.fixture
def streams() -> Watchers:
    return Watchers()


@pytest.fixture
def updates(desk: Desk, streams: Watchers) -> ResourceUpdates:
    return ResourceUpdates(streams, desk.grants.live, desk.connections, desk.book, lambda grant: grant.connection)


@pytest.fixture
def claude(desk: Desk, streams: Watchers) -> Caller:
    caller = desk.grants.give("claude")
    streams.by_grant[caller.grant.grant_id] = {PORTFOLIO, ORDERS, ALFA}
    return caller


async def test_a_change_is_told_once_and_what_stays_is_not(
    desk: Desk, streams: Watchers, updates: ResourceUpdates, claude: Caller
) -> None:
    mine = claude.grant.grant_id
    await updates.look()
    assert streams.take() == [(mine, ORDERS), (mine, PORTFOLIO), (mine, ALFA)]
    await updates.look()
    assert streams.take() == []
    order = await place(desk, claude, market())
    await desk.orders.cancel(desk.admitted(claude), order.order_id)
    await updates.look()
    assert streams.take() == [(mine, ORDERS)]
    desk.clock.pass_time(600)
    await updates.look()
    assert streams.take() == [(mine, ALFA)]


async def test_only_who_watches_is_told(
    desk: Desk, streams: Watchers, updates: ResourceUpdates, claude: Caller
) -> None:
    cursor = desk.grants.give("cursor").grant.grant_id
    streams.by_grant[cursor] = {ORDERS}
    await updates.look()
    streams.take()
    desk.clock.pass_time(600)
    await updates.look()
    assert streams.take() == [(claude.grant.grant_id, ALFA)]


async def test_a_narrowed_grant_stops_watching_at_once_and_an_ended_one_is_told_nothing(
    desk: Desk, streams: Watchers, updates: ResourceUpdates, claude: Caller
) -> None:
    mine = claude.grant.grant_id
    desk.grants.grants[mine] = replace(claude.grant, scopes=frozenset({Scope.READ_ORDERS, Scope.WRITE_ORDERS}))
    updates.grant_changed(mine)
    assert streams.by_grant[mine] == {ORDERS}
    await updates.look()
    assert streams.take() == [(mine, ORDERS)]
    await place(desk, claude, market())
    del desk.grants.grants[mine]
    await updates.look()
    assert streams.take() == []


async def test_a_round_looks_at_a_bounded_number_of_quotes_and_they_take_turns(
    desk: Desk, streams: Watchers, updates: ResourceUpdates, claude: Caller
) -> None:
    mine, asked = claude.grant.grant_id, list[str]()
    connection = desk.connections.need("paper")
    find = connection.broker.find

    async def counting(symbol: str) -> Any:
        asked.append(symbol)
        return await find(symbol)

    connection.broker.find = counting  # type: ignore[method-assign]
    streams.by_grant[mine] = {f"cockpit://quotes/X{number}" for number in range(MOST_ASKED + 20)}
    await updates.look()
    assert len(asked) == MOST_ASKED
    await updates.look()
    assert len(set(asked)) == MOST_ASKED + 20


def _quoting(desk: Desk, change: Callable[[Instrument], Awaitable[None]]) -> None:
    """Let ``change`` come before the broker's quotes."""
    broker = desk.connections.need("paper").broker
    real = broker.quote

    async def quote(instrument: Instrument) -> Quote | None:
        await change(instrument)
        return await real(instrument)

    broker.quote = quote  # type: ignore[method-assign]


async def test_a_resource_that_the_brokers_code_fails_on_ends_no_other_watching(
    desk: Desk, streams: Watchers, updates: ResourceUpdates, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(instrument: Instrument) -> None:
        if instrument.symbol == "ALFA":
            raise ValueError("nobody planned this")

    _quoting(desk, failing)
    mine = desk.grants.give("claude").grant.grant_id
    streams.by_grant[mine] = {ALFA, "cockpit://quotes/BRVO"}
    for _ in range(3):
        await updates.look()
    assert streams.take() == [(mine, "cockpit://quotes/BRVO")]
    assert [record.levelname for record in caplog.records if "nobody planned" in str(record.exc_info)] == ["ERROR"]


async def test_a_resource_that_is_never_answered_for_holds_up_nobody_else(
    desk: Desk, streams: Watchers, updates: ResourceUpdates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_updates, "_ANSWER_WITHIN", 0.05)

    async def hanging(instrument: Instrument) -> None:
        if instrument.symbol == "ALFA":
            await asyncio.Event().wait()

    _quoting(desk, hanging)
    mine, other = (desk.grants.give(name).grant.grant_id for name in ("claude", "cursor"))
    streams.by_grant[mine] = {ALFA, "cockpit://quotes/CHRL"}
    streams.by_grant[other] = {"cockpit://quotes/BRVO"}
    await updates.look()
    assert streams.take() == [(other, "cockpit://quotes/BRVO")]
    await updates.look()
    assert (mine, "cockpit://quotes/CHRL") in streams.take()


async def test_who_watches_little_is_looked_after_in_every_round(
    desk: Desk, streams: Watchers, updates: ResourceUpdates, claude: Caller
) -> None:
    greedy, mine = desk.grants.give("greedy").grant.grant_id, claude.grant.grant_id
    streams.by_grant[mine] = {ALFA}
    streams.by_grant[greedy] = {f"cockpit://quotes/AA{number}" for number in range(1600)}
    for _ in range(5):
        streams.take()
        desk.clock.pass_time(600)
        await updates.look()
        assert (mine, ALFA) in streams.take()


async def test_wanting_to_watch_takes_from_the_budget(desk: Desk, claude: Caller) -> None:
    resources = DeskResources(desk.gate, rooms_of(desk))
    answers = [await resources.watchable(claude, ALFA) for _ in range(1000)]
    assert answers[0] is True
    assert isinstance(answers[-1], Refusal)
    assert answers[-1].code == "RATE_LIMITED"
