"""Races over real HTTP: one winner or none, and after a kill or a revocation nothing of what was under way is usable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pytest

from cockpit.model.identity import Caller, ClientName, Scope, Via
from oauth.authority import Made, Terms
from tests.oauth.house import READS, Answer, House, code_of, tokens_of
from tests.oauth.test_keys import make

HALF_AN_HOUR: Final = timedelta(minutes=30)
NEW: Final = ClientName("new")
TRADE: Final = frozenset({Scope.WRITE_ORDERS})
RESEARCH: Final = frozenset({Scope.READ_RESEARCH})


@dataclass
class Scene:
    """A house in which anything may be under way."""

    house: House
    client_id: str
    access: str
    refresh: str
    code: str
    coded: str
    """The client of the code."""
    page: Answer
    """Of a browser that waits."""
    asking: str
    key: str
    asleep: str
    """A key that a kill suspended before."""
    service: Made
    minted: Made

    @property
    def grant_id(self) -> Any:
        caller = self.house.check(self.access)
        assert isinstance(caller, Caller)
        return caller.grant.grant_id

    @property
    def bearers(self) -> list[str]:
        return [self.access, self.key, self.asleep, self.minted.secret]


@pytest.fixture
async def scene(house: House) -> Scene:
    asleep, _ = await make(house, "asleep")
    house.authority.kill_now()
    await house.authority.kill_durably("operator")
    house.authority.reopen()
    client_id, tokens = await house.connect("Claude")
    coded = (await house.register())["client_id"]
    code = await house.code(coded, "Coded")
    asking = (await house.register())["client_id"]
    page = await house.authorize(asking)
    key, _ = await make(house)
    service = await house.authority.create_service(Terms(ClientName("service"), READS, "paper", None), "socket")
    minted = await house.authority.mint_token(Terms(ClientName("robot"), READS, "paper", None), "socket")
    assert isinstance(service, Made)
    assert isinstance(minted, Made)
    return Scene(
        house, client_id, tokens.access, tokens.refresh, code, coded, page, asking, key, asleep, service, minted
    )


async def approve(scene: Scene) -> object:
    authority = scene.house.authority
    waiting = authority.by_code(code_of(scene.page))
    assert waiting is not None
    return await authority.approve(waiting.request_id, NEW, READS, "paper", None, "operator")


async def serve(scene: Scene) -> Answer:
    return await scene.house.token(
        grant_type="client_credentials", client_id=scene.service.grant.client_id, client_secret=scene.service.secret
    )


UNDER_WAY: Final[dict[str, Callable[[Scene], Awaitable[object]]]] = {
    "redeem a code": lambda at: at.house.redeem(at.coded, at.code),
    "refresh": lambda at: at.house.refresh(at.client_id, at.refresh),
    "client credentials": serve,
    "register": lambda at: at.house.ask("POST", "/oauth/register", json={"redirect_uris": ["https://a.example/cb"]}),
    "authorize": lambda at: at.house.authorize(at.asking),
    "approve": approve,
    "create a key": lambda at: at.house.authority.create_key(NEW, READS, "paper", None, "socket"),
    "enable a key": lambda at: at.house.authority.enable_key(ClientName("asleep"), "socket"),
    "mint": lambda at: at.house.authority.mint_token(Terms(NEW, READS, "paper", None), "socket"),
    "create a service": lambda at: at.house.authority.create_service(Terms(NEW, READS, "paper", None), "socket"),
    "widen": lambda at: at.house.authority.set_scopes(
        at.grant_id, frozenset({Scope.WRITE_ORDERS}), frozenset(), "socket"
    ),
    "lengthen": lambda at: at.house.authority.set_expiry(at.grant_id, timedelta(days=30), "socket", longer=True),
    "route": lambda at: at.house.authority.set_connection(at.grant_id, "live", "socket"),
    "rotate": lambda at: at.house.authority.rotate_keys("socket"),
}


def secrets_of(answer: object) -> list[str]:
    """Whatever an answer brought that could be presented."""
    if isinstance(answer, Answer):
        return [str((answer.json or {}).get("access_token", ""))] if answer.status == 200 else []
    if isinstance(answer, Made):
        return [answer.secret]
    return [str(answer[0])] if isinstance(answer, tuple) else []


async def nothing_is_usable(scene: Scene, answer: object) -> None:
    house = scene.house
    assert [one for one in [*scene.bearers, *secrets_of(answer)] if house.lives(one)] == []
    if isinstance(answer, Answer) and answer.status == 200 and "refresh_token" in (answer.json or {}):
        for client_id in (scene.client_id, scene.coded):
            assert (await house.refresh(client_id, answer.json["refresh_token"])).status >= 400
    assert (await house.refresh(scene.client_id, scene.refresh)).status >= 400
    assert (await house.redeem(scene.coded, scene.code)).status >= 400
    assert (await serve(scene)).status >= 400
    assert {grant.via for grant in house.authority.grants()} <= {Via.KEY}
    assert all(grant.suspended for grant in house.authority.grants())
    rows = await house.store.rows("SELECT via, suspended FROM oauth_grants WHERE ended_at IS NULL")
    assert {(row["via"], row["suspended"]) for row in rows} <= {("key", 1)}
    for table in ("oauth_refresh", "oauth_codes"):
        assert await house.store.rows(f"SELECT 1 FROM {table}") == []


@pytest.mark.parametrize("doing", UNDER_WAY)
async def test_a_kill_while_it_is_being_written_leaves_nothing_usable(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, doing: str
) -> None:
    house, commit, begun, go_on = scene.house, scene.house.store.commit, asyncio.Event(), asyncio.Event()

    async def slow(*given: Any) -> tuple[int, ...]:
        begun.set()
        await go_on.wait()
        return await commit(*given)

    monkeypatch.setattr(house.store, "commit", slow)
    under_way = asyncio.ensure_future(UNDER_WAY[doing](scene))
    # Whatever writes nothing ends at once.
    await asyncio.wait([under_way, asyncio.ensure_future(begun.wait())], return_when=asyncio.FIRST_COMPLETED)
    house.authority.kill_now()
    go_on.set()
    answer = await under_way
    monkeypatch.undo()
    await house.authority.kill_durably("operator")
    house.authority.reopen()
    await nothing_is_usable(scene, answer)


@pytest.mark.parametrize("doing", UNDER_WAY)
async def test_a_kill_before_its_turn_comes_leaves_nothing_usable(scene: Scene, doing: str) -> None:
    house, state = scene.house, scene.house.authority._state
    async with state.lock:
        under_way = asyncio.ensure_future(UNDER_WAY[doing](scene))
        while not under_way.done() and not state.lock._waiters:  # pyright: ignore[reportAttributeAccessIssue]
            await asyncio.sleep(0)
        house.authority.kill_now()
    answer = await under_way
    await house.authority.kill_durably("operator")
    house.authority.reopen()
    await nothing_is_usable(scene, answer)


async def test_a_kill_among_everything_at_once_leaves_nothing_usable(scene: Scene) -> None:
    house = scene.house
    under_way = [asyncio.ensure_future(one(scene)) for _ in range(3) for one in UNDER_WAY.values()]
    while sum(one.done() for one in under_way) < 5:
        await asyncio.sleep(0)
    house.authority.kill_now()
    answers = await asyncio.gather(*under_way, return_exceptions=True)
    await house.authority.kill_durably("operator")
    house.authority.reopen()
    for answer in answers:
        assert not isinstance(answer, BaseException), answer
        await nothing_is_usable(scene, answer)


@pytest.mark.parametrize("exchange", ["redeem a code", "refresh"])
@pytest.mark.parametrize("revoked_first", [True, False])
async def test_a_revocation_against_an_exchange_leaves_nothing_usable(
    scene: Scene, exchange: str, revoked_first: bool
) -> None:
    house, client = scene.house, {"redeem a code": "Coded", "refresh": "Claude"}[exchange]
    both = [house.authority.revoke_client(client, "operator"), UNDER_WAY[exchange](scene)]
    ended, answer = await asyncio.gather(*(both if revoked_first else both[::-1]))
    answer = answer if revoked_first else ended
    assert isinstance(answer, Answer)
    assert [one for one in secrets_of(answer) if house.lives(one)] == []
    if answer.status == 200:
        client_id = scene.coded if client == "Coded" else scene.client_id
        assert (await house.refresh(client_id, answer.json["refresh_token"])).status >= 400
    assert client not in {grant.client for grant in house.authority.grants()}
    assert [row["client"] for row in await house.store.rows(_OPEN, (client,))] == []


_OPEN: Final = "SELECT client FROM oauth_grants WHERE ended_at IS NULL AND client = ?"


async def test_of_fifty_refreshes_at_once_ten_succeed_and_one_lineage_goes_on(scene: Scene) -> None:
    house = scene.house
    answers = await asyncio.gather(*(house.refresh(scene.client_id, scene.refresh) for _ in range(50)))
    won = [tokens_of(answer) for answer in answers if answer.status == 200]
    assert len(won) == 10
    assert len({one.refresh for one in won}) == 10
    again = await asyncio.gather(*(house.refresh(scene.client_id, one.refresh) for one in won))
    assert [answer.status for answer in again].count(200) == 1
    assert house.lives(scene.access), "nobody was logged out by that"


async def test_a_thief_and_his_victim_who_refresh_at_once_are_not_both_in_afterwards(scene: Scene) -> None:
    house, held = scene.house, {"thief": scene.refresh, "victim": scene.refresh}
    for _ in range(4):
        answers = await asyncio.gather(*(house.refresh(scene.client_id, token) for token in held.values()))
        held = {
            who: tokens_of(answer).refresh if answer.status == 200 else held[who]
            for who, answer in zip(held, answers, strict=True)
        }
        house.clock.go(61)
    assert not house.lives(scene.access), "the copy was noticed and the grant has ended"


async def test_a_client_that_is_approved_twice_at_once_gets_one_grant(scene: Scene) -> None:
    answers = await asyncio.gather(*(approve(scene) for _ in range(10)))
    assert sum(not hasattr(answer, "code") for answer in answers) == 1
    assert sum(grant.client == NEW for grant in scene.house.authority.grants()) == 1


async def test_rotations_at_once_end_with_two_keys_and_every_client_goes_on(scene: Scene) -> None:
    house = scene.house
    await asyncio.gather(
        *(house.authority.rotate_keys("operator") for _ in range(3)),
        *(house.refresh(scene.client_id, scene.refresh) for _ in range(5)),
    )
    assert len((await house.get("/oauth/jwks.json")).json["keys"]) == 2
    fresh = tokens_of(await house.refresh(scene.client_id, scene.refresh))
    assert house.lives(fresh.access)


NARROWING: Final[dict[str, Callable[[Scene], Awaitable[object]]]] = {
    "drop": lambda at: at.house.authority.set_scopes(at.grant_id, frozenset(), TRADE, "screen"),
    "bound": lambda at: at.house.authority.set_scopes(at.grant_id, TRADE, frozenset(), "screen", HALF_AN_HOUR),
}
WIDENING: Final[dict[str, Callable[[Scene], Awaitable[object]]]] = {
    "add": lambda at: at.house.authority.set_scopes(at.grant_id, RESEARCH, frozenset(), "socket"),
    "add for a time": lambda at: at.house.authority.set_scopes(
        at.grant_id, RESEARCH, frozenset(), "socket", timedelta(days=1)
    ),
    "lengthen": UNDER_WAY["lengthen"],
    "refresh": UNDER_WAY["refresh"],
    "route": lambda at: at.house.authority.set_connection(at.grant_id, "paper", "socket"),
}


@pytest.mark.parametrize("narrowing", NARROWING)
@pytest.mark.parametrize("widening", WIDENING)
@pytest.mark.parametrize("narrowed_first", [True, False])
async def test_a_narrowing_against_a_widening_in_one_queue_stays_in_force(
    scene: Scene, narrowing: str, widening: str, narrowed_first: bool
) -> None:
    house = scene.house
    await house.authority.set_scopes(scene.grant_id, TRADE, frozenset(), "screen")
    both = [NARROWING[narrowing], WIDENING[widening]]
    async with house.authority._state.lock:
        queued = []
        for doing in both if narrowed_first else both[::-1]:
            queued.append(asyncio.ensure_future(doing(scene)))
            await waits_for_the_lock(scene, len(queued))
    await asyncio.gather(*queued)
    house.clock.go(1800)
    caller = house.check(scene.access)
    assert isinstance(caller, Caller)
    assert not caller.grant.scopes & TRADE
    assert bool(caller.grant.scopes & RESEARCH) is widening.startswith("add")


async def test_a_scope_whose_time_ends_while_another_is_queued_is_not_made_permanent(scene: Scene) -> None:
    house = scene.house
    await house.authority.set_scopes(scene.grant_id, TRADE, frozenset(), "screen", HALF_AN_HOUR)
    house.clock.go(1799.9)
    async with house.authority._state.lock:
        adding = asyncio.ensure_future(WIDENING["add"](scene))
        await waits_for_the_lock(scene, 1)
        house.clock.go(0.2)
    await adding
    caller = house.check(scene.access)
    assert isinstance(caller, Caller)
    assert not caller.grant.scopes & TRADE


async def waits_for_the_lock(scene: Scene, count: int) -> None:
    waiters = scene.house.authority._state.lock
    while len(waiters._waiters or ()) < count:  # pyright: ignore[reportAttributeAccessIssue]
        await asyncio.sleep(0)
