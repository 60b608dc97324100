from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.outside.control import Outside, controlled


@pytest.fixture(scope="session")
def exchange_port() -> Iterator[int]:
    """The port of the one broker outside, which every test resets."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.outside.exchange"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()


@pytest.fixture
async def outside(exchange_port: int) -> AsyncIterator[Outside]:
    async with controlled(exchange_port) as opened:
        await opened.reset()
        yield opened
