"""Authorization codes and the token endpoint under attack."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from cockpit.model.events import GrantEnded
from tests.oauth.house import REDIRECT, House, query_of, tokens_of, wait_of


async def test_a_second_valid_use_of_a_code_ends_the_grant_at_once(house: House) -> None:
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id)
    tokens = tokens_of(await house.redeem(client_id, code))
    again = await house.redeem(client_id, code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert not house.lives(tokens.access)
    assert (await house.refresh(client_id, tokens.refresh)).json["error"] == "invalid_grant"
    assert isinstance(house.events[-1], GrantEnded)
    assert "CODE_REPLAY" in [record.code for record in await house.store.audit_tail(5)]


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "w" * 50},
        {"code_verifier": "v" * 42},
        {"code_verifier": "v" * 129},
        {"code_verifier": None},
        {"redirect_uri": "https://client.example/other"},
        {"redirect_uri": None},
    ],
)
async def test_a_thief_without_the_proof_neither_gets_a_token_nor_harms_the_owner(
    house: House, changed: dict[str, Any]
) -> None:
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id)
    assert (await house.redeem(client_id, code, **changed)).status == 400
    tokens = tokens_of(await house.redeem(client_id, code))
    assert (await house.redeem(client_id, code, **changed)).status == 400
    assert house.lives(tokens.access), "an invalid replay ends nothing"


async def test_of_fifty_parallel_redemptions_exactly_one_wins(house: House) -> None:
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id)
    answers = await asyncio.gather(*(house.redeem(client_id, code) for _ in range(50)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 49
    winner = next(answer for answer in answers if answer.status == 200)
    assert not house.lives(tokens_of(winner).access), "the 49 others are replays"


async def test_a_code_is_good_for_its_own_client_alone(house: House) -> None:
    owner = (await house.register())["client_id"]
    other, _ = await house.connect("Other")
    code = await house.code(owner)
    assert (await house.redeem(other, code)).json["error"] == "invalid_grant"
    assert (await house.redeem(owner, code)).status == 200


async def test_a_code_expires(house: House) -> None:
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id)
    house.clock.go(61)
    assert (await house.redeem(client_id, code)).json["error"] == "invalid_grant"


async def test_a_request_cannot_pair_its_own_code_with_the_refresh_token_of_another(house: House) -> None:
    _, victim = await house.connect("Victim")
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id, "Attacker")
    tokens = tokens_of(await house.redeem(client_id, code, refresh_token=victim.refresh))
    caller: Any = house.check(tokens.access)
    assert caller.grant.client == "Attacker"
    attack = await house.refresh(client_id, victim.refresh, code=code)
    assert attack.json["error"] == "invalid_grant"
    assert house.lives(victim.access)


async def test_a_grant_that_nobody_collects_ends_by_itself(house: House) -> None:
    client_id = (await house.register())["client_id"]
    await house.code(client_id)
    assert len(house.authority.grants()) == 1
    house.clock.go(361)
    await house.authority.sweep()
    assert house.authority.grants() == ()


async def test_a_collected_grant_outlives_the_time_to_collect_it(house: House) -> None:
    _, tokens = await house.connect()
    house.clock.go(400)
    await house.authority.sweep()
    assert house.lives(tokens.access)


@pytest.mark.parametrize("grant_type", ["password", "implicit", "", None])
async def test_other_grant_types_are_not_supported(house: House, grant_type: str | None) -> None:
    client_id, _ = await house.connect()
    form = {"client_id": client_id} | ({} if grant_type is None else {"grant_type": grant_type})
    answer = await house.token(**form)
    assert (answer.status, answer.json["error"]) == (400, "unsupported_grant_type")


async def test_a_client_that_was_never_let_in_is_unauthorized_and_an_unknown_one_invalid(house: House) -> None:
    new = (await house.register())["client_id"]
    assert (await house.redeem(new, "x")).json["error"] == "unauthorized_client"
    assert (await house.redeem("c-nobody", "x")).json["error"] == "invalid_client"


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
async def test_a_confidential_client_needs_its_secret_in_its_own_way(house: House, method: str) -> None:
    registered = await house.register(token_endpoint_auth_method=method)
    client_id, secret = registered["client_id"], registered["client_secret"]
    code = await house.code(client_id)
    basic = {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}
    wrong = {"Authorization": "Basic " + base64.b64encode(f"{client_id}:no".encode()).decode()}
    in_body = {"client_secret": secret}
    right, other = (in_body, {"headers": basic}) if method == "client_secret_post" else ({"headers": basic}, in_body)
    for attempt in ({}, other, {"headers": wrong}, {"client_secret": "no"}):
        assert (await house.redeem(client_id, code, **attempt)).json["error"] == "invalid_client", attempt
    assert (await house.redeem(client_id, code, headers=basic, client_secret=secret)).json["error"] == "invalid_request"
    assert (await house.redeem(client_id, code, **right)).status == 200


@pytest.mark.parametrize(
    "header", ["Basic /////w==", "Basic", "Basic ===", "Basic " + "A" * 4000, "Basic YTpiOmM6\tZA=="]
)
async def test_malformed_basic_credentials_are_a_bad_request(house: House, header: str) -> None:
    answer = await house.token(grant_type="authorization_code", headers={"Authorization": header})
    assert answer.status in {400, 401}
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"grant_type": "authorization_code"}', "application/json"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"grant_type=a%", "application/x-www-form-urlencoded"),
        (b"\xff=\xff", "application/x-www-form-urlencoded"),
        (b"code=%22%5c%00", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(40)), "application/x-www-form-urlencoded"),
        (b"grant_type=refresh_token&grant_type=refresh_token", "application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_that_is_no_clean_form_is_a_bad_request(house: House, body: bytes, kind: str) -> None:
    answer = await house.ask("POST", "/oauth/token", data=body, headers={"Content-Type": kind})
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_a_large_body_is_refused(house: House) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/register"):
        assert (await house.ask("POST", path, data=b"a=" + b"b" * 70_000, headers=headers)).status == 413


async def test_credentials_in_the_query_are_not_read_and_other_methods_are_named(house: House) -> None:
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id)
    query = f"grant_type=authorization_code&client_id={client_id}&code={code}&code_verifier={'v' * 50}"
    assert (await house.ask("POST", f"/oauth/token?{query}&redirect_uri={REDIRECT}")).status == 400
    answer = await house.get(f"/oauth/token?{query}")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    allowed = (await house.ask("DELETE", "/oauth/authorize")).headers["Allow"]
    assert set(allowed.split(",")) == {"GET", "HEAD"}


@pytest.mark.parametrize("resource", ["https://evil.example/mcp", "http://127.0.0.1/mcp", "x"])
async def test_a_foreign_resource_is_an_invalid_target_and_nothing_is_spent(house: House, resource: str) -> None:
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id)
    assert (await house.redeem(client_id, code, resource=resource)).json["error"] == "invalid_target"
    tokens = tokens_of(await house.redeem(client_id, code, resource=house.config.resource))
    assert (await house.refresh(client_id, tokens.refresh, resource=resource)).json["error"] == "invalid_target"
    assert (await house.refresh(client_id, tokens.refresh, resource=house.config.issuer + "/")).status == 200


async def test_a_grant_revoked_between_approval_and_the_next_poll_gives_no_code(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    await house.approve(page)
    await house.authority.revoke_client("Tester", "operator")
    gone = await house.get(wait_of(page))
    assert gone.status == 410
    assert "Location" not in gone.headers


async def test_the_answer_of_the_token_endpoint_is_what_picky_clients_want(house: House) -> None:
    client_id = (await house.register())["client_id"]
    answer = await house.redeem(client_id, await house.code(client_id))
    assert answer.json["token_type"] == "Bearer"
    assert type(answer.json["expires_in"]) is int
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"
    assert None not in answer.json.values()


async def test_a_token_never_outlives_its_grant(house: House) -> None:
    client_id = (await house.register())["client_id"]
    page = await house.authorize(client_id)
    from datetime import timedelta

    await house.approve(page, lives=timedelta(minutes=10))
    tokens = tokens_of(await house.redeem(client_id, query_of(await house.get(wait_of(page)))["code"]))
    assert tokens.expires_in == 600
    house.clock.go(600)
    assert not house.lives(tokens.access)
    assert (await house.refresh(client_id, tokens.refresh)).json["error"] == "invalid_grant"


async def test_a_client_that_hangs_up_does_not_tear_its_redemption(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_id = (await house.register())["client_id"]
    code = await house.code(client_id)
    commit, begun, go_on, done = house.store.commit, asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(*given: Any) -> tuple[int, ...]:
        begun.set()
        await go_on.wait()
        numbers = await commit(*given)
        done.set()
        return numbers

    monkeypatch.setattr(house.store, "commit", slow)
    redeeming = asyncio.create_task(house.redeem(client_id, code))
    await begun.wait()
    redeeming.cancel()
    await asyncio.gather(redeeming, return_exceptions=True)
    await house.get("/oauth/jwks.json")
    go_on.set()
    await asyncio.wait_for(done.wait(), 5)
    assert len(await house.store.rows("SELECT 1 FROM oauth_refresh")) == 1
