"""The same key is the same order, however many ask at once and in whatever order."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.model.orders import Order
from cockpit.model.refusals import Refused
from tests.desk.desks import market, open_desk, place


@settings(max_examples=15, deadline=None)
@given(
    calls=st.lists(st.tuples(st.sampled_from(["key-00000001", "key-00000002"]), st.integers(1, 2)), max_size=12),
    again=st.booleans(),
)
def test_one_key_is_one_order_under_concurrency_and_over_a_restart(calls: list[tuple[str, int]], again: bool) -> None:
    async def all_at_once(folder: Path) -> None:
        firsts: dict[str, tuple[int, str]] = {}
        for _ in range(2 if again else 1):
            async with open_desk(folder) as desk:
                claude = desk.grants.give("claude")
                answers = await asyncio.gather(
                    *(place(desk, claude, market(quantity=str(quantity)), key) for key, quantity in calls),
                    return_exceptions=True,
                )
                for (key, quantity), answer in zip(calls, answers, strict=True):
                    if isinstance(answer, Order):
                        first = firsts.setdefault(key, (quantity, answer.order_id))
                        assert first == (quantity, answer.order_id)
                    else:
                        assert isinstance(answer, Refused)
                        assert answer.refusal.code == "IDEMPOTENCY_CONFLICT"
                for (key, quantity), answer in zip(calls, answers, strict=True):
                    assert isinstance(answer, Order) is (firsts[key][0] == quantity)
                assert {one.order_id for one in desk.book.all()} == {order_id for _, order_id in firsts.values()}

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(all_at_once(Path(folder) / "data"))
