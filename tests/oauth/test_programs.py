"""Programs without a browser: minted tokens and services, what they get, and how they end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cockpit.model.identity import Caller, ClientName, Scope, Via
from oauth.authority import Made, Terms
from tests.oauth.house import READS, Answer, House, ManualClock, open_house, refusal_code
from tests.oauth.test_keys import make
from tests.oauth.test_tokens import parts_of

ROBOT = ClientName("robot")


def terms(name: str = "robot", **changed: Any) -> Terms:
    given = {"scopes": READS, "connection": "paper", "lives": timedelta(hours=2)} | changed
    return Terms(ClientName(name), **given)


async def mint(house: House, name: str = "robot", **changed: Any) -> Made:
    made = await house.authority.mint_token(terms(name, **changed), "socket")
    assert isinstance(made, Made), made
    return made


async def serve(house: House, name: str = "service", **changed: Any) -> Made:
    made = await house.authority.create_service(terms(name, **({"lives": None} | changed)), "socket")
    assert isinstance(made, Made), made
    return made


async def ask(house: House, client_id: str, secret: str, how: str = "basic", **form: Any) -> Answer:
    asked = {"grant_type": "client_credentials"} | form
    if how == "basic":
        return await house.token(**asked, headers={"Authorization": aiohttp.encode_basic_auth(client_id, secret)})
    return await house.token(**asked, client_id=client_id, client_secret=secret)


# minted tokens


async def test_a_minted_token_is_signed_lets_in_and_is_listed_with_who_made_it(house: House) -> None:
    made = await mint(house)
    caller = house.check(made.secret)
    assert isinstance(caller, Caller)
    assert caller.grant == made.grant == house.authority.grants()[0]
    assert (made.grant.via, made.grant.made_by, made.grant.host) == (Via.TOKEN, "socket", "token")
    _, claims = parts_of(made.secret)
    now = int(house.clock.now().timestamp())
    assert (claims["sub"], claims["iat"], claims["exp"]) == ("robot", now, now + 7200)
    assert claims["scope"] == "read:market read:account"
    assert [(record.kind, record.tool) for record in await house.store.audit_tail(1)] == [("key", "made")]


async def test_a_minted_token_ends_at_its_time_and_is_not_in_the_database(house: House) -> None:
    made = await mint(house)
    house.clock.go(7199)
    assert house.lives(made.secret)
    house.clock.go(1)
    assert not house.lives(made.secret)
    await house.store.flush()
    stored = b"".join(path.read_bytes() for path in Path(house.store.folder).rglob("*") if path.is_file())
    assert made.secret.encode() not in stored


async def test_a_minted_token_survives_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        made = await mint(house)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert house.lives(made.secret)
        assert house.authority.grants() == (made.grant,)


async def test_a_minted_token_lives_no_longer_than_settings_allow(house: House) -> None:
    beyond = await house.authority.mint_token(terms(lives=timedelta(days=30, seconds=1)), "socket")
    assert refusal_code(beyond) == "LIFE_BOUNDED"
    made = await mint(house, lives=None)
    assert made.grant.expires_at == house.clock.now() + timedelta(days=30)


async def test_the_end_of_a_minted_token_can_come_sooner_but_not_later(house: House) -> None:
    made = await mint(house)
    later = await house.authority.set_expiry(made.grant.grant_id, timedelta(hours=3), "socket", longer=True)
    assert refusal_code(later) == "LIFE_BOUNDED"
    await house.authority.set_expiry(made.grant.grant_id, timedelta(hours=1), "socket")
    house.clock.go(3600)
    assert not house.lives(made.secret)


async def test_a_second_token_of_one_name_is_minted_before_the_first_ends_and_both_are_revoked_by_it(
    house: House,
) -> None:
    first, second = await mint(house), await mint(house)
    assert house.lives(first.secret)
    assert house.lives(second.secret)
    key = await house.authority.create_key(ROBOT, READS, "paper", None, "socket")
    assert refusal_code(key) == "NAME_TAKEN"
    assert len(await house.authority.revoke_client("robot", "socket")) == 2  # type: ignore[arg-type]
    assert not house.lives(first.secret)
    assert not house.lives(second.secret)


async def test_what_is_beyond_the_settings_is_not_minted(house: House) -> None:
    await house.connect("Claude")
    for wrong, code in (
        (terms("Claude"), "NAME_TAKEN"),
        (terms("../x"), "NAME_BAD"),
        (terms("Operator."), "NAME_BAD"),
        (terms(connection="nowhere"), "CONNECTION_UNKNOWN"),
        (terms(connection="live", scopes=frozenset({Scope.WRITE_ORDERS})), "SCOPE_NOT_ALLOWED"),
    ):
        assert refusal_code(await house.authority.mint_token(wrong, "socket")) == code
        assert refusal_code(await house.authority.create_service(wrong, "socket")) == code


# services


@pytest.mark.parametrize("how", ["basic", "post"])
async def test_a_service_gets_a_token_for_its_secret_and_no_refresh_token(house: House, how: str) -> None:
    made = await serve(house)
    answer = await ask(house, made.grant.client_id, made.secret, how)
    assert answer.status == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json["expires_in"] == 3600
    caller = house.check(answer.json["access_token"])
    assert isinstance(caller, Caller)
    assert (caller.grant.client, caller.grant.via) == ("service", Via.SERVICE)
    _, claims = parts_of(answer.json["access_token"])
    assert claims["sub"] == f"svc:{made.grant.client_id}"
    house.clock.go(3600)
    assert not house.lives(answer.json["access_token"])


async def test_the_token_of_a_service_lives_as_long_as_settings_say_and_no_longer_than_the_service(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path / "data", service_seconds=600) as house:
        made = await serve(house, lives=timedelta(seconds=900))
        assert (await ask(house, made.grant.client_id, made.secret)).json["expires_in"] == 600
        house.clock.go(800)
        last = (await ask(house, made.grant.client_id, made.secret)).json
        assert last["expires_in"] == 100
        house.clock.go(100)
        assert not house.lives(last["access_token"])
        assert (await ask(house, made.grant.client_id, made.secret)).status == 400


async def test_a_service_lives_on_over_a_restart_and_its_secret_is_kept_as_a_digest(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        made = await serve(house)
        token = (await ask(house, made.grant.client_id, made.secret)).json["access_token"]
        await house.store.flush()
        stored = b"".join(path.read_bytes() for path in Path(house.store.folder).rglob("*") if path.is_file())
        assert made.secret.encode() not in stored
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert house.lives(token)
        assert (await ask(house, made.grant.client_id, made.secret)).status == 200


async def test_a_service_that_asks_for_less_gets_less_and_never_more(house: House) -> None:
    made = await serve(house)
    less = await ask(house, made.grant.client_id, made.secret, scope="read:market write:orders")
    assert less.json["scope"] == "read:market"
    caller: Any = house.check(less.json["access_token"])
    assert caller.narrowed == frozenset({Scope.READ_MARKET})
    nothing = await ask(house, made.grant.client_id, made.secret, scope="write:orders")
    assert (nothing.status, nothing.json["error"]) == (400, "invalid_scope")
    foreign = await ask(house, made.grant.client_id, made.secret, resource="https://evil.example/mcp")
    assert foreign.json["error"] == "invalid_target"


async def test_without_its_secret_nobody_is_a_service(house: House) -> None:
    made = await serve(house)
    for answer in (
        await ask(house, made.grant.client_id, made.secret + "x"),
        await ask(house, made.grant.client_id, "", "post"),
        await house.token(grant_type="client_credentials", client_id=made.grant.client_id),
        await ask(house, "s-nobody", made.secret),
    ):
        assert (answer.status, answer.json["error"]) in {(401, "invalid_client"), (400, "invalid_client")}


async def test_t39_a_client_that_registered_itself_is_no_service(house: House) -> None:
    registered = await house.register(token_endpoint_auth_method="client_secret_basic")
    client_id, secret = registered["client_id"], registered["client_secret"]
    answer = await ask(house, client_id, secret)
    assert (answer.status, answer.json["error"]) == (400, "unauthorized_client")
    await house.redeem(client_id, await house.code(client_id), client_secret=secret)
    assert (await ask(house, client_id, secret)).json["error"] == "unauthorized_client", "nor once it was let in"
    public, _ = await house.connect("Other")
    answer = await house.token(grant_type="client_credentials", client_id=public)
    assert answer.json["error"] in {"invalid_client", "unauthorized_client"}


async def test_a_service_has_no_way_through_a_browser(house: House) -> None:
    made = await serve(house)
    for redirect in ("https://client.example/callback", "", None):
        page = await house.authorize(made.grant.client_id, redirect_uri=redirect)
        assert (page.status, "Location" in page.headers) == (400, False)
    assert house.authority.waiting() == ()


async def test_a_revoked_service_gets_nothing_and_its_tokens_are_dead(house: House) -> None:
    made = await serve(house)
    token = (await ask(house, made.grant.client_id, made.secret)).json["access_token"]
    assert isinstance(await house.authority.revoke_client("service", "socket"), tuple)
    assert not house.lives(token)
    assert (await ask(house, made.grant.client_id, made.secret)).json["error"] == "invalid_client"


async def test_a_kill_ends_minted_tokens_and_services_for_good_and_only_suspends_keys(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        minted, service = await mint(house), await serve(house)
        token = (await ask(house, service.grant.client_id, service.secret)).json["access_token"]
        await make(house)
        assert len(house.authority.kill_now()) == 3
        assert not house.lives(minted.secret)
        assert not house.lives(token)
        assert (await ask(house, service.grant.client_id, service.secret)).status >= 400
        for refused in (
            await house.authority.mint_token(terms("new"), "socket"),
            await house.authority.create_service(terms("new"), "socket"),
        ):
            assert refusal_code(refused) == "KILL_SWITCH"
        await house.authority.kill_durably("operator")
        house.authority.reopen()
        assert not house.lives(minted.secret)
        assert not house.lives(token)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert [grant.via for grant in house.authority.grants()] == [Via.KEY]
        assert not house.lives(minted.secret)
        assert (await ask(house, service.grant.client_id, service.secret)).json["error"] == "invalid_client"


async def test_each_use_is_remembered_with_its_address_over_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        made, (key, grant) = await mint(house), await make(house)
        house.authority.check(f"Bearer {made.secret}", "203.0.113.7")
        clock.go(5)
        house.authority.check(f"Bearer {key}", "198.51.100.9")
        assert house.authority.last_address(made.grant.grant_id) == "203.0.113.7"
    async with open_house(tmp_path / "data", clock) as house:
        assert house.authority.last_address(made.grant.grant_id) == "203.0.113.7"
        assert house.authority.last_address(grant.grant_id) == "198.51.100.9"
        assert house.authority.touched(grant.grant_id) == clock.now()
        assert key.startswith(grant.hint)
        assert len(grant.hint) == 8
