"""Limits and latches through the operator's door, and what a client's own call gets of them."""

from __future__ import annotations

from pathlib import Path

from cockpit.model.events import LatchChanged
from cockpit.model.latches import LatchKind
from cockpit.model.refusals import Refusal
from cockpit.operator.act import Answer, Danger, danger_of
from cockpit.operator.acts import ACTS
from tests.operator.houses import open_house

LIMITS = """
[connections.paper.policy]
max_quantity = 100

[clients.script.policy]
max_quantity = 50
"""


def code(answer: Answer) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


async def test_lowering_is_instant_and_raising_is_said_twice(tmp_path: Path) -> None:
    async with open_house(tmp_path, LIMITS) as house:
        key = await house.key()
        assert (await house.order(key, 1, quantity=51))["code"] == "MAX_QUANTITY"
        done = await house.done("limits.set", name="paper", limit="max-quantity", value="5")
        assert (done["old"], done["new"], done["of"]) == ("100", "5", "connection")
        assert (await house.order(key, 2, quantity=6))["code"] == "MAX_QUANTITY"
        assert code(await house.act("limits.set", name="paper", limit="max_quantity", value="6")) == "WORD_MISSING"
        await house.done("limits.set", name="paper", limit="max_quantity", value="6", **{"raise": "yes"})
        assert (await house.order(key, 3, quantity=6))["state"] == "pending"
        over = await house.act("limits.set", name="paper", limit="max_quantity", value="101", **{"raise": "yes"})
        assert code(over) == "LIMIT_ABOVE_FILE"


async def test_a_clients_limit_is_set_by_its_name_and_shown_as_it_holds(tmp_path: Path) -> None:
    async with open_house(tmp_path, LIMITS) as house:
        key = await house.key()
        await house.done("limits.set", name="script", limit="denied_symbols", value="BRVO")
        assert (await house.order(key, 1, symbol="BRVO"))["code"] == "SYMBOL_RESTRICTED"
        shown = await house.done("limits", client="script")
        rows = {row["limit"]: row for row in shown["limits"]}
        assert (rows["max_quantity"]["value"], rows["max_quantity"]["file"]) == ("50", "100")
        assert (rows["denied_symbols"]["value"], rows["denied_symbols"]["set_by_you"]) == ("BRVO", True)
        everybody = {row["limit"]: row for row in (await house.done("limits"))["limits"]}
        assert everybody["denied_symbols"]["value"] == "none"
        assert {row["limit"] for row in shown["left"]} >= {"max_daily_orders", "max_daily_loss", "max_drawdown"}
        assert code(await house.act("limits", client="nobody")) == "CLIENT_UNKNOWN"
        assert code(await house.act("limits.set", name="nobody", limit="max_quantity", value="1")) == "CLIENT_UNKNOWN"
        assert code(await house.act("limits.set", name="script", limit="max_fun", value="1")) == "LIMIT_UNKNOWN"


async def test_a_clients_name_is_one_in_any_case(tmp_path: Path) -> None:
    async with open_house(tmp_path, LIMITS) as house:
        key = await house.key("Script")
        assert (await house.order(key, 1, quantity=51))["code"] == "MAX_QUANTITY"
        await house.done("limits.set", name="sCRIPT", limit="max_quantity", value="5")
        assert (await house.order(key, 2, quantity=6))["code"] == "MAX_QUANTITY"
        shown = await house.done("limits", client="SCRIPT")
        assert {row["value"] for row in shown["limits"] if row["limit"] == "max_quantity"} == {"5"}


async def test_a_client_and_a_connection_of_one_name_are_told_apart(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.key("paper")
        done = await house.done("limits.set", name="paper", limit="max_quantity", value="7")
        assert done["of"] == "connection"
        done = await house.done("limits.set", name="client:paper", limit="max_quantity", value="3")
        assert (done["of"], done["name"]) == ("client", "paper")
        done = await house.done("limits.set", name="connection:paper", limit="max_quantity", value="6")
        assert (done["of"], done["old"]) == ("connection", "7")
        assert (
            code(await house.act("limits.set", name="client:none", limit="max_quantity", value="3")) == "CLIENT_UNKNOWN"
        )


async def test_a_latch_is_shown_and_ends_by_its_release_alone(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        subscription = house.face.subscribe()
        oversight = house.face._rooms.oversight
        oversight.latches.trip(LatchKind.REJECT_RATE, "script", "5 orders rejected")
        assert [latch.latch_id for latch in house.face.snapshot().latches] == ["reject_rate:script"]
        assert (await house.order(key, 1))["code"] == "REJECT_RATE"
        assert (await house.call(key, "get_session"))["held_by"] == ["reject_rate:script"]
        (latch,) = (await house.done("limits"))["latches"]
        assert latch["latch"] == "reject_rate:script"
        assert code(await house.act("latch.release", latch="reject_rate:other")) == "LATCH_UNKNOWN"
        await house.done("latch.release", latch="reject_rate:script")
        assert house.face.snapshot().latches == ()
        assert (await house.order(key, 2))["state"] == "pending"
        seen = [event.is_set for event in subscription.events if isinstance(event, LatchChanged)]
        assert seen == [True, False]


def test_only_raising_and_releasing_ask_back() -> None:
    terms = {"name": "paper", "limit": "max_quantity", "value": "1"}
    assert danger_of(ACTS["limits.set"], terms) is Danger.SAFE
    assert danger_of(ACTS["limits.set"], {**terms, "raise": "yes"}) is Danger.TWO_STEPS
    assert danger_of(ACTS["latch.release"], {"latch": "x"}) is Danger.TWO_STEPS
    assert not ACTS["limits"].changes
