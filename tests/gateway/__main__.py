"""The gateway started by hand, with a market that moves: ``python -m tests.gateway --port 4002``, ended by SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from tests.gateway import FakeGateway, account
from tests.gateway.world import World, move

PAPER, LIVE = "DU1234567", "U1234567"


def arguments() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.gateway", description=__doc__)
    parser.add_argument("--port", type=int, default=4002, help="port on 127.0.0.1; 0 takes one that is free")
    parser.add_argument("--account", help=f"account ids, separated by commas; {PAPER} where none is given")
    parser.add_argument("--live", action="store_true", help=f"as if money were real: the account is {LIVE}")
    parser.add_argument("--read-only", action="store_true", help="refuse orders, as with the box Read-Only API ticked")
    parser.add_argument(
        "--every", type=float, default=1.0, help="seconds between moves of the market; 0: it stands still"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed moves the market the same way")
    parser.add_argument("--hours", action="store_true", help="keep the venues' hours; without it they are always open")
    return parser.parse_args()


async def serve(asked: argparse.Namespace) -> None:
    """Listen until a signal comes."""
    accounts = tuple(filter(None, (asked.account or (LIVE if asked.live else PAPER)).split(",")))
    world = World()
    if not asked.hours:
        world.open_always()
    ended = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, ended.set)
    async with FakeGateway(world, accounts=accounts, port=asked.port, read_only=asked.read_only) as gateway:
        print(f"ready 127.0.0.1:{gateway.port}", flush=True)
        moving = [
            asyncio.create_task(work) for work in (move(world, every=asked.every, seed=asked.seed), _marks(gateway))
        ]
        if not asked.every:
            moving[0].cancel()
        await ended.wait()
        for task in moving:
            task.cancel()
        await asyncio.gather(*moving, return_exceptions=True)


async def _marks(gateway: FakeGateway) -> None:
    while True:
        await asyncio.sleep(3)
        account.tell_marks(gateway)


def main() -> int:
    """Serve; return 1 where the port can't be had."""
    try:
        asyncio.run(serve(arguments()))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
