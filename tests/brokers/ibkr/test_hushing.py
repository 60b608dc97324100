"""What ib_async may log."""

from __future__ import annotations

import logging

import pytest

from cockpit.brokers.ibkr.hushing import hush


def test_lines_of_ib_async_are_short_and_without_account_numbers(caplog: pytest.LogCaptureFixture) -> None:
    hush()
    hush()
    try:
        raise ValueError("DU1234567")
    except ValueError:
        logging.getLogger("ib_async.Decoder").exception("fields %s of %s\n%s", "\x1b[2J", "DU1234567", "x" * 10_000)
    logging.getLogger("ib_async.wrapper").error("position: DU1234567")
    (record,) = caplog.records
    assert "DU…567" in record.getMessage()
    assert "1234567" not in caplog.text
    assert "\x1b" not in caplog.text
    assert len(caplog.text) < 500
