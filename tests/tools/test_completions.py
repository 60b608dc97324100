"""What completion tells to whom."""

from __future__ import annotations

from cockpit.model.identity import Scope
from server.completion_host import DeskCompletions
from server.host import Completing
from tests.desk.desks import Desk
from tests.tools.conftest import Ask, rooms_of


async def test_held_symbols_are_completed_only_for_who_may_read_positions(desk: Desk, ask: Ask) -> None:
    await ask("place_order", symbol="ALFA", side="buy", quantity=1, order_type="market", idempotency_key="complete-1")
    (order,) = desk.book.all()
    assert await desk.decisions.approve(order.order_id, order.version, None, None, "test")
    completions = DeskCompletions(desk.gate, rooms_of(desk))
    asked = Completing("symbol", "", template="cockpit://quotes/{symbol}")
    market, account = frozenset({Scope.READ_MARKET}), frozenset({Scope.READ_MARKET, Scope.READ_ACCOUNT})
    assert await completions.complete(desk.grants.give("holder", account), asked) == ["ALFA"]
    assert list(await completions.complete(desk.grants.give("nosy", market), asked)) == []
