"""The signing key: replaced by the operator or by its age, and what the tokens of the former one are worth."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from cockpit.model.identity import ClientName, Grant
from cockpit.store.folder import StoreCannotOpen
from cockpit.store.keys import replace_secret
from oauth.authority import Made, Rotated, Terms
from oauth.signing import FILE, load_keys
from tests.oauth.house import READS, House, ManualClock, open_house, refusal_code, tokens_of
from tests.oauth.test_tokens import parts_of

DAY = 86_400


async def rotate(house: House, **how: Any) -> Rotated:
    done = await house.authority.rotate_keys("operator", **how)
    assert isinstance(done, Rotated), done
    return done


async def mint(house: House, name: str = "robot", days: int = 30) -> tuple[str, Grant]:
    terms = Terms(ClientName(name), READS, "paper", timedelta(days=days))
    made = await house.authority.mint_token(terms, "operator")
    assert isinstance(made, Made), made
    return made.secret, made.grant


async def shown(house: House) -> list[str]:
    return [key["kid"] for key in (await house.get("/oauth/jwks.json")).json["keys"]]


def kid_of(token: str) -> str:
    return parts_of(token)[0]["kid"]


async def test_after_a_rotation_old_tokens_pass_until_they_end_and_new_ones_are_signed_by_the_new_key(
    house: House,
) -> None:
    client_id, tokens = await house.connect()
    assert house.lives(tokens.access), "it is remembered"
    done = await rotate(house)
    assert await shown(house) == [done.kid, kid_of(tokens.access)]
    assert house.lives(tokens.access)
    fresh = tokens_of(await house.refresh(client_id, tokens.refresh))
    assert kid_of(fresh.access) == done.kid != kid_of(tokens.access)
    house.clock.go(3599)
    assert house.lives(tokens.access)
    house.clock.go(1)
    assert not house.lives(tokens.access)
    await house.authority.sweep()
    assert await shown(house) == [done.kid]


async def test_two_keys_are_kept_at_most_and_what_a_third_signed_is_refused(house: House) -> None:
    client_id, first = await house.connect()
    await rotate(house)
    second = tokens_of(await house.refresh(client_id, first.refresh))
    await rotate(house)
    assert len(await shown(house)) == 2
    assert not house.lives(first.access)
    assert house.lives(second.access)


async def test_at_once_nothing_of_the_former_key_passes_and_clients_go_on_by_refreshing(house: House) -> None:
    client_id, tokens = await house.connect()
    minted, _ = await mint(house)
    assert house.lives(tokens.access)
    assert house.lives(minted)
    done = await rotate(house, at_once=True)
    assert [grant.client for grant in done.ended] == ["robot"]
    assert not house.lives(tokens.access)
    assert not house.lives(minted)
    assert await shown(house) == [done.kid]
    assert house.lives(tokens_of(await house.refresh(client_id, tokens.refresh)).access)
    assert await house.store.rows("SELECT 1 FROM oauth_grants WHERE via = 'token' AND ended_at IS NULL") == []


async def test_whoever_has_the_former_key_signs_nothing_new_with_its_file(house: House) -> None:
    """The file keeps only the public half of a former key."""
    await house.connect()
    await rotate(house)
    content = (house.store.keys / FILE).read_text()
    assert content.count("PRIVATE KEY-----") == 2, "one private key, begin and end"
    assert content.count("PUBLIC KEY-----") == 2
    assert (house.store.keys / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in house.store.keys.iterdir() if path.name.startswith(".")] == []


async def test_after_a_kill_a_rotation_keeps_nothing_of_the_former_key(house: House) -> None:
    _, tokens = await house.connect()
    house.authority.kill_now()
    await house.authority.kill_durably("operator")
    done = await rotate(house)
    assert await shown(house) == [done.kid]
    assert not house.lives(tokens.access)
    house.authority.reopen()
    _, again = await house.connect("Again")
    assert house.lives(again.access)
    assert kid_of(again.access) == done.kid


async def test_a_rotation_survives_a_restart_with_both_keys(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        client_id, tokens = await house.connect()
        await rotate(house)
        fresh = tokens_of(await house.refresh(client_id, tokens.refresh))
        before = await shown(house)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert await shown(house) == before
        assert house.lives(tokens.access)
        assert house.lives(fresh.access)
    clock.go(3600)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert await shown(house) == before[:1], "its last token has ended while the host was off"
        assert "PUBLIC" not in (house.store.keys / FILE).read_text()


async def test_a_key_is_replaced_when_it_is_old_enough_and_not_before(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock, rotate_days=30) as house:
        (first,) = await shown(house)
        clock.go(30 * DAY - 1)
        await house.authority.sweep()
        assert await shown(house) == [first]
        clock.go(1)
        await house.authority.sweep()
        second, former = await shown(house)
        assert former == first
        await house.authority.sweep()
        assert await shown(house) == [second, first], "once"
        assert [record.tool for record in await house.store.audit_tail(1)] == ["rotated"]


async def test_the_age_of_a_key_counts_over_restarts(tmp_path: Path) -> None:
    clock = ManualClock()
    first = ""
    for _ in range(3):
        async with open_house(tmp_path / "data", clock, rotate_days=3) as house:
            (first,) = await shown(house)
        clock.go(DAY)
    async with open_house(tmp_path / "data", clock, rotate_days=3) as house:
        await house.authority.sweep()
        assert (await shown(house))[1] == first


async def test_a_minted_token_outlives_a_rotation_and_its_key_stays_as_long(house: House) -> None:
    token, grant = await mint(house)
    done = await rotate(house)
    assert done.former_ends == grant.expires_at
    house.clock.go(30 * DAY - 1)
    await house.authority.sweep()
    assert house.lives(token)
    assert len(await shown(house)) == 2
    house.clock.go(1)
    await house.authority.sweep()
    assert len(await shown(house)) == 1


async def test_a_rotation_ends_minted_tokens_that_no_kept_key_verifies(house: House) -> None:
    token, _ = await mint(house)
    await rotate(house)
    kept, _ = await mint(house, "second")
    done = await rotate(house)
    assert [grant.client for grant in done.ended] == ["robot"]
    assert not house.lives(token)
    assert house.lives(kept)
    assert [grant.client for grant in house.authority.grants()] == ["second"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
async def test_a_rotation_that_the_disk_refuses_leaves_everything_as_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    _, tokens = await house.connect()
    before, content = await shown(house), (house.store.keys / FILE).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, full)
    assert refusal_code(await house.authority.rotate_keys("operator")) == "AUDIT_UNAVAILABLE"
    monkeypatch.undo()
    assert await shown(house) == before
    assert (house.store.keys / FILE).read_bytes() == content
    assert house.lives(tokens.access)
    await rotate(house)
    assert [path.name for path in house.store.keys.iterdir() if path.name.startswith(".")] == []


async def test_a_crash_before_the_file_is_in_place_leaves_the_old_key_and_its_draft_is_cleared(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        _, tokens = await house.connect()
        draft = house.store.keys / f".{FILE}.0123456789abcdef"
    draft.write_bytes(RSAKey.generate_key(2048).as_pem(private=True))
    draft.chmod(0o600)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert await shown(house) == [kid_of(tokens.access)]
        assert house.lives(tokens.access)
        await rotate(house)
        assert not draft.exists()


async def test_a_crash_after_the_file_is_in_place_finds_the_new_key_and_the_old_tokens_good(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_house(tmp_path / "data", clock) as house:
        port = int(house.base.rpartition(":")[2])
        _, tokens = await house.connect()
        keys = load_keys(house.store.keys, clock.now())
    pem = RSAKey.generate_key(2048).as_pem(private=True)
    after = keys.followed_by(pem, clock.now(), clock.now() + timedelta(hours=1))
    former = after.former
    assert former is not None
    # What the process had written when it died, before it used or recorded it.
    content = b"made: %b\n%b" % (clock.now().isoformat().encode(), pem)
    content += b"ends: %b\n%b" % (former.ends_at.isoformat().encode(), former.key.as_pem(private=False))
    replace_secret(tmp_path / "data" / "keys", FILE, content)
    async with open_house(tmp_path / "data", clock, port=port) as house:
        assert await shown(house) == [after.active.kid, former.kid]
        assert house.lives(tokens.access)


async def test_a_token_signed_by_a_key_that_was_dropped_is_refused_although_its_claims_are_good(house: House) -> None:
    _, tokens = await house.connect()
    header, claims = parts_of(tokens.access)
    former = RSAKey.import_key((house.store.keys / FILE).read_bytes())
    await rotate(house, at_once=True)
    assert not house.lives(jwt.encode(header, claims, former))
    new = {**header, "kid": (await shown(house))[0]}
    assert not house.lives(jwt.encode(new, claims, former)), "nor with the name of the new one"


@pytest.mark.parametrize(
    "content",
    [b"", b"made: yesterday\n", b"three", "swapped"],
)
def test_a_file_with_anything_but_one_or_two_keys_is_said_to_be_none(tmp_path: Path, content: bytes | str) -> None:
    folder, now = tmp_path / "keys", ManualClock().now()
    keys = load_keys(folder, now)
    if content == "swapped":
        content = keys.active.key.as_pem(private=False)
    assert isinstance(content, bytes)
    (folder / FILE).write_bytes(content)
    with pytest.raises(StoreCannotOpen):
        load_keys(folder, now)
