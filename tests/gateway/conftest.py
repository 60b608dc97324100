"""Fixtures of the gateway's own tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.asking import alfa, ib
from tests.gateway.fixtures import gateway

__all__ = ["alfa", "gateway", "ib"]


@pytest.fixture(autouse=True)
def everything_is_readable(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which the client could not read a message of the gateway."""
    yield
    unread = [one.getMessage() for one in caplog.get_records("call") if one.name == "ib_async.Decoder"]
    unread += [one.getMessage() for one in caplog.get_records("call") if one.exc_info]
    assert not unread
