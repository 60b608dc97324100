"""What the risk gate costs: all checks of one order, beside the whole durable order path of the same run.

    python -m bench.gate

*Checks* is every check over what was seen; *look* is gathering that from a live desk and checking it; *path* is an
order on the paper broker from the client's call, durable, through the operator's approval to the broker's answer, in
which the checks run twice.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from cockpit.desk.risk import CHECKS, evaluate
from cockpit.model.orders import Side, TimeInForce
from cockpit.model.refusals import Refusal
from cockpit.settings.approval import ApprovalSettings
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from tests.desk.desks import Desk, limit, open_desk, place

_LOOSE = PolicySettings(
    max_daily_orders=1_000_000,
    connection_daily_orders=1_000_000,
    max_daily_notional=Decimal(10**12),
    connection_daily_notional=Decimal(10**12),
    max_identical=1_000_000,
)


async def measured(desk: Desk, orders: int, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Return seconds of the checks alone, of a look with checks, and of the whole path."""
    connection = desk.connections.need("paper")
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.1"))
    request = replace(limit(price), time_in_force=TimeInForce.IOC)
    checks: list[float] = []
    looks: list[float] = []
    paths: list[float] = []
    claude = desk.grants.give("bench")
    for turn in range(orders):
        began = time.perf_counter()
        order = await place(desk, claude, request, f"key-{turn:08}")
        answer = await desk.decisions.approve(order.order_id, None, None, None, "bench")
        paths.append(time.perf_counter() - began)
        if isinstance(answer, Refusal):
            raise SystemExit(f"refused: {answer}")
        began = time.perf_counter()
        judged = await desk.observer.judge(connection, request, client="bench")
        looks.append(time.perf_counter() - began)
        for _ in range(rounds):
            began = time.perf_counter()
            evaluate(judged.request, judged.seen, judged.policy)
            checks.append(time.perf_counter() - began)
    return checks, looks, paths


def told(name: str, values: list[float]) -> float:
    """Write median and 99th percentile in microseconds; return the median."""
    cuts = statistics.quantiles(values, n=100)
    print(f"{name:<28} {cuts[49] * 1e6:8.0f} {cuts[98] * 1e6:8.0f}")
    return cuts[49]


async def main(orders: int, rounds: int) -> None:
    """Measure and print."""
    settings = ConnectionSettings(policy=_LOOSE)
    approval = ApprovalSettings(max_pending=200, max_pending_per_client=200)
    with tempfile.TemporaryDirectory() as folder:
        async with open_desk(Path(folder) / "data", settings=settings, approval=approval) as desk:
            await measured(desk, 20, 20)
        async with open_desk(Path(folder) / "again", settings=settings, approval=approval) as desk:
            checks, looks, paths = await measured(desk, orders, rounds)
    print(f"{'microseconds':<28} {'p50':>8} {'p99':>8}")
    once = told(f"{len(CHECKS)} checks", checks)
    told("look at market and checks", looks)
    path = told("order path, durable", paths)
    print(f"the checks, run twice, are {2 * once / path:.1%} of the order path")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--orders", type=int, default=300)
    arguments.add_argument("--rounds", type=int, default=20)
    asked = arguments.parse_args()
    asyncio.run(main(asked.orders, asked.rounds))
