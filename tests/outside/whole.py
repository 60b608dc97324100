"""Deaths of a whole cockpit: a client's calls over HTTP, the operator's acts over the socket, a kill in the middle."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from cockpit.cli.socket_client import ask
from cockpit.model.money import ZERO, plain
from cockpit.model.orders import DONE, BrokerOrder, OrderRef, OrderState
from cockpit.operator.act import Command, Done
from cockpit.settings.where import CONFIG_VARIABLE, SOCKET_NAME
from tests.e2e.hosts import call, environment
from tests.outside.acts import REQUESTS
from tests.outside.control import Outside
from tests.outside.desks import CAREFUL, TRUSTED
from tests.outside.exchange import references
from tests.outside.host import PORT, serve_apart
from tests.outside.points import VARIABLE

_SCOPES: Final = "read:market read:account read:orders preview:orders write:orders"
_SETTINGS: Final = f"""
[server]
port = 0

[connections.paper]
broker = "paper"
toolsets = ["core", "orders"]

[approval]
on_operator_lost = "keep"

[[approval.rules]]
name = "{TRUSTED}"
do = "approve"
when = {{ clients = ["{TRUSTED}"] }}

[[approval.rules]]
name = "{CAREFUL}"
do = "confirm"
when = {{ clients = ["{CAREFUL}"] }}
"""
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.outside.victim", "tests.outside.host"])
_BUY: Final[dict[str, object]] = {"symbol": "ALFA", "side": "buy", "quantity": 5, "order_type": "limit"}
_RESTING: Final[dict[str, object]] = {**_BUY, "limit_price": "99", "time_in_force": "gtc"}
_FILLING: Final[dict[str, object]] = {**_BUY, "limit_price": "101", "time_in_force": "gtc"}
_BRACKET: Final[dict[str, object]] = {**_FILLING, "take_profit_price": "103", "stop_loss_price": "95"}
_OCO: Final[dict[str, object]] = {
    "symbol": "ALFA",
    "quantity": 5,
    "first": {"side": "sell", "order_type": "limit", "limit_price": "102"},
    "second": {"side": "sell", "order_type": "stop", "stop_price": "95"},
}


@dataclass(frozen=True, slots=True)
class Death:
    """Where a whole cockpit dies, and what goes wrong at the broker then."""

    act: str
    step: str
    fault: str = ""


SOME: Final = (
    Death("bracket", "submit_linked.sent", "drop_after"),
    Death("oco", "submit_linked.answered"),
    Death("basket", "submit.sent 2", "silent_after"),
    Death("rule", "approved.after"),
    Death("confirm", "confirmed.after"),
    Death("modify_leg", "replace.sent", "late"),
)


class Running:
    """A cockpit in a process of its own that has said that it serves."""

    def __init__(self, folder: Path, process: BaseProcess, url: str) -> None:
        self.folder = folder
        self.process = process
        self.url = url

    async def do(self, act: str, **arguments: str) -> Any:
        """Do an act of the operator over the socket."""
        answer = await asyncio.to_thread(ask, self.folder / SOCKET_NAME, Command(act, arguments, "socket"))
        assert isinstance(answer, Done), answer
        return answer.data

    @asynccontextmanager
    async def client(self, key: str) -> AsyncIterator[Client]:
        """Connect as a client with a key."""
        async with (
            create_mcp_http_client(headers={"Authorization": f"Bearer {key}"}) as http,
            Client(streamable_http_client(self.url, http_client=http), mode="2026-07-28") as client,
        ):
            yield client

    async def died(self) -> int | None:
        """Wait for its end."""
        await asyncio.to_thread(self.process.join, 10)
        return self.process.exitcode


@asynccontextmanager
async def running(folder: Path, outside: Outside, dies_at: str = "") -> AsyncIterator[Running]:
    """Run a whole cockpit until the end of the block, or until it dies."""
    config = folder.parent / "cockpit.toml"
    config.write_text(_SETTINGS)
    environ = {
        **environment(),
        PORT: str(outside.port),
        CONFIG_VARIABLE: str(config),
        "COCKPIT_DATA_DIR": str(folder),
        **({VARIABLE: dies_at} if dies_at else {}),
    }
    log = folder.parent / "stderr.log"
    reading, writing = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=serve_apart, args=(environ, writing, str(log)))
    process.start()
    writing.close()
    try:
        line = await asyncio.wait_for(asyncio.to_thread(os.read, reading.fileno(), 1000), 30)
        assert line.startswith(b"ready "), log.read_text()
        yield Running(folder, process, line.decode().removeprefix("ready ").strip())
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        reading.close()


def every_death() -> Iterator[Death]:
    """Return every step of each act with each kind of fault that a death can meet."""
    steps = {
        "bracket": ("asked.after", "approved.before", "approved.after"),
        "oco": ("approved.after",),
        "basket": ("approved.after", "submit.before 2", "submit.sent 2", "submit.answered 2"),
        "rule": ("asked.before", "asked.after", "approved.before", "approved.after"),
        "confirm": ("confirmed.before", "confirmed.after", "approved.after"),
        "modify_leg": ("change_sent.before", "change_sent.after"),
    }
    for act, own in steps.items():
        wire = tuple(f"{REQUESTS[act]}.{when}" for when in ("before", "sent", "answered"))
        # Before what is held or changed was bought, another order has come to these steps.
        yield from (Death(act, step) for step in (*own, *(wire if act != "oco" else wire[:2])))
        for fault in ("drop_before", "drop_after", "silent", "silent_after", "late", "restart", "reject"):
            yield Death(act, f"{REQUESTS[act]}.sent", fault)


async def die_and_rise(death: Death, folder: Path, outside: Outside) -> None:
    """Have a whole cockpit die, start it again, and look whether all is true and nothing was sent twice."""
    await outside.reset()
    client = {"rule": TRUSTED, "confirm": CAREFUL}.get(death.act, "claude")
    async with running(folder, outside, death.step) as cockpit:
        made = await cockpit.do("key.create", name=client, connection="paper", scope=_SCOPES)
        acting = asyncio.create_task(_act(death, cockpit, outside, made["key"]))
        code = await cockpit.died()
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
        assert code == -signal.SIGKILL, f"{death}: exit code {code}, {acting}"
    await outside.heal()
    await outside.settle()
    async with running(folder, outside) as cockpit:
        compared = await cockpit.do("reconcile")
        orders = {OrderRef(one["reference"]): one for one in await cockpit.do("orders")}
        _look(death, orders, await outside.books(), {one for row in compared for one in row["unknown"]})
        await _look_at_journal(death, outside)
        if death.act == "rule":
            await _asked_again(death, cockpit, outside, made["key"], orders)


async def _act(death: Death, cockpit: Running, outside: Outside, key: str) -> None:
    async def arm() -> None:
        if death.fault:
            await outside.fault(REQUESTS[death.act], death.fault, seconds=0.05)

    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(cockpit.client(key))
        await _ACTS[death.act](cockpit, client, arm)


_Arm = Callable[[], Awaitable[None]]


async def _placed(client: Client, tool: str, key: str, terms: dict[str, object]) -> dict[str, Any]:
    placed, failed = await call(client, tool, idempotency_key=key, **terms)
    assert not failed, placed
    return placed


async def _bracket(cockpit: Running, client: Client, arm: _Arm) -> None:
    group = await _placed(client, "place_bracket", "the-bracket", _BRACKET)
    await arm()
    await cockpit.do("order.approve", order_id=group["orders"][0]["order_id"])


async def _oco(cockpit: Running, client: Client, arm: _Arm) -> None:
    group = await _placed(client, "place_oco", "the-pair", _OCO)
    await arm()
    await cockpit.do("order.approve", order_id=group["orders"][0]["order_id"])


async def _basket(cockpit: Running, client: Client, arm: _Arm) -> None:
    other = {**_RESTING, "symbol": "BRVO", "limit_price": "49"}
    group = await _placed(client, "place_basket", "the-basket", {"orders": [_FILLING, other]})
    await arm()
    await cockpit.do("order.approve", order_id=group["orders"][0]["order_id"])


async def _rule(cockpit: Running, client: Client, arm: _Arm) -> None:
    await arm()
    await _placed(client, "place_order", "the-order", _RESTING)


async def _confirm(cockpit: Running, client: Client, arm: _Arm) -> None:
    order = await _placed(client, "place_order", "the-order", _RESTING)
    await arm()
    await call(client, "confirm_order", order_id=order["order_id"])
    await cockpit.do("order.approve", order_id=order["order_id"])


async def _modify_leg(cockpit: Running, client: Client, arm: _Arm) -> None:
    group = await _placed(client, "place_bracket", "the-bracket", _BRACKET)
    await cockpit.do("order.approve", order_id=group["orders"][0]["order_id"])
    stop = group["orders"][2]["order_id"]
    working, _ = await call(client, "wait_for_order", order_id=stop, seen_state="pending")
    assert working["state"] == OrderState.WORKING, working
    await arm()
    changed, failed = await call(client, "modify_order", order_id=stop, stop_price="96")
    assert not failed, changed


_ACTS: Final[dict[str, Callable[[Running, Client, _Arm], Awaitable[None]]]] = {
    "bracket": _bracket,
    "oco": _oco,
    "basket": _basket,
    "rule": _rule,
    "confirm": _confirm,
    "modify_leg": _modify_leg,
}


def _look(
    death: Death, orders: dict[OrderRef, dict[str, Any]], truth: dict[OrderRef, BrokerOrder], unknown: set[str]
) -> None:
    assert truth.keys() <= orders.keys(), f"{death}: lost {truth.keys() - orders.keys()}"
    for reference, ours in orders.items():
        theirs = truth.get(reference)
        if ours["state"] == OrderState.UNKNOWN:
            assert ours["order_id"] in unknown, f"{death}: unknown and not told"
            assert theirs is None, f"{death}: unknown, and the broker shows {theirs}"
        elif theirs is None:
            assert ours["state"] in DONE | {OrderState.PENDING}, f"{death}: {ours['state']}, the broker has nothing"
            assert ours["filled"] == "0", f"{death}: filled, and the broker has nothing"
        else:
            filled = plain(sum((one.quantity for one in theirs.executions), ZERO))
            assert (ours["state"], ours["filled"]) == (theirs.state, filled), f"{death}: {ours} {theirs}"
            stop = theirs.request.stop_price
            assert ours["stop_price"] == (None if stop is None else plain(stop)), f"{death}: {ours} {theirs}"


async def _look_at_journal(death: Death, outside: Outside) -> None:
    journal = await outside.journal()
    sent = [line for line in journal if line["do"] in {"submit", "submit_linked"}]
    times = Counter(reference for line in sent for reference in references(line))
    assert all(count == 1 for count in times.values()), f"{death}: sent twice: {times}"
    assert sum(1 for line in journal if line["do"] == "replace") <= 1, f"{death}: changed twice"


async def _asked_again(
    death: Death, cockpit: Running, outside: Outside, key: str, before: dict[OrderRef, dict[str, Any]]
) -> None:
    """The same key is the same order; no rule approves anew what a death left waiting."""
    async with cockpit.client(key) as client:
        order = await _placed(client, "place_order", "the-order", _RESTING)
    known = [one["order_id"] for one in before.values()]
    assert not known or known == [order["order_id"]], f"{death}: {known} became {order}"
    sent = {reference for line in await outside.journal("submit") for reference in references(line)}
    assert len(sent) <= 1, f"{death}: {sent}"
    if before:
        assert order["state"] == next(iter(before.values()))["state"], f"{death}: {before} became {order}"
