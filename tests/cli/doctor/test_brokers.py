"""What the doctor says of a line to TWS or IB Gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cockpit.cli.doctor.brokers import examine_brokers
from cockpit.cli.doctor.examination import examine
from cockpit.cli.doctor.findings import Finding, Level
from cockpit.settings.load import load
from cockpit.settings.where import Given
from tests.brokers.ibkr.lines import line_to
from tests.gateway import FakeGateway


def given(folder: Path, port: int, connection: str = "", line: str = "") -> Given:
    file = folder / "cockpit.toml"
    file.write_text(
        f"[connections.ib]\nbroker = 'ibkr'\n{connection}\n"
        f"[connections.ib.ibkr]\nport = {port}\nconnect_seconds = 2\nrequest_seconds = 1\n{line}\n"
    )
    return Given(config=file, data_dir=folder / "data", port=0)


async def found(given: Given, *, runs: bool = False) -> list[Finding]:
    return await asyncio.to_thread(lambda: examine_brokers(load(given, {}), runs=runs))


async def wrong(given: Given, *, runs: bool = False) -> str:
    """Return the only thing that is wrong."""
    (finding,) = [one for one in await found(given, runs=runs) if one.level is Level.BAD]
    assert finding.mend
    return finding.says


async def test_a_line_that_works_is_said_with_its_account_its_mode_and_its_versions(tmp_path: Path) -> None:
    async with FakeGateway() as gateway:
        findings = await found(given(tmp_path, gateway.port))
        assert {seen.fields[2] for seen in gateway.named("startApi")} == {"17"}
        assert gateway.sessions == [] or all(session.ended for session in gateway.sessions)
    assert [one.level for one in findings] == [Level.GOOD, Level.GOOD]
    answers, account = (one.says for one in findings)
    assert "wire 178, ib_async 2.1.0" in answers
    assert "account DU…567 is a paper account" in account


async def test_while_a_cockpit_runs_its_own_client_numbers_are_left_to_it(tmp_path: Path) -> None:
    async with FakeGateway() as gateway, line_to(gateway.port):
        findings = await found(given(tmp_path, gateway.port), runs=True)
        assert [one.level for one in findings] == [Level.GOOD, Level.GOOD]
        assert gateway.named("startApi")[-1].fields[2] == "1000017"


async def test_it_names_what_is_wrong_with_a_line(tmp_path: Path) -> None:
    async with FakeGateway() as gateway:
        assert "the settings name account DU…999" in await wrong(given(tmp_path, gateway.port, "account = 'DU9999999'"))
        async with line_to(gateway.port):
            assert "client number is in use" in await wrong(given(tmp_path, gateway.port))
        await gateway.down()
        says = await wrong(given(tmp_path, gateway.port))
        assert "nothing listens" in says
        assert says.endswith("at that port?")


async def test_a_read_only_api_is_wrong_where_the_connection_is_there_to_trade(tmp_path: Path) -> None:
    async with FakeGateway(read_only=True) as gateway:
        assert "Read-Only" in await wrong(given(tmp_path, gateway.port))
        findings = await found(given(tmp_path, gateway.port, "trade = false"))
    assert all(one.level is Level.GOOD for one in findings)
    assert "Read-Only" in findings[-1].says


async def test_a_live_account_on_a_paper_connection_is_wrong(tmp_path: Path) -> None:
    async with FakeGateway(accounts=("U7654321",)) as gateway:
        assert "MODE_MISMATCH: account U…321 is a live account" in await wrong(given(tmp_path, gateway.port))


@pytest.mark.parametrize(
    ("token", "mode", "says"),
    [
        ("", 0o600, "holds no token"),
        ("123456", 0o644, "others can read the token"),
        ("123456", 0o600, "nobody else reads it"),
    ],
)
async def test_the_token_for_transfers_has_to_be_there_and_private(
    tmp_path: Path, token: str, mode: int, says: str
) -> None:
    file = tmp_path / "flex"
    file.write_text(token)
    file.chmod(mode)
    async with FakeGateway() as gateway:
        line = f"flex_token_file = '{file}'\nflex_query = '42'"
        findings = await found(given(tmp_path, gateway.port, line=line))
    assert says in findings[-1].says
    assert token == "" or token not in findings[-1].says


async def test_the_examination_holds_the_brokers_too(tmp_path: Path) -> None:
    async with FakeGateway() as gateway:
        findings = await asyncio.to_thread(examine, given(tmp_path, gateway.port), {})
    assert [one.part for one in findings].count("brokers") == 2


async def test_the_paper_broker_has_no_line_to_look_at(tmp_path: Path) -> None:
    settings = load(Given(data_dir=tmp_path, ignore_file=True), {})
    assert examine_brokers(settings, runs=False) == []
