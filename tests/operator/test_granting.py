"""The operator's acts on authorities that live, and on programs without a browser, through his door and a real call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp

from cockpit.cli.show import in_words
from cockpit.model.refusals import Refusal
from cockpit.operator.act import Danger, Done, danger_of
from cockpit.operator.acts import ACTS
from tests.operator.houses import House, open_house

TWO = '[connections.paper]\n[connections.other]\nseed = "other"\nscopes = ["read:market"]\n'


def code_of(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


async def minted(house: House, name: str = "robot", scope: str = "read:market read:orders", **more: str) -> Any:
    return await house.done("token.mint", name=name, scope=scope, **more)


async def listed(house: House, name: str) -> Any:
    (row,) = [row for row in await house.done("clients") if row["name"] == name]
    return row


async def test_trading_for_a_time_is_a_scope_that_is_listed_with_its_end(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        robot = await minted(house)
        assert (await house.order(robot["token"]))["code"] == "SCOPE_MISSING"
        answer = await house.act("client.scopes", client="ROBOT", add="write:orders preview:orders", **{"for": "30m"})
        assert isinstance(answer, Done)
        assert "write:orders only until" in answer.says
        assert (await house.order(robot["token"], 2))["state"] == "pending"
        row = await listed(house, "robot")
        assert set(row["timed"]) == {"write:orders", "preview:orders"}
        assert "write:orders 20" in in_words(ACTS["clients"], Done("", [row]))
        forever = await house.done("client.scopes", client="robot", add="preview:orders")
        assert set(forever[0]["timed"]) == {"write:orders"}


async def test_a_time_without_a_scope_that_is_added_is_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await minted(house)
        assert code_of(await house.act("client.scopes", client="robot", drop="read:orders", **{"for": "30m"})) == (
            "BAD_ACT_ARGUMENTS"
        )
        assert code_of(await house.act("client.scopes", client="robot")) == "BAD_ACT_ARGUMENTS"
        assert code_of(await house.act("client.scopes", client="nobody", add="read:market")) == "CLIENT_UNKNOWN"


async def test_the_end_of_a_client_moves_sooner_at_once_and_later_only_when_that_is_said(tmp_path: Path) -> None:
    async with open_house(tmp_path, "[oauth]\nkey_days = 2\n") as house:
        key = await house.key()
        before = (await listed(house, "script"))["expires_at"]
        assert before is not None, "settings bound it"
        (row,) = await house.done("client.expire", client="script", **{"for": "30m"})
        assert row["expires_at"] < before
        assert code_of(await house.act("client.expire", client="script", **{"for": "1h"})) == "BAD_ACT_ARGUMENTS"
        assert code_of(await house.act("client.expire", client="script", longer="yes", **{"for": "3d"})) == (
            "LIFE_BOUNDED"
        )
        await house.done("client.expire", client="script", longer="yes", **{"for": "1h"})
        assert code_of(await house.act("client.expire", client="script")) == "BAD_ACT_ARGUMENTS"
        assert "code" not in await house.call(key, "get_session")
    act = ACTS["client.expire"]
    assert danger_of(act, {"for": "30m"}) is Danger.SAFE
    assert danger_of(act, {"for": "30m", "longer": "yes"}) is Danger.TWO_STEPS


async def test_one_grant_of_a_client_is_revoked_by_its_id_then_the_client_then_everybody(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        first, second, third = await minted(house), await minted(house), await minted(house)
        other, key = await minted(house, "other"), await house.key()
        assert (await house.done("client.revoke", client=second["grant_id"]))["ended"] == 1
        assert [await alive(house, one["token"]) for one in (first, second, third)] == [True, False, True]
        assert (await house.done("client.revoke", client="robot"))["ended"] == 2
        assert [await alive(house, one["token"]) for one in (first, third, other)] == [False, False, True]
        assert (await house.done("client.revoke_all"))["ended"] == 2
        assert [await alive(house, one) for one in (other["token"], key)] == [False, False]
        assert await house.done("clients") == []
        assert (await house.done("status"))["state"] == "RUNNING"
        assert await alive(house, (await minted(house))["token"]), "nothing is stopped"


async def alive(house: House, token: str) -> bool:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_session", "arguments": {}}}
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    async with house.http.post(house.cockpit.url, json=body, headers=headers) as answer:
        return answer.status == 200


async def test_who_made_an_authority_and_where_it_was_used_last_are_listed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        before = await listed(house, "script")
        assert (before["made_by"], before["last_used"], before["last_address"]) == ("socket", None, "")
        await house.call(key, "get_session")
        after = await listed(house, "script")
        assert after["last_address"] == "127.0.0.1"
        assert after["last_used"] >= after["made_at"]
        (row,) = await house.done("key.list")
        assert key.startswith(row["begins"])
        assert len(row["begins"]) == 8
        assert (row["last_used"][:19], row["last_address"]) == (after["last_used"][:19], "127.0.0.1")
        words = in_words(ACTS["key.list"], Done("1 keys.", [row]))
        assert row["begins"] in words
        assert key not in words


async def test_a_whole_minted_token_is_shown_to_people_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        answer = await house.act("token.mint", name="robot", scope="read:market", ttl="3600")
        assert isinstance(answer, Done)
        assert isinstance(answer.data, dict)
        token = answer.data["token"]
        assert token in in_words(ACTS["token.mint"], answer).splitlines()
        assert await alive(house, token)
        assert "token" not in await listed(house, "robot")
        for ttl in ("0", "999999999"):
            assert isinstance(await house.act("token.mint", name="robot", scope="read:market", ttl=ttl), Refusal)


async def test_a_service_is_made_gets_its_token_trades_and_is_revoked(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        made = await house.done("service.create", name="nightly", scope="read:market")
        origin = house.cockpit.url.removesuffix("/mcp")

        async def token() -> Any:
            headers = {"Authorization": aiohttp.encode_basic_auth(made["client_id"], made["client_secret"])}
            form = {"grant_type": "client_credentials"}
            async with house.http.post(f"{origin}/oauth/token", data=form, headers=headers) as answer:
                return await answer.json()

        access = (await token())["access_token"]
        assert (await house.call(access, "get_quote", symbol="ALFA"))["symbol"] == "ALFA"
        refused = await house.order(access)
        assert (refused["code"], refused["details"]["held"]) == ("SCOPE_MISSING", "read:market"), "no 403 for a service"
        (row,) = await house.done("service.list")
        assert (row["name"], row["last_address"]) == ("nightly", "127.0.0.1")
        assert "client_secret" not in row
        assert code_of(await house.act("service.revoke", name="other")) == "CLIENT_UNKNOWN"
        await house.done("service.revoke", name="Nightly")
        assert (await token())["error"] == "invalid_client"
        assert not await alive(house, access)


async def test_a_key_is_no_service_and_is_not_revoked_as_one(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key("nightly")
        assert code_of(await house.act("service.revoke", name="nightly")) == "CLIENT_UNKNOWN"
        assert await alive(house, key)


async def test_the_signing_key_is_rotated_and_what_that_ends_is_told(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        robot = await minted(house)
        first = await house.done("token.rotate")
        assert first["former_ends"] is not None
        assert first["ended"] == []
        assert await alive(house, robot["token"])
        second = await house.done("token.rotate", at_once="yes")
        assert (second["former_ends"], second["ended"]) == (None, ["robot"])
        assert not await alive(house, robot["token"])


async def test_while_everything_is_stopped_nothing_is_made(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.done("kill")
        for act in ("key.create", "token.mint", "service.create"):
            answer = await house.act(act, name="new", scope="read:market")
            assert code_of(answer) == "KILL_SWITCH"
            assert isinstance(answer, Refusal)
            assert answer.message.startswith("Resume first")


async def test_what_is_made_needs_a_name_a_scope_and_a_connection_that_allows_it(tmp_path: Path) -> None:
    async with open_house(tmp_path, TWO) as house:
        for act in ("key.create", "token.mint", "service.create"):
            for given, code in (
                ({"scope": "read:market", "connection": "paper"}, "BAD_ACT_ARGUMENTS"),
                ({"name": "new", "connection": "paper"}, "BAD_ACT_ARGUMENTS"),
                ({"name": "new", "scope": "read:market"}, "CHOOSE_CONNECTION"),
                ({"name": "new", "scope": "write:orders", "connection": "other"}, "SCOPE_NOT_ALLOWED"),
                ({"name": "new", "scope": "read:market", "connection": "gone"}, "CONNECTION_UNKNOWN"),
                ({"name": "../new", "scope": "read:market", "connection": "paper"}, "NAME_BAD"),
            ):
                assert code_of(await house.act(act, **given)) == code, (act, given)
