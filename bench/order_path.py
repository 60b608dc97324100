"""From a client's call to the broker's hands, with the intent durable before it leaves; and what group commit brings.

    python -m bench.order_path     rounds of 1 and 16 callers, on the paper broker and on a broker in another process

An order is a limit that finds nobody and ends at once, so that no round leaves anything behind. *Asked* is the client's
call until the order waits, durable; *decided* is the approval with every check on fresh prices until the broker's adapter
has the order; *answered* is the approval until its answer. The peer commits once for each caller, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from cockpit.brokers.base import Broker
from cockpit.desk.risk import evaluate
from cockpit.model.orders import OrderRef, OrderRequest, Side, TimeInForce
from cockpit.model.refusals import Refusal
from cockpit.settings.model import ConnectionSettings, PolicySettings
from cockpit.store import writer
from tests.desk.desks import Desk, limit, open_desk, place
from tests.outside.adapter import OutsideBroker
from tests.outside.control import outside
from tests.outside.desks import ROOMY, WallClock

MANY = 10_000
POLICY = PolicySettings(
    max_daily_orders=MANY,
    max_daily_notional=Decimal(10**9),
    connection_daily_orders=MANY,
    connection_daily_notional=Decimal(10**9),
    max_open_orders=MANY,
    max_open_orders_per_symbol=MANY,
    max_identical=MANY,
)


@dataclass
class Round:
    """What one round measured, in seconds."""

    asked: list[float] = field(default_factory=list)
    decided: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    took: float = 0.0

    @property
    def rate(self) -> float:
        """Orders a second, asked and decided on."""
        return len(self.answered) / self.took


class Arrivals:
    """When the broker's adapter got each order."""

    def __init__(self, broker: Broker) -> None:
        self.at: dict[OrderRef, float] = {}
        submit: Callable[[OrderRef, OrderRequest], Awaitable[None]] = broker.submit

        async def timed(reference: OrderRef, request: OrderRequest) -> None:
            self.at[reference] = time.perf_counter()
            await submit(reference, request)

        broker.submit = timed  # type: ignore[method-assign]


@asynccontextmanager
async def desks(folder: Path, kind: str) -> AsyncIterator[Desk]:
    """Start a desk on the broker of that kind."""
    clock, settings = WallClock(), ConnectionSettings(policy=POLICY)
    if kind == "paper":
        async with open_desk(folder, clock=clock, settings=settings, approval=ROOMY) as desk:
            yield desk
        return
    async with (
        outside() as exchange,
        open_desk(folder, clock=clock, settings=settings, approval=ROOMY, broker=OutsideBroker(exchange.port)) as desk,
    ):
        yield desk


async def walk(desk: Desk, arrivals: Arrivals, callers: int, orders: int) -> Round:
    """Have so many callers ask for orders, each one after the other, and approve each."""
    found = Round()
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.1"))
    request = replace(limit(price), time_in_force=TimeInForce.IOC)

    async def caller(number: int) -> None:
        claude = desk.grants.give(f"client-{number}")
        for turn in range(orders // callers):
            began = time.perf_counter()
            order = await place(desk, claude, request, f"key-{time.monotonic_ns()}-{number}-{turn}")
            asked = time.perf_counter()
            answer = await desk.decisions.approve(order.order_id, None, None, None, "bench")
            answered = time.perf_counter()
            if isinstance(answer, Refusal):
                raise SystemExit(f"refused: {answer}")
            found.asked.append(asked - began)
            found.decided.append(arrivals.at[order.reference] - asked)
            found.answered.append(answered - asked)

    began = time.perf_counter()
    await asyncio.gather(*(caller(number) for number in range(callers)))
    found.took = time.perf_counter() - began
    return found


def told(values: list[float]) -> str:
    """Write median and 99th percentile in milliseconds."""
    cuts = statistics.quantiles(values, n=100)
    return f"{cuts[49] * 1e3:6.2f} {cuts[98] * 1e3:6.2f}"


async def checks(desk: Desk) -> float:
    """Return the median time of all risk checks together, in seconds."""
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.1"))
    judged = await desk.orders.judge(desk.connections.need("paper"), limit(price))
    times: list[float] = []
    for _ in range(500):
        began = time.perf_counter()
        evaluate(judged.request, judged.seen, POLICY)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


async def compare(kind: str, rounds: int, orders: int) -> None:
    """Print both ways of committing side by side, alternating."""
    together = writer._BATCH_UNITS
    with tempfile.TemporaryDirectory() as folder:
        async with desks(Path(folder) / "data", kind) as desk:
            arrivals = Arrivals(desk.connections.need("paper").broker)
            of_all = await checks(desk)
            for callers in (1, 16):
                for _ in range(rounds):
                    each = await walk(desk, arrivals, callers, orders)
                    writer._BATCH_UNITS = 1  # type: ignore[misc]
                    naive = await walk(desk, arrivals, callers, orders)
                    writer._BATCH_UNITS = together  # type: ignore[misc]
                    path = statistics.median(each.asked) + statistics.median(each.decided)
                    print(
                        f"{kind:>7} {callers:7}  {told(each.asked)}  {told(each.decided)}  {told(each.answered)}"
                        f"  {each.rate:7.0f}  {naive.rate:7.0f}  {each.rate / naive.rate:5.2f}  {of_all / path:6.1%}"
                    )


def main() -> None:
    """Run what the arguments ask for."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--orders", type=int, default=320)
    given = arguments.parse_args()
    print(" broker callers  asked p50/p99  decided p50/99  answered p50/99  orders/s  naive/s  ratio  checks")
    for kind in ("paper", "outside"):
        asyncio.run(compare(kind, given.rounds, given.orders))


if __name__ == "__main__":
    main()
