"""How many tool calls a second the cockpit answers, as a ratio to the SDK's own server in the same run.

    python -m bench.calls                          starts a cockpit in a temporary folder, with an API key
    python -m bench.calls --url URL --token TOKEN  uses a running one
    python -m bench.calls --fake                   our transport alone, without gate, token check and audit

The peer is the SDK's lowlevel server under uvicorn, without authentication. Rounds alternate between the servers; medians
are printed. Each server and the load run in processes of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from bench.load import LEGACY, MODERN, Measured, Target, measure

_ROOT = Path(__file__).parent.parent
_OPEN_BUDGET = {
    "COCKPIT_BUDGET__CALLS_PER_SECOND": "100000",
    "COCKPIT_BUDGET__BURST": "1000000",
    "COCKPIT_SERVER__MAX_CALLS_IN_FLIGHT": "256",
}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _process(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *command], cwd=_ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def _await_port(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on {port}")


@contextlib.contextmanager
def _module(name: str, module: str, *arguments: str) -> Iterator[Target]:
    port = _free_port()
    with _process("-m", module, str(port), *arguments):
        _await_port(port)
        yield Target(name, f"http://127.0.0.1:{port}/mcp", "any")


@contextlib.contextmanager
def _cockpit() -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as folder:
        base = ("-m", "cockpit", "--data-dir", folder)
        with _process(*base, "--port", str(_free_port()), "serve", **_OPEN_BUDGET) as process:
            assert process.stdout is not None
            ready = process.stdout.readline().split()
            if ready[:1] != ["ready"]:
                raise SystemExit(f"the cockpit didn't start: {ready}")
            create = [
                "key",
                "create",
                "--name",
                "bench",
                "--connection",
                "paper",
                "--scope",
                "read:market",
                "--yes",
                "--json",
            ]
            made = subprocess.run([sys.executable, *base, *create], cwd=_ROOT, capture_output=True, text=True)
            if made.returncode:
                raise SystemExit(f"no key: {made.stdout}{made.stderr}")
            yield Target("cockpit", ready[1], json.loads(made.stdout)["key"])


def _table(runs: dict[tuple[str, int, str], list[Measured]], names: list[str]) -> None:
    print(f"{'era':12}{'c':>4}  {'server':10}{'rps':>8}{'p50 ms':>9}{'p99 ms':>9}   ratio (lowest to highest round)")
    for era, connections in sorted({key[:2] for key in runs}, reverse=True):
        peer = runs[era, connections, names[0]]
        for name in names:
            measured = runs[era, connections, name]
            ratios = [one.rps / other.rps for one, other in zip(measured, peer, strict=True)]
            print(
                f"{era:12}{connections:4}  {name:10}"
                f"{statistics.median(run.rps for run in measured):8.0f}"
                f"{statistics.median(run.p50_ms for run in measured):9.2f}"
                f"{statistics.median(run.p99_ms for run in measured):9.2f}"
                f"   {statistics.median(ratios):5.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url")
    parser.add_argument("--token", default="")
    parser.add_argument("--fake", action="store_true")
    parser.add_argument("--symbol", default="ALFA")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--peer-json", action="store_true", help="also the SDK's server answering in plain JSON")
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(_module("sdk", "bench.peer"))]
        if asked.peer_json:
            targets.append(stack.enter_context(_module("sdk json", "bench.peer", "json")))
        if asked.url:
            targets.append(Target("cockpit", asked.url, asked.token))
        elif asked.fake:
            targets.append(stack.enter_context(_module("transport", "bench.transport_alone")))
        else:
            targets.append(stack.enter_context(_cockpit()))
        runs: dict[tuple[str, int, str], list[Measured]] = defaultdict(list)
        for target in targets:
            for era in (MODERN, LEGACY):
                measure(target, era, asked.symbol, 4, 1)
        for turn in range(asked.rounds):
            for era in (MODERN, LEGACY):
                for connections in asked.connections:
                    for target in targets if turn % 2 == 0 else reversed(targets):
                        runs[era, connections, target.name].append(
                            measure(target, era, asked.symbol, connections, asked.seconds)
                        )
    _table(runs, [target.name for target in targets])


if __name__ == "__main__":
    main()
