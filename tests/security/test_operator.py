"""The operator's own proofs, and what somebody finds who steals the database."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Any, cast

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from cockpit.model.refusals import Refusal
from cockpit.operator.act import Answer, Command, Done
from tests.oauth.outside import code_of, tokens_of
from tests.oauth.test_totp import STEP_SECONDS, WRONG, Phone
from tests.security.site import TRADES, Site

SOCKET = "socket"


async def enrolled(site: Site) -> Phone:
    """An operator's authenticator; its code of the present step is still good."""
    begun = await site.done("totp.enroll")
    phone = Phone(begun["secret"])
    confirmed = await site.act("totp.confirm", code=phone.code(site.clock.now(), -1))
    assert isinstance(confirmed, Done), confirmed
    return phone


async def resume(site: Site, code: str, by: str = SOCKET) -> str:
    """Try to resume with a code; the refusal's code, or nothing."""
    answer = await site.cockpit.face.run(Command("resume", by=by, totp=code))
    return answer.code if isinstance(answer, Refusal) else ""


@pytest.mark.parametrize(("steps", "refused"), [(-2, "TOTP_WRONG"), (-1, ""), (0, ""), (1, "TOTP_WRONG")])
async def test_T82_codes_of_another_time_are_refused(site: Site, steps: int, refused: str) -> None:
    """After a halt the operator resumes with the code of an earlier or a later step."""
    phone = await enrolled(site)
    site.clock.go(10 * STEP_SECONDS)
    await site.done("halt")
    assert await resume(site, "") == "TOTP_NEEDED"
    assert await resume(site, phone.code(site.clock.now(), steps)) == refused


async def test_T82_a_code_that_was_overheard_is_worth_nothing(site: Site) -> None:
    """Somebody repeats a code that the operator has just typed, at once and a hundred times in parallel."""
    phone = await enrolled(site)
    code = phone.code(site.clock.now())
    client_id = (await site.register())["client_id"]
    first, second = [await site.authorize(client_id, scope="read:market write:orders") for _ in range(2)]
    given: dict[str, Any] = {"scope": "read:market write:orders", "as": "Trader"}

    async def approve(page: Any) -> str:
        command = Command("client.approve", {"code": code_of(page), **given}, by=SOCKET, totp=code)
        answer = await site.cockpit.face.run(command)
        return answer.code if isinstance(answer, Refusal) else ""

    answers = await asyncio.gather(*(approve(page) for page in (first, second) for _ in range(50)))
    assert sorted(set(answers) - {""}) in (["TOTP_PAUSED", "TOTP_USED"], ["TOTP_USED"])
    assert answers.count("") == 1
    assert len(site.waiting()) == 1


async def test_T80_whoever_guesses_codes_is_made_to_wait(site: Site) -> None:
    """A local program guesses the operator's six digits a thousand times."""
    phone = await enrolled(site)
    await site.done("halt")
    answers = [await resume(site, WRONG) for _ in range(1000)]
    assert answers.count("TOTP_WRONG") <= 10
    assert set(answers) == {"TOTP_WRONG", "TOTP_PAUSED"}
    assert await resume(site, phone.code(site.clock.now())) == "TOTP_PAUSED"
    assert any(notice.bad for notice in site.notices())


async def test_T80_an_enrolment_that_is_guessed_at_ends(site: Site) -> None:
    """While the operator changes authenticators, a local program guesses the first code of the new one."""
    old = await enrolled(site)
    site.clock.go(60)

    async def run(act: str, totp: str = "", **given: str) -> Answer:
        return await site.cockpit.face.run(Command(act, given, by=SOCKET, totp=totp))

    begun = await run("totp.enroll", old.code(site.clock.now()))
    assert isinstance(begun, Done), begun
    new = Phone(cast(Any, begun.data)["secret"])
    guesses = [await run("totp.confirm", code=WRONG) for _ in range(6)]
    guesses.append(await run("totp.confirm", code=new.code(site.clock.now())))
    assert [answer.code for answer in guesses if isinstance(answer, Refusal)] == [
        *["TOTP_WRONG"] * 5,
        *["TOTP_NOT_BEGUN"] * 2,
    ]
    assert any(notice.bad for notice in site.notices())
    site.clock.go(60)
    await site.done("halt")
    assert await resume(site, old.code(site.clock.now())) == ""


async def test_T85_the_keys_are_the_owners_and_only_public_halves_are_shown(site: Site) -> None:
    """Somebody asks for the signing keys over HTTP, or looks for their files as another user."""
    await site.connect()
    keys = (await site.get("/oauth/jwks.json")).json["keys"]
    assert 1 <= len(keys) <= 2
    for key in keys:
        assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
    assert site.keys.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in site.keys.iterdir()} == {0o600}


async def test_T85_after_a_rotation_old_tokens_pass_until_they_end_and_two_keys_are_the_most(site: Site) -> None:
    """The operator replaces the signing key while clients hold tokens of it; and again."""
    client_id, tokens = await site.connect()
    await site.done("token.rotate")
    fresh = tokens_of(await site.refresh(client_id, tokens.refresh))
    assert kid_of(fresh.access) != kid_of(tokens.access)
    assert await shown(site) == {kid_of(fresh.access), kid_of(tokens.access)}
    assert await site.lives(tokens.access)
    assert await site.lives(fresh.access)
    await site.done("token.rotate")
    assert len(await shown(site)) == 2
    assert not await site.lives(tokens.access)
    assert await site.lives(fresh.access)
    site.clock.go(3601)
    assert not await site.lives(fresh.access)


async def test_T85_whoever_copied_the_key_signs_nothing_after_a_kill_and_a_rotation(site: Site) -> None:
    """Somebody copies the signing key; the operator stops everything, replaces the key and lets clients in again."""
    _, tokens = await site.connect()
    pem = (site.keys / "oauth_signing.pem").read_text()
    stolen = RSAKey.import_key(pem[pem.index("-----BEGIN") :])
    await site.done("kill")
    await site.done("token.rotate")
    await site.done("resume")
    assert kid_of(tokens.access) not in await shown(site)
    _, anew = await site.connect("Anew")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "===")) for part in anew.access.split(".")[:2])
    for kid in (kid_of(tokens.access), kid_of(anew.access)):
        assert not await site.lives(jwt.encode(header | {"kid": kid}, claims, stolen))
    assert await site.lives(anew.access)


def kid_of(token: str) -> str:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==="))["kid"]


async def shown(site: Site) -> set[str]:
    """The names of the keys by which others may verify."""
    return {key["kid"] for key in (await site.get("/oauth/jwks.json")).json["keys"]}


async def test_T86_a_stolen_database_holds_no_secret(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody copies cockpit.db, with all that was written beside it, and reads the log; but not the keys."""
    caplog.set_level("DEBUG")
    phone = await enrolled(site)
    code = phone.code(site.clock.now())
    registered = await site.register(token_endpoint_auth_method="client_secret_post")
    client_id, secret = registered["client_id"], registered["client_secret"]
    site.clock.go(STEP_SECONDS)
    authorization_code = await site.code(client_id)
    tokens = tokens_of(await site.redeem(client_id, authorization_code, client_secret=secret))
    fresh = tokens_of(await site.refresh(client_id, tokens.refresh, client_secret=secret))
    assert await site.lives(fresh.access)
    key = await site.key()
    minted = (await site.done("token.mint", name="robot", scope="read:market"))["token"]
    for token in (key, minted):
        assert await site.lives(token)
    await site.store.flush()
    seed = phone.secret.replace(" ", "")
    pem = "".join(path.read_text("latin-1") for path in site.keys.glob("*.pem"))
    body = re.findall(r"PRIVATE KEY-----\n(.*?)\n-----END", pem, re.DOTALL)[0]
    secrets = {
        "client's secret": secret, "code": authorization_code, "access token": tokens.access,
        "refresh token": tokens.refresh, "new access token": fresh.access, "new refresh token": fresh.refresh,
        "API key": key, "minted token": minted, "TOTP seed": seed, "signing key": body.splitlines()[3],
    }  # fmt: skip
    stored = site.bytes_at_rest("keys")
    assert b"Tester" in stored, "the right files are read"
    logged = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("aiohttp"))
    found = [what for what, one in secrets.items() if one.encode() in stored or one in logged]
    assert found == []
    assert base64.b32decode(seed) not in stored
    assert code not in logged


async def test_T86_what_is_stored_can_not_be_presented(site: Site) -> None:
    """A thief presents the digests of a stolen database as if they were codes, tokens or keys."""
    client_id, tokens = await site.connect("Trader", TRADES)
    await site.key()
    rows = await site.store.rows("SELECT token_hash AS hash FROM oauth_refresh UNION SELECT key_hash FROM oauth_grants")
    digests = [bytes(row["hash"]) for row in rows if row["hash"] is not None]
    assert len(digests) >= 2
    for digest in digests:
        for text in (digest.hex(), base64.urlsafe_b64encode(digest).rstrip(b"=").decode()):
            assert (await site.refresh(client_id, f"ckr_{text}")).json["error"] == "invalid_grant"
            assert not await site.lives(f"ck_{text[:43]}")
    assert await site.lives(tokens.access)
