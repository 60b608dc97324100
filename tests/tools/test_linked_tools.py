"""Groups, closing and the account's tools as a client uses them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from cockpit.brokers.base import Estimate
from cockpit.model.accounts import Balances
from cockpit.model.identity import Caller
from cockpit.model.orders import OrderId, OrderRequest, Side
from cockpit.settings.model import BudgetSettings, ConnectionSettings
from cockpit.settings.policy import PolicySettings
from server.tool_host import DeskTools
from tests.desk.desks import Desk, open_desk
from tests.tools.conftest import Ask, tools_of
from tools.catalogue import TOOLS

_ONE: Final = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "market"}


async def buy(desk: Desk, ask: Ask, quantity: int = 4, key: str = "key-bought-1") -> dict[str, Any]:
    placed = await ask(
        "place_order", idempotency_key=key, symbol="ALFA", side="buy", quantity=quantity, order_type="market"
    )
    await desk.decisions.approve(OrderId(placed.structured["order_id"]), None, None, None, "test")
    return dict((await ask("get_order", order_id=placed.structured["order_id"])).structured)


async def terms(desk: Desk) -> dict[str, object]:
    """A bracket that loses 10 and gains 20 on each."""
    price = await desk.touch("ALFA", Side.BUY)
    return {
        "symbol": "alfa",
        "side": "buy",
        "quantity": 2,
        "order_type": "limit",
        "limit_price": str(price),
        "take_profit_price": str(price + 20),
        "stop_loss_price": str(price - 10),
    }


async def test_a_bracket_is_previewed_with_its_loss_and_placed_by_its_preview(desk: Desk, ask: Ask) -> None:
    preview = (await ask("preview_bracket", **await terms(desk))).structured
    assert preview["ok"] is True
    assert (preview["loss_at_stop"], preview["profit_at_target"]) == ("20.00", "40.00")
    assert [words.split()[0] for words in preview["orders"]] == ["BUY", "SELL", "SELL"]
    again = {"idempotency_key": "key-bracket-1", "preview_id": preview["preview_id"]}
    placed = (await ask("place_bracket", **again)).structured
    assert placed["state"] == "pending"
    assert "one decision" in placed["says"]
    assert [order["role"] for order in placed["orders"]] == ["entry", "target", "stop"]
    desk.clock.pass_time(600)
    repeated = (await ask("place_bracket", **again)).structured
    assert repeated["group_id"] == placed["group_id"]
    assert len(list(desk.book.all())) == 3


async def test_an_order_is_known_by_its_key_and_a_preview_stands_for_terms_alone(desk: Desk, ask: Ask) -> None:
    for number, (preview, place, given) in enumerate(
        (("preview_order", "place_order", _ONE), ("preview_bracket", "place_bracket", await terms(desk)))
    ):
        asked = {"preview_id": (await ask(preview, **given)).structured["preview_id"]}
        made = [
            (await ask(place, idempotency_key=f"key-{key}-{number}", **asked)).structured
            for key in ("first", "first", "other")
        ]
        first, again, other = (one.get("group_id") or one["order_id"] for one in made)
        assert first == again != other
        assert "terms alone" in TOOLS[place].description


@pytest.mark.parametrize("place", ["place_order", "place_bracket"])
@pytest.mark.parametrize(
    "more",
    [
        {"time_in_force": "gtc"},
        {"time_in_force": "day"},
        {"outside_hours": True},
        {"outside_hours": False},
        {"limit_price": 9},
        {"stop_price": 9},
        {"quantity": 1},
    ],
)
async def test_terms_beside_a_preview_are_refused_and_not_ignored(
    ask: Ask, place: str, more: dict[str, object]
) -> None:
    answer = await ask(place, idempotency_key="key-bracket-1", preview_id="v-any", **more)
    assert answer.refusal is not None
    assert (answer.refusal.code, "not both" in answer.refusal.message) == ("BAD_ARGUMENTS", True)


async def test_a_preview_belongs_to_the_tool_that_made_it(desk: Desk, ask: Ask) -> None:
    preview = (await ask("preview_bracket", **await terms(desk))).structured
    answer = await ask("place_order", idempotency_key="key-bracket-1", preview_id=preview["preview_id"])
    assert answer.refusal is not None
    assert answer.refusal.code == "PREVIEW_UNKNOWN"


async def test_a_bracket_whose_prices_lie_wrong_is_refused_with_them(desk: Desk, ask: Ask) -> None:
    wrong = await terms(desk)
    wrong["take_profit_price"], wrong["stop_loss_price"] = wrong["stop_loss_price"], wrong["take_profit_price"]
    answer = await ask("place_bracket", idempotency_key="key-bracket-1", **wrong)
    assert answer.refusal is not None
    assert answer.refusal.code == "BRACKET_INCONSISTENT"
    assert (await ask("preview_bracket", **wrong)).structured["ok"] is False


async def test_closing_repeated_is_the_same_order_and_other_terms_are_a_conflict(desk: Desk, ask: Ask) -> None:
    await buy(desk, ask)
    asked = {"idempotency_key": "key-close-1", "symbol": "alfa"}
    first = await ask("close_position", **asked)
    assert (first.structured["side"], first.structured["quantity"]) == ("sell", "4")
    await desk.decisions.approve(OrderId(first.structured["order_id"]), None, None, None, "test")
    again = await ask("close_position", **asked)
    assert (again.structured["order_id"], again.structured["state"]) == (first.structured["order_id"], "filled")
    other = await ask("close_position", quantity=1, **asked)
    assert other.refusal is not None
    assert other.refusal.code == "IDEMPOTENCY_CONFLICT"
    empty = await ask("close_position", idempotency_key="key-close-2", symbol="ALFA")
    assert empty.refusal is not None
    assert empty.refusal.code == "NOTHING_HELD"


@pytest.mark.parametrize(("target", "side", "quantity"), [("7", "buy", "3"), (0, "sell", "4"), ("-1", "sell", "5")])
async def test_a_target_becomes_the_order_of_the_difference(
    desk: Desk, ask: Ask, target: object, side: str, quantity: str
) -> None:
    await buy(desk, ask)
    answer = await ask("place_target_position", idempotency_key="key-target-1", symbol="ALFA", target_quantity=target)
    assert (answer.structured["side"], answer.structured["quantity"]) == (side, quantity)


async def test_all_own_orders_are_cancelled_and_nobody_elses(
    desk: Desk, tools: DeskTools, ask: Ask, claude: Caller
) -> None:
    cursor = desk.grants.give("cursor")
    order = {"symbol": "BRVO", "side": "buy", "quantity": 1, "order_type": "market"}
    await tools.call(cursor, "place_order", {"idempotency_key": "key-other-1", **order})
    await ask("place_order", idempotency_key="key-mine-01", **order)
    await ask("place_bracket", idempotency_key="key-mine-02", **await terms(desk))
    ended = (await ask("cancel_all_orders")).structured
    assert [one["state"] for one in ended["orders"]] == ["cancelled"] * 4
    assert [one.client for one in desk.book.waiting()] == ["cursor"]
    assert (await ask("cancel_all_orders")).structured["says"] == "You had no open orders."


async def test_fills_are_listed_with_their_orders_and_own_ones_marked(desk: Desk, tools: DeskTools, ask: Ask) -> None:
    bought = await buy(desk, ask, 3)
    (fill,) = (await ask("list_executions")).structured["executions"]
    assert (fill["order_id"], fill["quantity"], fill["yours"]) == (bought["order_id"], "3", True)
    assert fill["price"] == bought["average_price"]
    cursor = desk.grants.give("cursor")
    theirs = await tools.call(cursor, "list_executions", {})
    assert [one["yours"] for one in theirs.structured["executions"]] == [False]
    assert (await tools.call(cursor, "list_executions", {"only_mine": True})).structured["executions"] == []


_MUCH = PolicySettings(max_open_orders=1000, max_daily_orders=1000, max_daily_notional=Decimal(10**9))


async def test_own_fills_are_found_however_many_others_have(tmp_path: Path) -> None:
    settings = ConnectionSettings(toolsets=("all",), policy=_MUCH)
    async with open_desk(tmp_path, settings=settings, budget=BudgetSettings(order_burst=1000)) as desk:
        tools, cursor, claude = tools_of(desk), desk.grants.give("cursor"), desk.grants.give("claude")
        mine = (await tools.call(cursor, "place_order", {"idempotency_key": "key-cursor-1", **_ONE})).structured
        await desk.decisions.approve(OrderId(mine["order_id"]), None, None, None, "test")
        others = 0
        for number in range(2):
            split = {"idempotency_key": f"key-claude-{number}", **_ONE, "quantity": 20, "part_quantity": 1}
            answer = await tools.call(claude, "place_split", split)
            await desk.decisions.approve(OrderId(answer.structured["orders"][0]["order_id"]), None, None, None, "test")
            others += 20
            desk.clock.pass_time(60)
        newest = (await tools.call(cursor, "list_executions", {"only_mine": True, "limit": 1})).structured
        assert [one["order_id"] for one in newest["executions"]] == [mine["order_id"]]
        assert newest["next_before"] is None
        assert len(await pages(tools, cursor, "list_executions", "executions", "execution_id")) == others + 1
        assert (
            len(await pages(tools, claude, "list_executions", "executions", "execution_id", only_mine=True)) == others
        )
        assert len(await pages(tools, cursor, "list_orders", "orders", "order_id")) == others + 1
        assert await pages(tools, cursor, "list_orders", "orders", "order_id", only_mine=True) == [mine["order_id"]]


async def pages(tools: DeskTools, caller: Caller, tool: str, rows: str, key: str, **asked: object) -> list[str]:
    """Return the ids of all rows, read page by page; a page that repeats one fails."""
    found: list[str] = []
    before: dict[str, object] = {}
    while True:
        page = (await tools.call(caller, tool, {"limit": 7, **asked, **before})).structured
        found += [one[key] for one in page[rows]]
        assert len(set(found)) == len(found)
        if page["next_before"] is None:
            return found
        assert len(page[rows]) == asked.get("limit", 7)
        before = {"before": page["next_before"]}


async def test_open_orders_are_read_page_by_page_too(tools: DeskTools, ask: Ask, claude: Caller) -> None:
    placed = [(await ask("place_order", idempotency_key=f"key-open-{n}", **_ONE)).structured for n in range(3)]
    told = await pages(tools, claude, "list_orders", "orders", "order_id", only_open=True, limit=2)
    assert told == sorted((one["order_id"] for one in placed), reverse=True)


@pytest.mark.parametrize(
    ("tool", "before", "code"),
    [("list_orders", "o-" + "A" * 26, "ORDER_UNKNOWN"), ("list_executions", "e-none", "BAD_ARGUMENTS")],
)
async def test_a_page_after_something_unknown_is_refused(ask: Ask, tool: str, before: str, code: str) -> None:
    answer = await ask(tool, before=before)
    assert answer.refusal is not None
    assert answer.refusal.code == code


async def test_the_portfolio_tells_exposure_from_its_positions(desk: Desk, ask: Ask) -> None:
    await buy(desk, ask, 3)
    portfolio = (await ask("get_portfolio")).structured
    (held,) = portfolio["positions"]
    exposure = portfolio["exposure"]
    assert exposure["long"] == exposure["gross"] == exposure["net"] == held["market_value"]
    assert (exposure["short"], exposure["largest_symbol"], exposure["largest_percent"]) == ("0.00", "ALFA", "100.00")
    assert portfolio["equity"] == (await ask("get_balances")).structured["equity"]


async def test_margin_is_estimated_and_nothing_is_placed(desk: Desk, ask: Ask) -> None:
    order = {"symbol": "ALFA", "side": "buy", "quantity": 2, "order_type": "market"}
    told = (await ask("estimate_margin", **order)).structured
    assert Decimal(told["margin"]) > 0
    assert not list(desk.book.all())


@pytest.mark.parametrize(
    ("margin", "available", "says"),
    [
        ("500.00", "500.00", "The account can carry it."),
        ("500.01", "500.00", "More margin than the account has available."),
        ("500.00", None, "The broker doesn't tell whether the account can carry it."),
        ("0.00", "0.00", "It ties up nothing more."),
    ],
)
async def test_margin_is_compared_with_what_is_available_for_it_and_not_with_buying_power(
    desk: Desk, ask: Ask, monkeypatch: pytest.MonkeyPatch, margin: str, available: str | None, says: str
) -> None:
    broker = desk.connections.need("paper").broker
    known = replace(await broker.balances(), available=None if available is None else Decimal(available))

    async def balances() -> Balances:
        return known

    async def estimate(request: OrderRequest) -> Estimate:
        return Estimate(Decimal(1), Decimal(margin), "USD", "fake")

    monkeypatch.setattr(broker, "balances", balances)
    monkeypatch.setattr(broker, "estimate", estimate)
    told = (await ask("estimate_margin", **_ONE)).structured
    assert (told["margin"], told["available"], told["says"]) == (margin, available, says)
    assert Decimal(told["buying_power"]) > Decimal(margin)


async def test_an_order_beyond_what_is_available_is_not_carried_on_paper_though_buying_power_exceeds_its_margin(
    desk: Desk, ask: Ask
) -> None:
    available = (await desk.connections.need("paper").broker.balances()).available
    assert available is not None
    each = Decimal((await ask("estimate_margin", **_ONE)).structured["margin"])
    for quantity, says in ((available // each - 1, "can carry"), (available // each + 2, "More margin")):
        told = (await ask("estimate_margin", **_ONE | {"quantity": str(quantity)})).structured
        assert says in told["says"]
        assert Decimal(told["margin"]) < Decimal(told["buying_power"])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"quantity": "0.5"}, "BAD_QUANTITY"),
        ({"order_type": "limit", "limit_price": "455.001"}, "BAD_TICK"),
        ({"order_type": "stop", "stop_price": "455.001"}, "BAD_TICK"),
    ],
)
async def test_margin_of_an_order_with_wrong_figures_is_refused_for_them(
    ask: Ask, wrong: dict[str, object], code: str
) -> None:
    answer = await ask("estimate_margin", **_ONE | wrong)
    assert answer.refusal is not None
    assert (answer.refusal.code, answer.refusal.who_can_fix) == (code, "client")


async def test_margin_that_the_broker_cannot_tell_is_refused_for_that(
    desk: Desk, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(request: OrderRequest) -> None:
        return None

    monkeypatch.setattr(desk.connections.need("paper").broker, "estimate", nobody)
    answer = await ask("estimate_margin", **_ONE)
    assert answer.refusal is not None
    assert answer.refusal.code == "CAPABILITY_UNAVAILABLE"


async def test_a_stop_is_tightened_at_once_and_loosened_only_by_the_operator(desk: Desk, ask: Ask) -> None:
    await buy(desk, ask, 3)
    price = await desk.touch("ALFA", Side.SELL)
    stop = {"symbol": "ALFA", "side": "sell", "quantity": 3, "order_type": "stop", "time_in_force": "gtc"}
    placed = await ask("place_order", idempotency_key="key-stop-01", stop_price=str(price - 10), **stop)
    order = {"order_id": placed.structured["order_id"]}
    await desk.decisions.approve(OrderId(order["order_id"]), None, None, None, "test")
    tighter = (await ask("modify_order", stop_price=str(price - 8), **order)).structured
    assert (tighter["state"], tighter["stop_price"]) == ("working", str(price - 8))
    looser = (await ask("modify_order", stop_price=str(price - 9), **order)).structured
    assert looser["stop_price"] == str(price - 8)
    assert looser["proposed_stop_price"] == str(price - 9)
    assert desk.book.waiting()


async def test_a_change_that_does_not_belong_to_the_type_is_refused(desk: Desk, ask: Ask) -> None:
    placed = await ask(
        "place_order", idempotency_key="key-plain-1", symbol="ALFA", side="buy", quantity=2, order_type="market"
    )
    answer = await ask("modify_order", order_id=placed.structured["order_id"], stop_price=5)
    assert answer.refusal is not None
    assert answer.refusal.code == "ORDER_TYPE_NOT_ALLOWED"


async def test_a_calendar_knows_half_days_and_says_what_it_does_not_know(ask: Ask) -> None:
    told = (await ask("get_calendar", exchange="xnys", first="2026-12-21", days=7)).structured
    assert "2026-12-25" in told["holidays"]
    assert [one["day"] for one in told["sessions"] if one["special"]] == ["2026-12-24"]
    for unknown in ({"exchange": "ZZZZ"}, {"first": "1990-01-01"}, {"first": "9999-12-30", "days": 366}):
        answer = await ask("get_calendar", **unknown)
        assert answer.refusal is not None
        assert answer.refusal.code == "SESSION_UNKNOWN"
