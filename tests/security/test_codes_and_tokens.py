"""Codes and the token endpoint: stolen, replayed, malformed and raced."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cockpit.model.events import GrantEnded
from cockpit.model.identity import Scope
from oauth.refresh import MOST_CHILDREN
from tests.e2e import hosts
from tests.oauth.outside import REDIRECT, VERIFIER, ManualClock, tokens_of
from tests.security.dying import COMMAND as DYING
from tests.security.dying import FLAG
from tests.security.far_host import FarHost
from tests.security.site import READS, Site, open_site

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


async def test_T29_a_code_used_twice_ends_everything_that_came_of_it(site: Site) -> None:
    """A second request redeems a code, and it too has the right verifier."""
    client_id = (await site.register())["client_id"]
    code = await site.code(client_id)
    tokens = tokens_of(await site.redeem(client_id, code))
    assert await site.lives(tokens.access)
    again = await site.redeem(client_id, code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert not await site.lives(tokens.access)
    assert (await site.refresh(client_id, tokens.refresh)).json["error"] == "invalid_grant"
    assert "CODE_REPLAY" in await site.codes_in_audit()


async def test_T29_a_replay_long_after_the_minute_ends_everything_too(site: Site) -> None:
    """A second request redeems a used code with the right verifier, half an hour after it came."""
    client_id = (await site.register())["client_id"]
    code = await site.code(client_id)
    tokens = tokens_of(await site.redeem(client_id, code))
    site.clock.go(1800)
    assert await site.lives(tokens.access)
    assert (await site.redeem(client_id, code)).json["error"] == "invalid_grant"
    assert not await site.lives(tokens.access)


async def test_T29_a_replay_without_the_proof_harms_nobody(site: Site) -> None:
    """A thief redeems a used code without its verifier, to throw its owner out."""
    client_id = (await site.register())["client_id"]
    code = await site.code(client_id)
    tokens = tokens_of(await site.redeem(client_id, code))
    assert (await site.redeem(client_id, code, code_verifier="w" * 50)).status == 400
    assert await site.lives(tokens.access)


async def test_T30_of_fifty_parallel_redemptions_one_wins(site: Site) -> None:
    """Fifty requests redeem one code at the same time."""
    client_id = (await site.register())["client_id"]
    code = await site.code(client_id)
    answers = await asyncio.gather(*(site.redeem(client_id, code) for _ in range(50)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 49
    (won,) = (answer for answer in answers if answer.status == 200)
    assert not await site.lives(tokens_of(won).access), "the others are replays of a valid code"


async def test_T32_a_code_is_good_for_its_client_and_its_redirect_alone(site: Site) -> None:
    """A code is redeemed by another client, or with another redirect_uri, or with none."""
    owner = (await site.register())["client_id"]
    other, _ = await site.connect("Other")
    code = await site.code(owner)
    assert (await site.redeem(other, code)).json["error"] == "invalid_grant"
    for redirect in ("https://client.example/other", None):
        assert (await site.redeem(owner, code, redirect_uri=redirect)).json["error"] == "invalid_grant"
    assert (await site.redeem(owner, code)).status == 200


WRONG_VERIFIERS = (None, "", "w" * 50, "v" * 42, "v" * 129, "v" * 49 + "é", "v" * 49 + "\x00", "v" * 49 + " ")


async def test_T33_no_token_without_the_verifier_and_the_code_is_not_spent(site: Site) -> None:
    """The verifier is missing, wrong, too short, too long or not ASCII."""
    client_id = (await site.register())["client_id"]
    code = await site.code(client_id)
    for verifier in WRONG_VERIFIERS:
        answer = await site.redeem(client_id, code, code_verifier=verifier)
        assert (answer.status, answer.json["error"] in {"invalid_request", "invalid_grant"}) == (400, True)
    assert (await site.redeem(client_id, code)).status == 200


async def test_T34_a_code_is_dead_after_its_minute(site: Site) -> None:
    """A code is redeemed 61 seconds after it was issued."""
    client_id = (await site.register())["client_id"]
    code = await site.code(client_id)
    site.clock.go(61)
    assert (await site.redeem(client_id, code)).json["error"] == "invalid_grant"


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
async def test_T35_a_secret_is_taken_only_in_the_registered_way(site: Site, method: str) -> None:
    """A client with a secret sends none, a wrong one, the right one in the other way, or in both ways."""
    registered = await site.register(token_endpoint_auth_method=method)
    client_id, secret = registered["client_id"], registered["client_secret"]
    code = await site.code(client_id)
    in_header: dict[str, Any] = {"headers": basic(client_id, secret)}
    in_body: dict[str, Any] = {"client_secret": secret}
    right, other = (in_body, in_header) if method == "client_secret_post" else (in_header, in_body)
    for attempt in ({}, other, {"headers": basic(client_id, "no")}, {"client_secret": "no"}):
        assert (await site.redeem(client_id, code, **attempt)).json["error"] == "invalid_client", attempt
    assert (await site.redeem(client_id, code, **in_header, **in_body)).json["error"] == "invalid_request"
    assert (await site.redeem(client_id, code, **right)).status == 200


async def test_T35_a_public_client_cannot_bring_a_secret(site: Site) -> None:
    """A client that was registered without a secret sends one."""
    client_id = (await site.register())["client_id"]
    code = await site.code(client_id)
    for attempt in ({"client_secret": "x"}, {"headers": basic(client_id, "x")}):
        assert (await site.redeem(client_id, code, **attempt)).json["error"] == "invalid_client"


MALFORMED = (
    (b"grant_type=authorization_code", FORM | {"Authorization": "Basic /////w=="}),
    (b"grant_type=authorization_code", FORM | {"Authorization": "Basic ==="}),
    (b"grant_type=authorization_code", FORM | {"Authorization": "Basic YTpiOmM6\tZA=="}),
    (b"grant_type=authorization_code", FORM | {"Authorization": "Basic"}),
    (b"grant_type=authorization_code", FORM | {"Authorization": "Basic " + "A" * 4000}),
    (b'{"grant_type": "authorization_code"}', {"Content-Type": "application/json"}),
    (b"grant_type=authorization_code", {"Content-Type": "application/x-www-form-urlencoded-not"}),
    (b"grant_type=%ff", FORM),
    (b"grant_type=a%", FORM),
    (b"\xff=\xff", FORM),
    (b"code=%22%5c%00", FORM),
    (b"&".join(b"a%d=1" % number for number in range(33)), FORM),
    (b"grant_type=refresh_token&grant_type=refresh_token", FORM),
    (b"code=" + b"x" * 70_000, FORM),
)


async def test_T36_what_is_no_clean_form_is_refused_and_not_kept(site: Site) -> None:
    """Malformed Basic credentials, JSON, broken escapes, bytes that are no UTF-8, 33 fields, a body of 70 kB."""
    for path in ("/oauth/token", "/oauth/revoke"):
        for body, headers in MALFORMED:
            answer = await site.ask("POST", path, data=body, headers=headers)
            assert answer.status in {400, 401, 413}, body
            assert answer.json["error"] in {"invalid_request", "invalid_client"}
            assert answer.headers["Cache-Control"] == "no-store"


async def test_T37_credentials_in_the_address_are_not_read(site: Site) -> None:
    """A code comes in the query of a POST or of a GET, where logs and proxies keep it."""
    client_id = (await site.register())["client_id"]
    code = await site.code(client_id)
    query = f"grant_type=authorization_code&client_id={client_id}&code={code}&code_verifier={VERIFIER}"
    query += f"&redirect_uri={REDIRECT}"
    for body in (b"", b"grant_type=authorization_code"):
        assert (await site.ask("POST", f"/oauth/token?{query}", data=body, headers=FORM)).status in {400, 401}
    looked = await site.get(f"/oauth/token?{query}")
    assert (looked.status, looked.headers["Allow"]) == (405, "POST")
    assert (await site.redeem(client_id, code)).status == 200


_URN = "urn:ietf:params:oauth:grant-type:"


async def test_T38_other_grants_do_not_exist(site: Site) -> None:
    """A token is asked for by password, implicit, device code, JWT bearer or token exchange."""
    client_id, tokens = await site.connect()
    for name in ("password", "implicit", f"{_URN}device_code", f"{_URN}jwt-bearer", f"{_URN}token-exchange", ""):
        answer = await site.token(
            client_id=client_id, grant_type=name, username="a", password="b", assertion=tokens.access,
            subject_token=tokens.access, device_code="x",
        )  # fmt: skip
        assert (answer.status, answer.json["error"]) == (400, "unsupported_grant_type"), name


@pytest.mark.parametrize("method", ["none", "client_secret_post"])
async def test_T39_a_client_that_registered_itself_gets_no_token_without_its_user(site: Site, method: str) -> None:
    """A registered and approved client asks for client_credentials, which are for clients that the operator made."""
    told = await site.register(
        token_endpoint_auth_method=method, grant_types=["authorization_code", "client_credentials"]
    )
    secret = {"client_secret": told["client_secret"]} if "client_secret" in told else {}
    tokens_of(await site.redeem(told["client_id"], await site.code(told["client_id"]), **secret))
    answer = await site.token(
        grant_type="client_credentials", client_id=told["client_id"], scope="read:market", **secret
    )
    assert answer.status in {400, 401}
    assert answer.json["error"] in {"unsupported_grant_type", "unauthorized_client", "invalid_client"}
    assert "client_credentials" not in told["grant_types"]


async def test_T39_a_service_gets_tokens_for_itself_alone_and_for_an_hour_at_most(site: Site) -> None:
    """A client that the operator made for a program asks for more than it was given, and for a way to stay."""
    made = await site.done("service.create", name="nightly", scope="read:market")
    form = {"grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": made["client_secret"]}
    answer = await site.token(**form)
    assert (answer.status, answer.json["scope"], "refresh_token" in answer.json) == (200, "read:market", False)
    assert answer.json["expires_in"] <= 3600
    assert await site.lives(answer.json["access_token"])
    assert (await site.token(**form, scope="write:orders")).json["error"] == "invalid_scope"
    assert (await site.token(**(form | {"client_secret": "x"}))).json["error"] == "invalid_client"
    assert (await site.authorize(made["client_id"])).status == 400
    await site.done("service.revoke", name="nightly")
    assert (await site.token(**form)).json["error"] == "invalid_client"
    assert not await site.lives(answer.json["access_token"])


async def test_T41_a_refresh_token_from_before_ends_the_grant_and_the_operator_hears_of_it(site: Site) -> None:
    """A thief uses a copied refresh token after its owner has gone on two steps."""
    client_id, stolen = await site.connect()
    second = tokens_of(await site.refresh(client_id, stolen.refresh))
    third = tokens_of(await site.refresh(client_id, second.refresh))
    site.clock.go(61)
    site.events.clear()
    assert (await site.refresh(client_id, stolen.refresh)).json["error"] == "invalid_grant"
    assert not await site.lives(third.access)
    assert (await site.refresh(client_id, third.refresh)).json["error"] == "invalid_grant"
    assert [event.client for event in site.events if isinstance(event, GrantEnded)] == ["Tester"]
    assert "REFRESH_REUSE" in await site.codes_in_audit()


async def test_T42_a_lost_answer_logs_nobody_out(site: Site) -> None:
    """A client repeats a refresh whose answer it never got, two hours later."""
    client_id, tokens = await site.connect()
    tokens_of(await site.refresh(client_id, tokens.refresh))
    site.clock.go(7200)
    again = tokens_of(await site.refresh(client_id, tokens.refresh))
    assert await site.lives(again.access)
    assert (await site.refresh(client_id, again.refresh)).status == 200


async def test_T44_parallel_workers_all_stay_and_one_lineage_goes_on(site: Site) -> None:
    """Twenty workers of one client refresh with the same token at once."""
    client_id, tokens = await site.connect()
    answers = await asyncio.gather(*(site.refresh(client_id, tokens.refresh) for _ in range(20)))
    won = [tokens_of(answer) for answer in answers if answer.status == 200]
    assert len(won) == MOST_CHILDREN
    assert [await site.lives(one.access) for one in won] == [True] * MOST_CHILDREN
    assert (await site.refresh(client_id, won[3].refresh)).status == 200
    others = [await site.refresh(client_id, one.refresh) for one in (*won[:3], *won[4:])]
    assert {answer.json["error"] for answer in others} == {"invalid_grant"}
    assert await site.lives(won[3].access), "within the grace of a minute nothing is ended"


async def test_T45_a_refresh_cannot_widen_and_burns_nothing(site: Site) -> None:
    """A client with read scopes asks for write:orders at its refresh."""
    client_id, tokens = await site.connect()
    nothing = await site.refresh(client_id, tokens.refresh, scope="write:orders")
    assert (nothing.status, nothing.json["error"]) == (400, "invalid_scope")
    wide = tokens_of(await site.refresh(client_id, tokens.refresh, scope="read:market read:account write:orders"))
    assert wide.scope == "read:market read:account"
    refused = await site.place(wide.access)
    assert (refused.status, site.brokers["paper"].sent) == (403, [])


async def test_T46_a_token_for_another_resource_is_refused_and_nothing_is_spent(site: Site) -> None:
    """A code, and then a refresh token, is redeemed for somebody else's resource."""
    client_id = (await site.register())["client_id"]
    code = await site.code(client_id)
    foreign = ("https://evil.example/mcp", "http://127.0.0.1/mcp", "x", "#")
    for resource in foreign:
        assert (await site.redeem(client_id, code, resource=resource)).json["error"] == "invalid_target"
    tokens = tokens_of(await site.redeem(client_id, code, resource=site.resource))
    for resource in foreign:
        assert (await site.refresh(client_id, tokens.refresh, resource=resource)).json["error"] == "invalid_target"
    assert (await site.refresh(client_id, tokens.refresh, resource=site.resource)).status == 200


async def test_T47_a_refresh_token_dies_with_its_client(site: Site) -> None:
    """A client that the operator revoked goes on refreshing."""
    client_id, tokens = await site.connect("Claude")
    await site.done("client.revoke", client="Claude")
    answer = await site.refresh(client_id, tokens.refresh)
    assert answer.json["error"] in {"invalid_client", "unauthorized_client"}
    assert not await site.lives(tokens.access)


async def test_T47_a_client_that_was_denied_or_never_let_in_gets_nothing(site: Site) -> None:
    """A client whose browser the operator turned away calls the token endpoint all the same."""
    _, tokens = await site.connect("Claude")
    denied = (await site.register())["client_id"]
    await site.authorize(denied)
    await site.done("client.deny", code=site.waiting()[0])
    for answer in (await site.refresh(denied, tokens.refresh), await site.redeem(denied, "x")):
        assert answer.json["error"] in {"invalid_client", "unauthorized_client"}
    assert await site.lives(tokens.access)


async def test_T48_a_grant_ends_on_its_day_however_often_it_is_refreshed(site: Site) -> None:
    """A client refreshes once a day for thirty-one days."""
    client_id, tokens = await site.connect()
    for _ in range(29):
        site.clock.go(86_400)
        tokens = tokens_of(await site.refresh(client_id, tokens.refresh))
    site.clock.go(86_400)
    assert (await site.refresh(client_id, tokens.refresh)).json["error"] == "invalid_grant"
    assert not await site.lives(tokens.access)


async def test_T49_nobody_revokes_the_token_of_another(site: Site) -> None:
    """A client revokes the access and the refresh token of another client, and one that doesn't exist."""
    _, tokens = await site.connect()
    other, _ = await site.connect("Other")
    for token in (tokens.access, tokens.refresh):
        answer = await site.ask("POST", "/oauth/revoke", data={"token": token, "client_id": other})
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
    assert await site.lives(tokens.access)
    unknown = await site.ask("POST", "/oauth/revoke", data={"token": "nothing", "client_id": other})
    assert unknown.status == 200


@pytest.mark.parametrize(
    ("which", "hint"),
    [("access", None), ("access", "nonsense"), ("refresh", "refresh_token"), ("refresh", "access_token")],
)
async def test_T50_revoking_either_token_ends_the_grant_at_once(site: Site, which: str, hint: str | None) -> None:
    """A client revokes its access token or its refresh token, with a hint, a wrong hint or nonsense."""
    client_id, tokens = await site.connect()
    form = {"token": getattr(tokens, which), "client_id": client_id} | ({"token_type_hint": hint} if hint else {})
    assert (await site.ask("POST", "/oauth/revoke", data=form)).status == 200
    assert not await site.lives(tokens.access)
    assert (await site.refresh(client_id, tokens.refresh)).status == 400


async def test_T51_a_refresh_whose_process_died_can_be_repeated(tmp_path: Path) -> None:
    """The process is killed with -9 between the commit of a refresh and its answer."""
    folder = tmp_path / "data"
    running = await hosts.start(folder, command=DYING)
    try:
        async with FarHost.at(running) as far:
            client_id, tokens = await far.connect()
            (folder / FLAG).touch()
            with pytest.raises(aiohttp.ClientError):
                await far.refresh(client_id, tokens.refresh)
        assert await asyncio.wait_for(running.process.wait(), 10) == -9
        (folder / FLAG).unlink()
        port = int(running.origin.rpartition(":")[2])
        running = await hosts.start(folder, port=port)
        async with FarHost.at(running) as far:
            again = tokens_of(await far.refresh(client_id, tokens.refresh))
            assert (await far.refresh(client_id, again.refresh)).status == 200
    finally:
        await running.kill()


async def test_T51_a_second_writer_is_refused(tmp_path: Path) -> None:
    """A second process is started over the same data folder."""
    async with hosts.host(tmp_path / "data") as running:
        code, _, said = await running.run("--port", "0", "serve")
        assert (code, "already" in said or "in use" in said or "another" in said.lower()) == (1, True), said
        async with FarHost.at(running) as far:
            await far.connect()


async def test_T51_what_was_decided_is_there_after_a_restart(tmp_path: Path) -> None:
    """The host is stopped and started again over the same folder."""
    clock = ManualClock()
    async with open_site(tmp_path / "data", clock) as site:
        client_id, tokens = await site.connect("Claude", READS | {Scope.READ_ORDERS})
        port = site.port
    async with open_site(tmp_path / "data", clock, port=port) as site:
        assert await site.lives(tokens.access)
        assert (await site.refresh(client_id, tokens.refresh)).status == 200
