"""Every death of the matrix, once each, in a row.

    python -m tests.outside.soak

A death that leaves anything untrue is told at once; the others go on.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.outside.control import outside
from tests.outside.matrix import die_and_rise, every_case


async def _soak() -> int:
    started, failed, there = time.monotonic(), 0, 0
    cases = list(every_case())
    async with outside() as broker:
        for number, case in enumerate(cases, 1):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    there += await die_and_rise(case, Path(folder) / "data", broker)
                except AssertionError as problem:
                    failed += 1
                    print(f"FAILED {problem}", flush=True)
            if number % 50 == 0:
                print(f"{number} of {len(cases)} deaths, {time.monotonic() - started:.0f} s", flush=True)
    seconds = time.monotonic() - started
    print(f"{len(cases)} deaths in {seconds:.0f} s, {there} at their step, {failed} left something untrue")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_soak()))
