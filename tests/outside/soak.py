"""Every death of the matrix, of a desk and of a whole cockpit, once each, in a row.

    python -m tests.outside.soak [ACT ...]

Without an act, those of all. A death that leaves anything untrue is told at once; the others go on.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.outside import matrix, whole
from tests.outside.control import Outside, outside
from tests.outside.matrix import every_case
from tests.outside.victim import Case
from tests.outside.whole import Death, every_death


async def _soak(acts: Sequence[str]) -> int:
    started, failed, there = time.monotonic(), 0, 0
    deaths: list[Case | Death] = [*every_case(), *every_death()]
    chosen = [one for one in deaths if not acts or one.act in acts]
    async with outside() as broker:
        for number, one in enumerate(chosen, 1):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    there += await _die(one, Path(folder) / "data", broker)
                except AssertionError as problem:
                    failed += 1
                    print(f"FAILED {problem}", flush=True)
            if number % 50 == 0:
                print(f"{number} of {len(chosen)} deaths, {time.monotonic() - started:.0f} s", flush=True)
    seconds = time.monotonic() - started
    print(f"{len(chosen)} deaths in {seconds:.0f} s, {there} at their step, {failed} left something untrue")
    return 1 if failed else 0


async def _die(one: Case | Death, folder: Path, broker: Outside) -> bool:
    if isinstance(one, Case):
        return await matrix.die_and_rise(one, folder, broker)
    await whole.die_and_rise(one, folder, broker)
    return True


if __name__ == "__main__":
    sys.exit(asyncio.run(_soak(sys.argv[1:])))
