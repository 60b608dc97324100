"""Deaths of a cockpit while an order is on its way to TWS, what happens to the order meanwhile, and what must hold then.

python -m tests.ibkr.deaths      each of them, with processes that are killed
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cockpit.model.orders import Order as Known
from cockpit.model.orders import OrderState
from tests.gateway import FakeGateway
from tests.gateway.orders import Order
from tests.gateway.planned import Fault, Proceed, carry_on
from tests.gateway.session import Session
from tests.ibkr import truth
from tests.ibkr.cockpits import CLIENT_ID, Within, apart, settings_of, within
from tests.outside.desks import WallClock

POINTS: Final = ("before accept", "no answer", "after openOrder", "after status")
OUTCOMES: Final = ("resting", "filled", "partial", "cancelled")
_DIGEST: Final = 0.03
"""Seconds for what was told before a death to come down to the disk."""
_FIVE_SECONDS: Final = 6.0

Kill = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Death:
    """When a cockpit dies, what the broker does meanwhile, and as which client it comes back."""

    point: str
    outcome: str
    same_client: bool

    def __str__(self) -> str:
        return f"{self.point}, {self.outcome}, {'same' if self.same_client else 'new'} client id"


def every_death() -> Iterator[Death]:
    """Return every point with every outcome and either client id."""
    return (Death(*one) for one in itertools.product(POINTS, OUTCOMES, (True, False)))


def dies(point: str, kill: Kill) -> Fault:
    """Return a fault of placeOrder that kills the cockpit at that point, and lets the connection end with it."""

    async def end(session: Session) -> None:
        session.muted = True
        await asyncio.sleep(_DIGEST)
        kill()
        session.abort()

    async def fault(session: Session, _: list[str], proceed: Proceed) -> None:
        if point == "before accept":
            await end(session)
            return
        if point == "no answer":
            session.muted = True
        else:
            last = {"after openOrder": "openOrder", "after status": "orderStatus"}[point]
            session.gateway.once(last, _then_mute, when=lambda told, _: told is session)
        await carry_on(proceed)
        await end(session)

    return fault


def _then_mute(session: Session, _: list[str], proceed: Proceed) -> None:
    proceed()
    session.muted = True


def happen(gateway: FakeGateway, outcome: str, order: Order) -> None:
    """Let the broker do with an order what it does while nobody listens."""
    match outcome:
        case "filled":
            gateway.book.fill(order)
        case "partial":
            gateway.book.fill(order, 2)
        case "cancelled":
            gateway.book.cancel(order, by="Cancelled by Trader")
        case _:
            pass


async def die_and_rise(death: Death, folder: Path, *, really: bool = False) -> None:
    """Have a cockpit die, start another one over what it left on the disk, and look whether all is true."""
    # Two lives of a cockpit within one second are two budgets; no process begins anew as fast as that.
    async with FakeGateway(messages_per_second=100, open_always=True, matching=False) as gateway:
        stranger = truth.Stranger(gateway)
        left, key = await (_dies_apart if really else _dies_within)(death, folder, gateway)
        for order in [one for one in gateway.book.live() if one is not stranger.order]:
            happen(gateway, death.outcome, order)
        client_id = CLIENT_ID if death.same_client else CLIENT_ID + 1
        clock = WallClock()
        async with within(left, settings_of(gateway.port, client_id=client_id), clock=clock) as cockpit:
            _look(death, gateway, cockpit)
            if death.point == "before accept":
                # The books lack it twice, five seconds apart: then it is known never to have been there.
                await cockpit.do("reconcile")
                clock.pass_time(_FIVE_SECONDS)
                await cockpit.do("reconcile")
                _look(death, gateway, cockpit)
            (one,) = cockpit.known().values()
            assert one.state is not OrderState.UNKNOWN, f"{death}: nobody knows what became of it"
            await _asked_again(death, gateway, cockpit, key, one)
            assert stranger.is_untouched(), f"{death}: somebody else's order was touched"


async def _dies_within(death: Death, folder: Path, gateway: FakeGateway) -> tuple[Path, str]:
    died = asyncio.Event()
    left: list[Path] = []
    async with within(folder, settings_of(gateway.port)) as cockpit:

        def kill() -> None:
            left.append(cockpit.photographed())
            died.set()

        gateway.once("newOrder", dies(death.point, kill))
        key = await cockpit.key()
        placing = asyncio.create_task(cockpit.place(key))
        await _until(died)
        placing.cancel()
        await asyncio.gather(placing, return_exceptions=True)
    return left[0], key


async def _dies_apart(death: Death, folder: Path, gateway: FakeGateway) -> tuple[Path, str]:
    died = asyncio.Event()
    async with apart(folder, settings_of(gateway.port)) as cockpit:

        def kill() -> None:
            cockpit.kill()
            died.set()

        gateway.once("newOrder", dies(death.point, kill))
        key = await cockpit.key()
        placing = asyncio.create_task(cockpit.place(key))
        await _until(died)
        await cockpit.died()
        placing.cancel()
        await asyncio.gather(placing, return_exceptions=True)
    return folder, key


async def _until(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()


def _look(death: Death, gateway: FakeGateway, cockpit: Within) -> None:
    ours = cockpit.known()
    assert len(ours) == 1, f"{death}: {ours}"
    try:
        truth.agrees(gateway, ours, " ".join(cockpit.notices()))
    except AssertionError as problem:
        problem.add_note(str(death))
        raise


async def _asked_again(death: Death, gateway: FakeGateway, cockpit: Within, key: str, before: Known) -> None:
    """The same idempotency key is the same order, and nothing leaves for it."""
    again = await cockpit.place(key)
    assert (again["order_id"], again["state"]) == (before.order_id, before.state), f"{death}: {again}"
    assert truth.sent(gateway) == {(before.reference, "5", "400"): 1}, f"{death}: sent {truth.sent(gateway)}"


async def _every_one() -> int:
    """Let processes die in every way, and tell which left something untrue."""
    began, failed, deaths = time.monotonic(), 0, list(every_death())
    for death in deaths:
        with tempfile.TemporaryDirectory() as folder:
            try:
                await die_and_rise(death, Path(folder) / "data", really=True)
            except AssertionError as problem:
                failed += 1
                print(f"FAILED {death}: {problem}", flush=True)
    print(f"{len(deaths)} deaths at TWS in {time.monotonic() - began:.0f} s, {failed} left something untrue")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_every_one()))
