"""On the short way of a whole cockpit every call meets the gate as it stands now, and is in the audit."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.server.raw import Raw, raw
from tests.server.test_shortcut import ERAS, body, counted, head
from tests.server.whole import Client, done, whole


def line_to(here: Client):
    return raw(urlsplit(here.origin).port or 0)


async def quote(line: Raw, era: str, key: str, number: int = 1) -> tuple[int, str]:
    """Ask for a quote; return the status, and the code of a refusal."""
    line.send(head(era, "get_quote", key) + body(era, "get_quote", request_id=number, symbol="ALFA"))
    status, _, said = await line.answer()
    if status != 200:
        return status, ""
    answer = json.loads(said)
    assert answer["id"] == number
    return status, answer["result"]["structuredContent"].get("code", "")


@ERAS
async def test_scopes_kill_and_revocation_count_from_the_next_call_on_a_connection_that_served_its_head(
    era: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with whole(tmp_path) as here, line_to(here) as line, counted(monkeypatch) as taken:
        key = (await done(here.cockpit, "key.create", name="bot", scope="read:market read:account"))["key"]
        assert [await quote(line, era, key, number) for number in (1, 2, 3)] == [(200, "")] * 3
        assert len(taken) == 2
        await done(here.cockpit, "client.scopes", client="bot", drop="read:market")
        assert await quote(line, era, key, 4) == (200, "SCOPE_MISSING")
        await done(here.cockpit, "client.scopes", client="bot", add="read:market")
        assert await quote(line, era, key, 5) == (200, "")
        await done(here.cockpit, "kill")
        assert await quote(line, era, key, 6) == (401, "")
        assert len(taken) == 4, "what was refused at the door went the long way"
        records = await done(here.cockpit, "audit.search", kind="call", client="bot")
        assert [(one["outcome"], one["code"]) for one in records] == [
            *[("ok", "")] * 3,
            ("denied", "SCOPE_MISSING"),
            ("ok", ""),
        ]
        assert (await done(here.cockpit, "audit.verify"))["ok"]


@ERAS
async def test_the_budget_counts_calls_by_the_short_way(
    era: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"BUDGET__BURST": "3", "BUDGET__CALLS_PER_SECOND": "0.001"}
    async with whole(tmp_path, **few) as here, line_to(here) as line, counted(monkeypatch) as taken:
        key = (await done(here.cockpit, "key.create", name="bot", scope="read:market"))["key"]
        codes = [(await quote(line, era, key, number))[1] for number in range(1, 6)]
        assert codes == ["", "", "", "RATE_LIMITED", "RATE_LIMITED"]
        assert len(taken) == 4
