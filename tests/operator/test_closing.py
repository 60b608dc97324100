"""Closing positions through the operator's door, as the socket, the screen and a client of the same account see it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.orders import DONE, Order, OrderState
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.operator.act import Answer, Command, Done
from tests.operator.houses import SCOPES, House, open_house
from tests.operator.test_enrolling import guarded

TWO = '[connections.paper]\nbroker = "paper"\n\n[connections.other]\nbroker = "paper"\n'


def code(answer: Answer) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


async def hold(house: House, key: str, symbol: str = "ALFA", quantity: int = 20, number: int = 1) -> None:
    order = await house.order(key, number, symbol=symbol, quantity=quantity)
    await house.done("order.approve", order_id=order["order_id"])


async def held(house: House) -> dict[tuple[str, str], str]:
    rows: list[dict[str, Any]] = (await house.done("positions"))["positions"]
    return {(row["connection"], row["symbol"]): row["quantity"] for row in rows}


async def test_a_position_is_looked_at_and_closed_as_it_was_seen(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        await hold(house, key)
        seen = await house.done("position.look", symbol="alfa", quantity="5")
        assert (seen["order"], seen["held"], seen["held_after"]) == ("SELL 5 ALFA MKT DAY", "20", "15")
        assert (seen["connection"], seen["refused"], seen["seen"]) == ("paper", "", f"20/0@{seen['bid']}")
        assert {"bid", "ask", "age_ms", "source", "about", "realises", "currency"} <= seen.keys()
        done = await house.done("position.close", symbol="ALFA", quantity="5", connection="paper", seen=seen["seen"])
        assert (done["client"], done["state"], done["filled"]) == ("operator", "filled", "5")
        again = await house.act("position.close", symbol="ALFA", quantity="5", connection="paper", seen=seen["seen"])
        assert code(again) == "POSITION_CHANGED"
        assert await held(house) == {("paper", "ALFA"): "15"}


async def test_the_record_says_that_the_operator_closed_it_and_through_which_door(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await hold(house, await house.key())
        assert isinstance(await house.face.run(Command("position.close", {"symbol": "ALFA"})), Done)
        (record,) = await house.done("audit.search", tool="order.closed_by_hand")
        assert (record["client"], record["symbol"], record["detail"]["by"]) == ("operator", "ALFA", "screen")


async def test_a_clients_look_at_the_orders_shows_it_as_not_its_own(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        await hold(house, key)
        done = await house.done("position.close", symbol="ALFA", limit="touch")
        listed = await house.call(key, "list_orders")
        (row,) = [one for one in listed["orders"] if one["order_id"] == done["order_id"]]
        assert row["yours"] is False
        assert (await house.call(key, "cancel_order", order_id=done["order_id"]))["code"] == "NOT_YOUR_ORDER"


async def test_a_close_that_comes_to_nothing_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_house(tmp_path) as house:
        await hold(house, await house.key())

        async def rejects(*given: object) -> None:
            raise Refused(refuse("BROKER_REJECTED", "the margin desk says no"))

        monkeypatch.setattr(house.face._rooms.connections.need("paper").broker, "submit", rejects)
        answer = await house.act("position.close", symbol="ALFA")
        assert code(answer) == "BROKER_REJECTED"
        assert isinstance(answer, Refusal)
        assert "margin desk" in answer.message
        answer = await house.act("position.flatten")
        assert code(answer) == "NOT_FLAT"
        assert isinstance(answer, Refusal)
        orders = [one.order_id for one in house.face._rooms.book.all() if one.client == "operator"]
        assert answer.details["not_filled"] == orders[-1]
        assert "rejected" in answer.message
        assert await held(house) == {("paper", "ALFA"): "20"}


async def test_a_close_that_never_left_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_house(tmp_path) as house:
        await hold(house, await house.key())

        async def refuses(*given: object) -> None:
            raise Refused(refuse("BROKER_NOT_READY", "nothing left"))

        monkeypatch.setattr(house.face._rooms.connections.need("paper").broker, "submit", refuses)
        answer = await house.act("position.close", symbol="ALFA")
        assert code(answer) == "BROKER_NOT_READY"


@pytest.mark.parametrize("state", [one for one in OrderState if one in {*DONE, OrderState.UNKNOWN}])
async def test_of_what_ended_only_a_fill_is_a_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: OrderState
) -> None:
    async with open_house(tmp_path) as house:
        await hold(house, await house.key())
        by_hand = house.face._rooms.by_hand
        close = by_hand.close

        async def ends_as(*given: Any) -> Order:
            return replace(await close(*given), state=state)

        monkeypatch.setattr(by_hand, "close", ends_as)
        answer = await house.act("position.close", symbol="ALFA")
        assert isinstance(answer, Done) is (state is OrderState.FILLED)


@pytest.mark.parametrize("act", ["reduce", "halt", "kill"])
async def test_what_is_stopped_can_still_be_closed_by_hand(tmp_path: Path, act: str) -> None:
    async with open_house(tmp_path) as house:
        await hold(house, await house.key())
        await house.done(act)
        done = await house.done("position.close", symbol="ALFA")
        assert done["state"] == "filled"
        assert await held(house) == {}


async def test_after_a_kill_a_whole_connection_is_flattened(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        await hold(house, key)
        await hold(house, key, "BRVO", 3, number=2)
        await house.done("kill")
        done = await house.done("position.flatten")
        assert [(one["symbol"], one["state"]) for one in done["orders"]] == [("ALFA", "filled"), ("BRVO", "filled")]
        assert await held(house) == {}
        assert (await house.done("position.flatten"))["orders"] == []


async def test_the_connection_that_holds_it_is_meant_where_none_is_named(tmp_path: Path) -> None:
    async with open_house(tmp_path, TWO) as house:
        await hold(house, await house.key("one", "other"), number=1)
        assert (await house.done("position.look", symbol="ALFA"))["connection"] == "other"
        await hold(house, await house.key("two", "paper"), number=2)
        assert code(await house.act("position.close", symbol="ALFA")) == "CHOOSE_CONNECTION"
        assert code(await house.act("position.flatten")) == "CHOOSE_CONNECTION"
        assert code(await house.act("position.close", symbol="ALFA", connection="none")) == "CONNECTION_UNKNOWN"
        await house.done("position.flatten", connection="other")
        assert await held(house) == {("paper", "ALFA"): "20"}


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"symbol": "BRVO"}, "NOTHING_HELD"),
        ({"symbol": "NOPE"}, "INSTRUMENT_UNRESOLVED"),
        ({"symbol": "ALFA", "quantity": "21"}, "BAD_QUANTITY"),
        ({"symbol": "ALFA", "limit": "soon"}, "BAD_ACT_ARGUMENTS"),
        ({"symbol": "ALFA", "limit": "100000"}, "PRICE_COLLAR"),
        ({"symbol": "ALFA", "seen": "19/0"}, "POSITION_CHANGED"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_is_sent(
    tmp_path: Path, wrong: dict[str, str], expected: str
) -> None:
    async with open_house(tmp_path) as house:
        await hold(house, await house.key())
        assert code(await house.act("position.close", **wrong)) == expected
        assert await held(house) == {("paper", "ALFA"): "20"}


async def test_a_look_that_would_be_refused_says_why(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await hold(house, await house.key())
        seen = await house.done("position.look", symbol="ALFA", limit="100000")
        assert seen["refused"].startswith("PRICE_COLLAR")


async def test_what_only_closes_passes_over_the_socket_where_the_settings_keep_risk_to_the_screen(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, '[control]\napprovals = "screen"\n') as house:
        made = await house.face.run(Command("key.create", {"name": "bot", "scope": SCOPES, "connection": "paper"}))
        assert isinstance(made, Done)
        assert isinstance(made.data, dict)
        placed = await house.order(made.data["key"], quantity=20)
        assert code(await house.act("order.approve", order_id=placed["order_id"])) == "SCREEN_ONLY"
        assert isinstance(await house.face.run(Command("order.approve", {"order_id": placed["order_id"]})), Done)
        await house.done("position.close", symbol="ALFA", quantity="5")
        await house.done("position.flatten")
        assert await held(house) == {}


@pytest.mark.parametrize("act", ["position.close", "position.flatten"])
async def test_over_the_socket_closing_takes_a_code_once_there_is_an_authenticator(tmp_path: Path, act: str) -> None:
    arguments = {"symbol": "ALFA"} if act == "position.close" else {}
    async with guarded(tmp_path) as seat:
        assert code(await seat.act(act, **arguments)) == "TOTP_NEEDED"
        answer = await seat.act(act, seat.code(), **arguments)
        assert isinstance(answer, Done) or answer.code == "NOTHING_HELD"
