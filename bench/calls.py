"""How many tool calls a second the cockpit answers, in one run with other servers; its ratio to each comes first.

    python -m bench.calls            all peers, a cockpit without and one with a screen
    python -m bench.calls --quick    one shorter round
    python -m bench.calls --fake     our transport alone, without gate, token check and audit, against the SDK's
    python -m bench.calls --url URL --token TOKEN    a cockpit that runs

Rounds alternate between the servers; medians are printed. Each server and the load run in processes of their own. The
ratio of processor time is that which a call takes of the peer's process, in that which it takes of the cockpit's; it is
what to look at while something else keeps the machine busy.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.call_servers import Started, cockpit, cockpit_with_screen, module, node_peer, processor_seconds
from bench.load import LEGACY, MODERN, Measured, Target, measure

_OURS = "cockpit"
_SCREEN = "cockpit, screen"
_WHAT = {
    "sdk": "the SDK's starlette and uvicorn, no token",
    "sdk + jwt": "the SDK's FastMCP with a JWT verified for each call",
    "typescript": "the TypeScript SDK on Node, no token",
    "raw": "aiohttp and orjson alone: the limit",
    _OURS: "token, scope, budget and durable audit",
    _SCREEN: "the same with its screen on a terminal",
    "transport": "our transport without the product behind it",
}


@dataclass(frozen=True, slots=True)
class Round:
    """One run, with what it took of the server's processor."""

    measured: Measured
    microseconds: float
    """Of processor time for each call; nought where the server isn't ours to look at."""


Runs = dict[tuple[str, int, str], list[Round]]


def _round(target: Target, era: str, symbol: str, connections: int, seconds: float) -> Round:
    before = processor_seconds(target.pid) if target.pid else 0.0
    measured = measure(target, era, symbol, connections, seconds)
    spent = processor_seconds(target.pid) - before if target.pid else 0.0
    return Round(measured, spent / measured.calls * 1e6)


def _ratios(runs: Runs, names: Sequence[str], ours: str) -> None:
    print(f"calls a second of the {ours}, in those of each other (lowest to highest round), and in processor time")
    for era, connections in sorted({key[:2] for key in runs}, reverse=True):
        own = runs[era, connections, ours]
        for name in names:
            if name == ours:
                continue
            other = runs[era, connections, name]
            found = [one.measured.rps / peer.measured.rps for one, peer in zip(own, other, strict=True)]
            spent = [
                peer.microseconds / one.microseconds for one, peer in zip(own, other, strict=True) if one.microseconds
            ]
            processor = f"{statistics.median(spent):6.2f}" if spent else ""
            print(
                f"{era:12}{connections:4}  {name:16}{statistics.median(found):6.2f}"
                f"  ({min(found):.2f} to {max(found):.2f}){processor}"
            )


def _figures(runs: Runs, names: Sequence[str]) -> None:
    print(f"\n{'era':12}{'c':>4}  {'server':16}{'calls/s':>8}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}")
    for era, connections in sorted({key[:2] for key in runs}, reverse=True):
        for name in names:
            rounds = runs[era, connections, name]
            print(
                f"{era:12}{connections:4}  {name:16}"
                f"{statistics.median(one.measured.rps for one in rounds):8.0f}"
                f"{statistics.median(one.measured.p50_ms for one in rounds):9.2f}"
                f"{statistics.median(one.measured.p99_ms for one in rounds):9.2f}"
                f"{statistics.median(one.microseconds for one in rounds):9.0f}"
            )
    print()
    for name in names:
        print(f"{name:16}{_WHAT.get(name, '')}")


def _chosen(asked: argparse.Namespace) -> list[Started | contextlib.AbstractContextManager[Target | None]]:
    sdk = module("sdk", "bench.peer")
    if asked.fake:
        return [sdk, module("transport", "bench.transport_alone"), module("raw", "bench.peer_raw")]
    own = (
        [contextlib.nullcontext(Target(_OURS, asked.url, asked.token))]
        if asked.url
        else [cockpit(_OURS), cockpit_with_screen(_SCREEN)]
    )
    return [
        sdk,
        module("sdk + jwt", "bench.peer_checked", tells_token=True),
        node_peer("typescript"),
        module("raw", "bench.peer_raw"),
        *own,
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url")
    parser.add_argument("--token", default="")
    parser.add_argument("--fake", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--symbol", default="ALFA")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    asked = parser.parse_args()
    rounds = asked.rounds or (1 if asked.quick else 3)
    seconds = asked.seconds or (1.0 if asked.quick else 2.0)
    runs: Runs = defaultdict(list)
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(server) for server in _chosen(asked)]
        targets = [target for target in opened if target is not None]
        for target in targets:
            for era in (MODERN, LEGACY):
                measure(target, era, asked.symbol, 4, 1)
        for turn in range(rounds):
            for era in (MODERN, LEGACY):
                for connections in asked.connections:
                    for target in targets if turn % 2 == 0 else reversed(targets):
                        runs[era, connections, target.name].append(
                            _round(target, era, asked.symbol, connections, seconds)
                        )
    names = [target.name for target in targets]
    _ratios(runs, names, "transport" if asked.fake else _OURS)
    _figures(runs, names)


if __name__ == "__main__":
    main()
