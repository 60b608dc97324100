"""Orders that another program, or a hand, placed in the account: shown where ours are, and nothing here acts on them."""

from __future__ import annotations

from pathlib import Path

from cockpit.model.refusals import Refusal
from cockpit.operator.act import Command, Done
from tests.gateway import FakeGateway
from tests.ibkr.cockpits import settings_of, within


async def test_an_order_placed_by_hand_is_listed_with_ours_and_named_when_books_are_compared(tmp_path: Path) -> None:
    async with (
        FakeGateway(open_always=True) as gateway,
        within(tmp_path / "data", settings_of(gateway.port)) as cockpit,
    ):
        mine = await cockpit.place(await cockpit.key())
        gateway.book.foreign("ALFA", "SELL", 10, limit="450")
        face = cockpit.cockpit.face
        compared = await face.run(Command("reconcile"))
        shown = await face.run(Command("orders"))
        assert isinstance(compared, Done)
        assert isinstance(shown, Done)
        assert isinstance(shown.data, list)
        assert (
            compared.says
            == "Every order is as the brokers say. Open and not from here: SELL 10 ALFA LMT 450 GTC on ibkr."
        )
        assert shown.says == "1 order, 1 other not from here."
        assert [(one["client"], one["from_here"], one["symbol"]) for one in shown.data] == [
            ("trusted", True, "ALFA"),
            ("not from here", False, "ALFA"),
        ]
        refused = await face.run(Command("order.cancel", {"order_id": shown.data[1]["order_id"]}))
        assert isinstance(refused, Refusal)
        assert refused.code == "ORDER_UNKNOWN"
        assert [one["order_id"] for one in shown.data if one["from_here"]] == [mine["order_id"]]
        assert face.snapshot() == face.snapshot()
