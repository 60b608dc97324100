"""What a venue has halted is not traded: the quote says so, and the check hears it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cockpit.model.identity import Caller
from cockpit.model.quotes import Quote
from tests.desk.desks import Desk, market


@pytest.mark.parametrize(("halted", "passes"), [(True, False), (False, True), (None, True)])
async def test_a_halted_instrument_is_refused(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, halted: bool | None, passes: bool
) -> None:
    connection = desk.connections.need("paper")
    asked = connection.broker.quote

    async def told(instrument: object) -> Quote | None:
        quote = await asked(instrument)  # type: ignore[arg-type]
        return None if quote is None else replace(quote, halted=halted)

    monkeypatch.setattr(connection.broker, "quote", told)
    judged = await desk.observer.judge(connection, market(), client=claude.grant.client)
    (check,) = [one for one in judged.checks if one.code == "INSTRUMENT_HALTED"]
    assert check.ok is passes
