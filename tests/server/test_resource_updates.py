"""Who is told that a resource has changed, how often, and until when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cockpit.model.identity import Caller, GrantId, Scope
from server.resource_updates import MOST_ASKED, ResourceUpdates
from tests.desk.conftest import desk as desk
from tests.desk.desks import Desk, market, place

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
