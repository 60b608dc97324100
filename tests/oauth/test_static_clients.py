"""Clients that the settings name: each method of theirs, and what becomes of one that is named no longer."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc.jwk import ECKey

from cockpit.app.named_clients import static_clients
from cockpit.model.text import Safe
from cockpit.settings.load import Given, load
from cockpit.settings.mistakes import BadSettings
from oauth.records import Kind, Standing, digest, registration
from oauth.static_clients import BadStaticClient, StaticClient
from tests.oauth.house import REDIRECT, open_house, tokens_of
from tests.oauth.test_client_keys import assertion, signed

KEY = ECKey.generate_key("P-256")


def desk(method: str = "none", **more: Any) -> StaticClient:
    return StaticClient(Safe("desk"), "desk-app", (REDIRECT,), method, **more)


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic", "private_key_jwt"])
async def test_a_named_client_is_let_in_by_its_code_like_any_other(tmp_path: Path, method: str) -> None:
    secret = digest("s3cret") if "secret" in method else None
    keys = orjson.dumps({"keys": [KEY.as_dict(private=False)]}).decode() if method == "private_key_jwt" else ""
    async with open_house(tmp_path / "d", clients=(desk(method, secret_hash=secret, jwks=keys),)) as house:

        def proof() -> dict[str, Any]:
            house.clock.go(1)
            match method:
                case "client_secret_post":
                    return {"client_secret": "s3cret"}
                case "client_secret_basic":
                    text = base64.b64encode(b"desk-app:s3cret").decode()
                    return {"headers": {"Authorization": f"Basic {text}"}}
                case "private_key_jwt":
                    return signed(assertion(house, KEY, {"kid": None}, iss="desk-app", sub="desk-app"))
                case _:
                    return {}

        page = await house.authorize("desk-app")
        assert "as the settings name it" in page.text
        (waiting,) = house.authority.waiting()
        assert (waiting.claimed_name, waiting.host, waiting.kind) == ("desk", "client.example", Kind.STATIC)
        code = await house.code("desk-app", "desk")
        if method != "none":
            assert (await house.redeem("desk-app", code)).json["error"] == "invalid_client"
        tokens = tokens_of(await house.redeem("desk-app", code, **proof()))
        assert house.lives(tokens_of(await house.refresh("desk-app", tokens.refresh, **proof())).access)


async def test_it_survives_revocation_and_kill_but_its_authority_does_not(tmp_path: Path) -> None:
    async with open_house(tmp_path / "d", clients=(desk(),)) as house:
        tokens = tokens_of(await house.redeem("desk-app", await house.code("desk-app", "desk")))
        await house.authority.revoke_client("desk", "operator")
        assert not house.lives(tokens.access)
        assert (await house.refresh("desk-app", tokens.refresh)).json["error"] == "invalid_grant"
        again = tokens_of(await house.redeem("desk-app", await house.code("desk-app", "desk")))
        house.authority.kill_now()
        await house.authority.kill_durably("operator")
        house.authority.reopen()
        assert not house.lives(again.access)
        found = await registration(house.store, "desk-app")
        assert found is not None
        assert found.standing is Standing.APPROVED
        assert (await house.authorize("desk-app")).status == 200


async def test_what_a_client_had_ends_when_the_settings_name_it_no_longer(tmp_path: Path) -> None:
    async with open_house(tmp_path / "d", clients=(desk(),)) as house:
        mine = tokens_of(await house.redeem("desk-app", await house.code("desk-app", "desk")))
        _, other = await house.connect("other")
        clock, port = house.clock, int(house.base.rpartition(":")[2])
    async with open_house(tmp_path / "d", clock, port=port, clients=(desk(),)) as house:
        assert house.lives(mine.access)
    async with open_house(tmp_path / "d", clock, port=port) as house:
        assert not house.lives(mine.access)
        assert house.lives(other.access)
        assert (await house.refresh("desk-app", mine.refresh)).json["error"] == "invalid_client"
        assert (await house.authorize("desk-app")).status == 400
    async with open_house(tmp_path / "d", clock, port=port, clients=(desk(),)) as house:
        assert not house.lives(mine.access)


def read(folder: Path, text: str) -> tuple[StaticClient, ...]:
    (folder / "cockpit.toml").write_text(text)
    settings = load(Given(config=folder / "cockpit.toml", data_dir=folder / "data"), {})
    return static_clients(settings.oauth.clients)


def test_settings_name_clients_without_their_secrets(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_bytes(orjson.dumps({"keys": [KEY.as_dict(private=False)]}))
    text = f"""
[oauth.clients.desk]
client_id = "desk-app"
redirect_uris = ["{REDIRECT}"]
auth_method = "client_secret_post"
secret_sha256 = "{digest("s3cret").hex()}"

[oauth.clients.signer]
client_id = "signer"
redirect_uris = ["http://localhost/callback"]
auth_method = "private_key_jwt"
jwks_file = "{keys}"
"""
    one, two = read(tmp_path, text)
    assert (one.name, one.secret_hash) == ("desk", digest("s3cret"))
    assert (two.auth_method, orjson.loads(two.jwks)["keys"][0]["kty"]) == ("private_key_jwt", "EC")


GOOD = 'redirect_uris = ["https://client.example/cb"]'


@pytest.mark.parametrize(
    "lines",
    [
        ['client_id = "c-01JD"', GOOD],
        ['client_id = "https://claude.ai/x"', GOOD],
        ['client_id = "desk"'],
        ['client_id = "desk"', "redirect_uris = []"],
        ['client_id = "desk"', 'redirect_uris = ["javascript:alert(1)"]'],
        ['client_id = "desk"', GOOD, 'auth_method = "client_secret_post"'],
        ['client_id = "desk"', GOOD, f'secret_sha256 = "{"0" * 64}"'],
        ['client_id = "desk"', GOOD, 'client_secret = "plain"'],
        ['client_id = "desk"', GOOD, 'auth_method = "private_key_jwt"'],
        ['client_id = "desk"', GOOD, 'auth_method = "private_key_jwt"', 'jwks_uri = "http://c.example/keys"'],
        ['client_id = "desk"', GOOD, 'auth_method = "private_key_jwt"', 'jwks_file = "keys.json"'],
        ['client_id = "desk"', GOOD, 'auth_method = "private_key_jwt"', 'jwks_file = "/nowhere/keys.json"'],
        ['client_id = "desk"', GOOD, 'auth_method = "private_key_jwt"', 'jwks_file = "/dev/null"'],
        ['client_id = "desk"', GOOD, "[oauth.clients.twin]", 'client_id = "desk"', GOOD],
    ],
)
def test_a_client_that_cannot_be_one_is_a_mistake_of_the_settings(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises((BadSettings, BadStaticClient)):
        read(tmp_path, "\n".join(["[oauth.clients.desk]", *lines, ""]))
