"""What the screen costs the host that it shares a loop with, and the line that it is drawn over, beside Textual's own widgets.

    python -m bench.screen            some four minutes
    python -m bench.screen --quick    one round, shorter

The cockpit's whole screen stands beside a RichLog and a DataTable with the same calls in the same columns, drawn as often
and kept as long; those show nothing else. Each runs in a process of its own on a real pseudo-terminal that is always read,
with HTTP in the same loop behind the host's guard. Rounds alternate between them; medians of the rounds are printed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from bench.screen_peers import HELD
from bench.screen_terminal import Terminal, terminal

KINDS: Final = {"cockpit": b"CALLS", "richlog": b"filter", "datatable": b"filter"}
"""What is compared, and what the first painting of each shows."""
SIZES: Final = ((160, 45), (80, 24))
LARGE: Final = SIZES[0]
SIGNS: Final = "§¶¤¢"
"""What is typed for the time from key to painting: shown nowhere else, and never the same twice in a row."""
FILLED: Final = {"cockpit": 100_000, "richlog": 20_000, "datatable": 20_000}
"""Rows by which memory is measured; the peers take too long for more."""
_SETTLED: Final = 0.4

Figures = dict[str, float]


def at(share: float, values: Iterable[float]) -> float:
    """Return the value below which that share of them lies."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]


def under_load(shown: Terminal, seconds: float) -> Figures:
    """Measure frames, and answers beside them, at a thousand calls a second."""
    _rate(shown, 1000)
    before = shown.read
    answers = shown.probe(seconds)
    told = shown.ask("/figures")
    frames = told["frames"]
    return {
        "frame p50, ms": 1e3 * at(0.5, frames),
        "frame p95, ms": 1e3 * at(0.95, frames),
        "held up at most, ms": 1e3 * told["held_up"],
        "layouts a second": told["layouts"] / told["seconds"],
        "/healthz p50, ms": 1e3 * at(0.5, answers),
        "/healthz p99, ms": 1e3 * at(0.99, answers),
        "/healthz worst, ms": 1e3 * max(answers),
        "kB/s at 1,000/s": (shown.read - before) / told["seconds"] / 1e3,
    }


def keys(shown: Terminal, kind: str, count: int) -> Figures:
    """Measure from a key to its painting, at a thousand calls a second."""
    if kind == "cockpit":
        shown.type(b":")
    _rate(shown, 1000)
    took: list[float] = []
    for place in range(count):
        took.append(shown.key_to_paint(SIGNS[place % len(SIGNS)]))
        time.sleep(0.083)
    if kind == "cockpit":
        shown.type(b"\x1b")
    return {"key to paint p50, ms": 1e3 * at(0.5, took), "key to paint p90, ms": 1e3 * at(0.9, took)}


def at_rate(shown: Terminal, per_second: int, seconds: float, drawn: int = 8) -> Figures:
    """Measure CPU and bytes at a rate of calls that people have, with nothing else asked."""
    shown.ask(f"/drawn?per_second={drawn}")
    _rate(shown, per_second)
    before = shown.read
    time.sleep(seconds)
    told, read = shown.ask("/figures"), shown.read - before
    name = f"at {per_second}/s" if per_second else "idle"
    drawn_as = f", {drawn} Hz" if per_second == 20 else ""
    figures = {f"kB/s {name}{drawn_as}": read / told["seconds"] / 1e3}
    return figures if drawn == 4 else figures | {f"CPU {name}, %": 100 * told["cpu"] / told["seconds"]}


def _rate(shown: Terminal, per_second: int) -> None:
    shown.ask(f"/rate?per_second={per_second}")
    time.sleep(_SETTLED)
    shown.ask("/figures")


def measured(kind: str, size: tuple[int, int], seconds: float, presses: int) -> Figures:
    """Measure one program once."""
    with terminal(["bench.screen_guest", kind, "8", str(HELD)], size, KINDS[kind]) as shown:
        figures = {"first paint, s": shown.first_painted}
        time.sleep(1)
        figures |= under_load(shown, seconds)
        if size == LARGE:
            figures |= keys(shown, kind, presses)
            figures |= at_rate(shown, 100, seconds)
        figures |= at_rate(shown, 20, seconds)
        figures |= at_rate(shown, 20, seconds, drawn=4)
        return figures | at_rate(shown, 0, seconds)


def memory(kind: str) -> Figures:
    """Measure what a row takes."""
    rows = FILLED[kind]
    with terminal(["bench.screen_guest", kind, "8", str(rows)], LARGE, KINDS[kind]) as shown:
        told = shown.ask(f"/fill?rows={rows}")
    each = told["kb"] / rows
    return {"kB a row": each, "MB for 100,000 rows": each * 100, "s to take 100,000": told["seconds"] / rows * 1e5}


def table(title: str, medians: dict[str, Figures]) -> None:
    """Print ratios, then figures."""
    ours, *others = medians
    print(f"\n{title:<26}" + "".join(f"{'of ' + other:>14}" for other in others) + "".join(f"{k:>12}" for k in medians))
    for name, value in medians[ours].items():
        ratios = (value / theirs if (theirs := medians[other][name]) else float("nan") for other in others)
        print(
            f"{name:<26}"
            + "".join(f"{ratio:14.2f}" for ratio in ratios)
            + "".join(f"{figures[name]:12.2f}" for figures in medians.values())
        )


def aims(large: dict[str, Figures]) -> None:
    """Say which aims are met."""
    ours = large["cockpit"]
    share = ours["frame p50, ms"] / large["datatable"]["frame p50, ms"]
    print()
    for what, value, most in (
        ("a frame, of DataTable's", share, 0.25),
        ("key to paint p90, ms", ours["key to paint p90, ms"], 50),
        ("/healthz p99, ms", ours["/healthz p99, ms"], 15),
    ):
        print(f"{what:<26}{value:8.2f}   aim {most:<6} {'met' if value <= most else 'MISSED'}")


def main(rounds: int, seconds: float, presses: int) -> None:
    """Measure and print."""
    runs: dict[tuple[tuple[int, int], str], list[Figures]] = defaultdict(list)
    for turn in range(rounds):
        for kind in list(KINDS) if turn % 2 == 0 else reversed(KINDS):
            for size in SIZES:
                runs[size, kind].append(measured(kind, size, seconds, presses))
    for size in SIZES:
        table(f"{size[0]}x{size[1]}", {kind: median(runs[size, kind]) for kind in KINDS})
    table("memory", {kind: memory(kind) for kind in KINDS})
    aims({kind: median(runs[LARGE, kind]) for kind in KINDS})


def median(rounds: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=1.7)
    arguments.add_argument("--presses", type=int, default=12)
    asked = arguments.parse_args()
    if asked.quick:
        main(1, 1.0, 8)
    else:
        main(asked.rounds, asked.seconds, asked.presses)
