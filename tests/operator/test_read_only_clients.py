"""Clients that only read: for as long as the settings say, or until the operator gives their writes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cockpit.model.refusals import Refusal
from cockpit.operator.act import Danger, Done, TotpDue, danger_of
from cockpit.operator.acts import ACTS
from tests.operator.houses import House, open_house

WRITES = "read:market read:orders preview:orders write:orders write:alerts"
ROBOT = "[clients.Robot]\nread_only = true\n"


def code_of(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


async def minted(house: House, name: str = "robot") -> Any:
    return await house.done("token.mint", name=name, scope=WRITES)


async def listed(house: House, name: str) -> Any:
    (row,) = [row for row in await house.done("clients") if row["name"] == name]
    return row


async def test_a_client_that_settings_let_read_alone_writes_nothing_whatever_was_granted(tmp_path: Path) -> None:
    async with open_house(tmp_path, ROBOT) as house:
        robot, other = await minted(house), await minted(house, "other")
        assert (await house.order(robot["token"]))["code"] == "SCOPE_MISSING"
        assert (await house.order(other["token"]))["state"] == "pending"
        assert (await listed(house, "robot"))["scopes"] == ["read:market", "read:orders", "preview:orders"]
        assert code_of(await house.act("client.scopes", client="robot", add="write:alerts")) == "SCOPE_NOT_ALLOWED"
        assert isinstance(await house.act("client.scopes", client="robot", add="read:account"), Done)


async def test_an_order_that_waited_is_not_sent_once_its_client_only_reads(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        order = await house.order((await minted(house))["token"])
        assert order["state"] == "pending"
    async with open_house(tmp_path, ROBOT) as house:
        await house.act("order.approve", order_id=order["order_id"])
        (row,) = await house.done("orders")
        assert row["state"] not in {"approved", "sending", "working", "filled"}


async def test_the_operator_takes_writes_at_once_and_gives_them_back_in_two_steps(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        robot, act = await minted(house), ACTS["client.scopes"]
        drop, add = {"client": "robot", "drop": "write:orders write:alerts"}, {"client": "robot", "add": "write:orders"}
        assert danger_of(act, drop) is Danger.SAFE
        assert danger_of(act, add) is Danger.TWO_STEPS
        assert act.totp is TotpDue.FOR_WRITES
        await house.done("client.scopes", **drop)
        assert (await house.order(robot["token"]))["code"] == "SCOPE_MISSING"
        await house.done("client.scopes", **add)
        assert (await house.order(robot["token"], 2))["state"] == "pending"
