"""Registrations: what is taken, what is refused, and that a flood of them pushes out no client that matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.registration import BadRegistration, read_registration
from tests.oauth.house import REDIRECT, House, open_house, tokens_of
from tests.oauth.internet import Internet

CURSOR = [
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
]


async def test_a_public_client_gets_no_secret_and_no_nulls(house: House) -> None:
    told = await house.register(grant_types=["authorization_code", "refresh_token"], client_uri=None, scope="x y")
    assert "client_secret" not in told
    assert None not in told.values()
    assert told["redirect_uris"] == [REDIRECT]
    assert told["token_endpoint_auth_method"] == "none"
    assert set(told["grant_types"]) == {"authorization_code", "refresh_token"}


async def test_a_secret_is_shown_once_and_kept_as_a_digest(house: House) -> None:
    told = await house.register(token_endpoint_auth_method="client_secret_post")
    rows = await house.store.rows("SELECT * FROM oauth_clients")
    assert told["client_secret"] not in str([tuple(row) for row in rows])
    assert told["client_secret_expires_at"] == 0


async def test_the_three_addresses_of_cursor_are_taken_together(house: House) -> None:
    told = await house.register(redirect_uris=CURSOR, application_type="web")
    assert told["redirect_uris"] == CURSOR


async def test_a_flood_drops_the_oldest_without_approval_and_no_other(tmp_path: Path) -> None:
    async with open_house(tmp_path / "data", max_unapproved_clients=5) as house:
        approved, _ = await house.connect()
        waiting = (await house.register())["client_id"]
        await house.authorize(waiting)
        oldest = (await house.register())["client_id"]
        for _ in range(8):
            house.clock.go(1)
            await house.register()
        rows = await house.store.rows("SELECT client_id FROM oauth_clients")
        kept = {row["client_id"] for row in rows}
        assert {approved, waiting} <= kept
        assert oldest not in kept
        assert len(kept) <= 7


async def test_a_registration_that_nobody_approves_is_forgotten_after_a_day(tmp_path: Path) -> None:
    async with open_house(tmp_path / "data", ask_seconds=1800, unapproved_hours=1) as house:
        approved, tokens = await house.connect()
        revoked, _ = await house.connect("revoked")
        await house.authority.revoke_client("revoked", "operator")
        forgotten = (await house.register())["client_id"]
        house.clock.go(3000)
        waiting, young = [(await house.register())["client_id"] for _ in range(2)]
        await house.authorize(waiting)
        house.clock.go(601)
        await house.authority.sweep()
        kept = {row["client_id"] for row in await house.store.rows("SELECT client_id FROM oauth_clients")}
        assert kept == {approved, revoked, waiting, young}
        assert (await house.authorize(forgotten)).status == 400
        house.clock.go(1700)
        await house.authorize(waiting)
        house.clock.go(1400)
        await house.authority.sweep()
        kept = {row["client_id"] for row in await house.store.rows("SELECT client_id FROM oauth_clients")}
        assert kept == {approved, revoked, waiting}, "its browser waits, though it is old enough"
        assert house.lives(tokens_of(await house.refresh(approved, tokens.refresh)).access)


async def test_descriptions_and_registrations_share_one_bound(tmp_path: Path, internet: Internet) -> None:
    async with (
        internet.fetcher() as fetch,
        open_house(tmp_path / "data", fetch=fetch, max_unapproved_clients=3, ask_seconds=30) as house,
    ):
        first = (await house.register())["client_id"]
        for number in range(6):
            house.clock.go(31)
            await house.authority.sweep()
            url = f"https://claude.ai/oauth/{number}"
            internet.publish(url, {"client_id": url, "client_name": "Claude", "redirect_uris": [REDIRECT]})
            assert (await house.authorize(url)).status == 200
        kept = {row["client_id"] for row in await house.store.rows("SELECT client_id FROM oauth_clients")}
        assert first not in kept
        assert kept == {f"https://claude.ai/oauth/{number}" for number in (3, 4, 5)}


async def test_a_flood_pushes_out_no_client_that_has_a_grant(tmp_path: Path, internet: Internet) -> None:
    url = "https://claude.ai/oauth/x"
    document = {"client_id": url, "client_name": "Claude", "redirect_uris": [REDIRECT]}
    internet.publish(url, document)
    async with (
        internet.fetcher() as fetch,
        open_house(tmp_path / "data", fetch=fetch, max_unapproved_clients=2, ask_seconds=30) as house,
    ):
        tokens = tokens_of(await house.redeem(url, await house.code(url, "claude")))
        internet.publish(url, document | {"client_name": "Changed"})
        house.clock.go(86_401)
        await house.authorize(url)
        for _ in range(5):
            house.clock.go(31)
            await house.authority.sweep()
            await house.register()
        house.clock.go(90_000)
        await house.authority.sweep()
        assert house.lives(tokens_of(await house.refresh(url, tokens.refresh)).access)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(BadRegistration):
        read_registration("application/json", body)


@given(
    st.dictionaries(
        st.sampled_from(["client_name", "redirect_uris", "scope", "grant_types", "token_endpoint_auth_method"]),
        st.recursive(st.none() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)),
    )
)
def test_any_object_is_read_or_refused(members: dict[str, Any]) -> None:
    import orjson

    try:
        body = orjson.dumps(members)
    except TypeError:
        return
    try:
        read = read_registration("", body)
    except BadRegistration:
        return
    assert read.redirect_uris
