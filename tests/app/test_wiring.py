"""A whole cockpit in this process: what its operator's acts do, and what it finds again after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from cockpit.app.wiring import running
from cockpit.brokers.base import BrokerUnavailable
from cockpit.model.clock import SystemClock
from cockpit.model.refusals import Refusal
from cockpit.model.trading import TradingState
from cockpit.operator.act import Command, Done
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind
from tests.app.opened import act, call, cockpit, done


async def test_a_kill_on_a_read_only_disk_still_ends_every_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(self: Path, missing_ok: bool = False) -> None:
        raise OSError(30, "Read-only file system")

    async with cockpit(tmp_path / "data") as opened:
        key = (await done(opened, "key.create", name="bot", scope="read:market"))["key"]
        with monkeypatch.context() as disk:
            disk.setattr(Path, "unlink", refuses)
            await done(opened, "kill")
        assert await call(opened, key, "get_quote", symbol="ALFA") == 401
        assert opened.face.snapshot().switch.state is TradingState.KILLED


async def test_a_kill_wins_over_a_resume_at_the_same_time(tmp_path: Path) -> None:
    async with cockpit(tmp_path / "data") as opened:
        await done(opened, "halt")
        resumed, killed = await asyncio.gather(act(opened, "resume"), act(opened, "kill"))
        assert isinstance(killed, Done)
        assert isinstance(resumed, Refusal)
        assert opened.face.snapshot().switch.state is TradingState.KILLED


async def test_a_start_after_an_unwritten_kill_lets_nobody_in_and_a_resume_revives_nothing(tmp_path: Path) -> None:
    async with cockpit(tmp_path / "data") as opened:
        key = (await done(opened, "key.create", name="bot", scope="read:market"))["key"]
    # What a kill on a full disk leaves: the marker is gone, the database says RUNNING and all keys live.
    (tmp_path / "data" / "running").unlink()
    async with cockpit(tmp_path / "data") as opened:
        assert opened.face.snapshot().switch.state is TradingState.KILLED
        assert await call(opened, key, "get_quote", symbol="ALFA") == 401
        async with aiohttp.ClientSession() as outside:
            register = {"client_name": "x", "redirect_uris": ["http://127.0.0.1/cb"]}
            answer = await outside.post(opened.url.replace("/mcp", "/oauth/register"), json=register)
            assert answer.status == 503
        await done(opened, "resume")
        assert await call(opened, key, "get_quote", symbol="ALFA") == 401
        await done(opened, "key.enable", name="bot")
        assert await call(opened, key, "get_quote", symbol="ALFA") == 200


@pytest.mark.parametrize(("lower", "state"), [("halt", TradingState.HALTED), ("reduce", TradingState.REDUCE_ONLY)])
async def test_a_lowered_switch_stands_there_after_a_restart(tmp_path: Path, lower: str, state: TradingState) -> None:
    async with cockpit(tmp_path / "data") as opened:
        await done(opened, lower, reason="because")
    async with cockpit(tmp_path / "data") as opened:
        stands = opened.face.snapshot().switch
        assert (stands.state, stands.reason) == (state, "because")


async def test_scopes_change_as_a_whole_and_count_from_the_next_call(tmp_path: Path) -> None:
    async with cockpit(tmp_path / "data") as opened:
        key = (await done(opened, "key.create", name="bot", scope="read:market read:orders"))["key"]
        assert await call(opened, key, "list_orders") == 200
        (row,) = await done(opened, "client.scopes", client="bot", drop="read:orders")
        assert row["scopes"] == ["read:market"]
        (snapshot,) = opened.face.snapshot().clients
        assert [scope.value for scope in snapshot.scopes] == ["read:market"]
        assert isinstance(await act(opened, "client.scopes", client="nobody", drop="read:orders"), Refusal)
        assert isinstance(await act(opened, "client.scopes", client="bot"), Refusal)


async def test_revoking_ends_a_client_at_its_next_call(tmp_path: Path) -> None:
    async with cockpit(tmp_path / "data") as opened:
        key = (await done(opened, "key.create", name="bot", scope="read:market"))["key"]
        await done(opened, "client.revoke", client="bot")
        assert await call(opened, key, "get_quote", symbol="ALFA") == 401
        assert opened.face.snapshot().clients == ()


async def test_an_order_that_waits_dies_with_its_clients_authority(tmp_path: Path) -> None:
    async with cockpit(tmp_path / "data") as opened:
        key = (await done(opened, "key.create", name="bot", scope="write:orders"))["key"]
        placed = await call(
            opened, key, "place_order", symbol="ALFA", side="buy", quantity=1, order_type="market",
            idempotency_key="dies-with-it",
        )  # fmt: skip
        assert placed == 200
        assert len(opened.face.snapshot().pending_orders) == 1
        gone = opened.face.subscribe()
        await done(opened, "client.revoke", client="bot")
        for _ in range(100):
            if not opened.face.snapshot().pending_orders:
                break
            await asyncio.sleep(0.02)
        gone.close()
        assert opened.face.snapshot().pending_orders == ()


async def test_an_unknown_act_and_bad_arguments_are_refused(tmp_path: Path) -> None:
    async with cockpit(tmp_path / "data") as opened:
        for name, arguments in (
            ("order.everything", {}),
            ("order.approve", {}),
            ("order.approve", {"order_id": "o-1", "quantity": "-1"}),
            ("client.approve", {"code": "BCDFGH", "scope": "write:everything"}),
            ("client.approve", {"code": "BCDFGH"}),
            ("key.create", {"name": "bad\x1bname", "scope": "read:market"}),
            ("order.cancel", {"order_id": "o-none"}),
        ):
            answer = await opened.face.run(Command(name, arguments))
            assert isinstance(answer, Refusal), name


async def test_a_snapshot_costs_nothing_while_nothing_happens(tmp_path: Path) -> None:
    async with cockpit(tmp_path / "data") as opened:
        assert opened.face.snapshot() is opened.face.snapshot()


async def test_a_connection_that_names_another_account_than_the_brokers_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "cockpit.toml").write_text('[connections.paper]\naccount = "U1234567"\n')
    settings = load(Given(data_dir=tmp_path / "data", port=0, config=tmp_path / "cockpit.toml"), {})
    taken = bind("127.0.0.1", 0)
    with pytest.raises(BrokerUnavailable, match="U1234567"):
        async with running(settings, taken, SystemClock(), asyncio.Event()):
            pass
    taken.close()
