"""No secret is written anywhere but into its own file: not at the lowest level of any logger."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.app.logs import FILE_NAME, Logs
from tests.server.raw import raw, until
from tests.server.whole import REDIRECT, VERIFIER, Client, done, whole


@pytest.fixture
def levels() -> Iterator[None]:
    """Give the levels back that the test takes away."""
    names = ["", *logging.root.manager.loggerDict]
    before = {name: logging.getLogger(name).level for name in names}
    handlers = list(logging.root.handlers)
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)
    logging.root.handlers[:] = handlers


def _everything_at_debug() -> None:
    for name in ["", *logging.root.manager.loggerDict]:
        logging.getLogger(name).setLevel(logging.DEBUG)


async def _oauth(client: Client) -> list[str]:
    """Walk every way of a client, also the wrong ones; return the secrets that were given or sent."""
    registered = (await client.register(token_endpoint_auth_method="client_secret_post")).json
    client_id, client_secret = registered["client_id"], registered["client_secret"]
    shown, code = await client.code(client_id)
    secrets = [client_secret, shown, code, VERIFIER]
    secrets += [cookie.value for cookie in client.http.cookie_jar]
    assert len(secrets) == 5
    mine = {"client_id": client_id, "client_secret": client_secret}
    redeem = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    basic = {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()}
    await client.ask("POST", "/oauth/token", data=redeem | mine | {"code_verifier": "wrong-" + "w" * 50})
    await client.ask("POST", "/oauth/token", data=redeem, headers=basic)
    await client.ask("POST", "/oauth/token?code=" + code, data=mine)
    await client.ask("GET", f"/oauth/token?code={code}&client_secret={client_secret}")
    given = await client.ask("POST", "/oauth/token", data=redeem | mine)
    assert given.status == 200, given.text
    secrets += [given.json["access_token"], given.json["refresh_token"]]
    refresh = {"grant_type": "refresh_token", "refresh_token": given.json["refresh_token"], **mine}
    again = (await client.ask("POST", "/oauth/token", data=refresh)).json
    secrets += [again["access_token"], again["refresh_token"]]
    assert (await client.call(again["access_token"], symbol="ALFA")).status == 200
    await client.call(again["access_token"], symbol="ALFA", note=again["refresh_token"])
    await client.call(again["access_token"] + "x", symbol="ALFA")
    await client.ask("POST", f"/mcp?access_token={again['access_token']}", json={})
    await client.ask("POST", "/oauth/token", data=redeem | mine)  # a replayed code ends its grant
    await client.ask("POST", "/oauth/revoke", data={"token": again["refresh_token"], **mine})
    await client.ask("POST", "/oauth/register", json={"redirect_uris": [f"javascript:{client_secret}"]})
    await client.ask("POST", "/oauth/register", data=f"{{{client_secret}")
    return secrets


async def _keys(client: Client) -> list[str]:
    key = (await done(client.cockpit, "key.create", name="bot", scope="read:market"))["key"]
    assert (await client.call(key, symbol="ALFA")).status == 200
    await client.call(key[:-1], symbol="ALFA")
    await client.call(key, tool="no_such_tool", secret=key)
    await client.ask("GET", f"/{key}")
    await done(client.cockpit, "key.revoke", name="bot")
    await client.call(key, symbol="ALFA")
    return [key]


async def _no_http(client: Client, secret: str) -> None:
    for sent in (
        f"GET /mcp HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer {secret}\0\n\n",
        f"GET /{secret}\0 HTTP/1.1\n\n",
        f"POST /mcp HTTP/1.1\nHost: 127.0.0.1\nAuthorization : Bearer {secret}\n\n",
        f"GET http://{secret}/ HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n\n",
        f"GET / HTTP/1.1\nHost: {secret}\nConnection: close\n\n",
    ):
        async with raw(int(client.origin.rpartition(":")[2])) as line:
            line.send(sent)
            await line.rest()


@pytest.mark.usefixtures("levels")
async def test_no_secret_is_logged_or_kept_in_clear_however_much_is_logged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    with Logs(log, to_file=True):
        _everything_at_debug()
        async with whole(data) as client:
            _everything_at_debug()  # also for what a part set when it started
            secrets = await _oauth(client) + await _keys(client)
            await _no_http(client, secrets[0])
            mirror = data / "audit.jsonl"
            await until(lambda: '"kind":"key"' in mirror.read_text() and "revoke" in mirror.read_text())
    said = (log / FILE_NAME).read_text()
    assert "DEBUG   aiosqlite" in said  # everything was really written
    written = capfd.readouterr()
    kept = [path for path in data.rglob("*") if path.is_file() and "keys" not in path.relative_to(data).parts]
    assert any(path.suffix == ".db" for path in kept), kept
    places = {"stdout": written.out, "stderr": written.err, "log": said}
    places |= {path.name: path.read_bytes().decode("latin-1") for path in kept}
    for secret in secrets:
        for place, text in places.items():
            assert secret not in text, f"{secret} is in {place}"


@pytest.mark.usefixtures("levels")
def test_what_authlib_says_of_tokens_is_not_written(tmp_path: Path) -> None:
    with Logs(tmp_path, to_file=True):
        _everything_at_debug()
        logging.getLogger("authlib.oauth2.rfc6749").setLevel(logging.DEBUG)
        logging.getLogger("authlib.oauth2.rfc6749").debug("Issue token %r", "secret")
        logging.getLogger("authlib.oauth2.rfc6749").warning("heard")
    said = (tmp_path / FILE_NAME).read_text()
    assert "heard" in said
    assert "secret" not in said
