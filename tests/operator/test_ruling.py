"""The operator's acts over rules, shadows, routes and unknown orders, through his door and a client's own call."""

from __future__ import annotations

from pathlib import Path

from cockpit.model.refusals import Refusal
from cockpit.operator.act import Danger, danger_of
from cockpit.operator.acts import ACTS
from tests.operator.houses import open_house

TWO = '[connections.paper]\n[connections.ghost]\nseed = "ghost"\n'
RULES = """
[[approval.rules]]
name = "no-bravo"
do = "deny"
when = { symbols = ["BRVO"] }

[[approval.rules]]
name = "small"
do = "approve"
when = { max_notional = 100000 }
"""


async def test_a_rule_fills_an_order_denies_another_and_asks_once_it_is_off(tmp_path: Path) -> None:
    async with open_house(tmp_path, RULES) as house:
        key = await house.key()
        assert (await house.order(key, 1))["state"] == "filled"
        denied = await house.order(key, 2, symbol="BRVO")
        assert (denied["code"], denied["details"]["rule"]) == ("DENIED_BY_RULE", "no-bravo")
        assert [row["on"] for row in await house.done("rules")] == [True, True]
        await house.done("rules.off", name="small")
        waits = await house.order(key, 3)
        assert (waits["state"], waits["queue_place"]) == ("pending", 1)
        (pending,) = (await house.done("pending"))["orders"]
        assert (pending["why"], pending["place"], pending["rule"]) == ("the rule small asks.", 1, "small")
        await house.done("rules.on", name="small")
        assert (await house.order(key, 4))["state"] == "filled"
        unknown = await house.act("rules.off", name="none")
        assert isinstance(unknown, Refusal)
        assert unknown.code == "RULE_UNKNOWN"


async def test_an_order_that_a_rule_wants_confirmed_asks_its_client_first(tmp_path: Path) -> None:
    rules = '[[approval.rules]]\nname = "twice"\ndo = "confirm"\n'
    async with open_house(tmp_path, rules) as house:
        key = await house.key()
        order = await house.order(key, 1)
        assert order["state"] == "pending"
        assert order["says"].startswith("Call confirm_order")
        assert order["confirm_by"] is not None
        assert (await house.done("pending"))["orders"] == []
        confirmed = await house.call(key, "confirm_order", order_id=order["order_id"])
        assert (confirmed["state"], confirmed["confirm_by"], confirmed["queue_place"]) == ("pending", None, 1)
        (pending,) = (await house.done("pending"))["orders"]
        assert "confirmed by its client" in pending["why"]
        assert (await house.done("order.approve", order_id=order["order_id"]))["state"] == "filled"


async def test_looking_makes_nobody_present_and_doing_does(tmp_path: Path) -> None:
    async with open_house(tmp_path, RULES) as house:
        await house.act("status")
        presence = house.face.snapshot().presence
        assert presence is not None
        assert not presence.present
        await house.act("rules.off", name="no-bravo")
        presence = house.face.snapshot().presence
        assert presence is not None
        assert presence.present
        assert presence.rules_approve


async def test_a_screen_and_a_key_press_make_the_operator_present(tmp_path: Path) -> None:
    async with open_house(tmp_path, RULES) as house:
        house.face.attached()
        house.face.touched()
        presence = house.face.snapshot().presence
        assert presence is not None
        assert (presence.present, presence.screens, presence.on_lost) == (True, 1, "queue")
        house.face.detached()
        presence = house.face.snapshot().presence
        assert presence is not None
        assert (presence.present, presence.screens) == (False, 0)


async def test_a_shadow_sends_orders_to_paper_at_once_and_voids_what_waited(tmp_path: Path) -> None:
    async with open_house(tmp_path, TWO) as house:
        key = await house.key()
        before = await house.order(key, 1)
        said = await house.done("client.shadow", client="Script", connection="ghost")
        assert said == {"client": "script", "shadow": "ghost", "voided": 1}
        order = await house.order(key, 2)
        assert (order["shadow"], order["simulated"]) == (True, True)
        assert order["says"].startswith("Shadow:")
        (pending,) = (await house.done("pending"))["orders"]
        assert (pending["connection"], pending["shadow_of"]) == ("ghost", "paper")
        assert "shadow of paper" in pending["why"]
        (client,) = await house.done("clients")
        assert (client["connection"], client["shadow"]) == ("paper", "ghost")
        session = await house.call(key, "get_session")
        assert (session["connection"], session["orders_go_to"]) == ("paper", "ghost")
        await house.done("client.shadow", client="script", connection="off")
        assert (await house.done("pending"))["orders"] == []
        ended = next(one for one in await house.done("orders") if one["order_id"] == before["order_id"])
        assert ended["state"] == "refused"


async def test_a_shadow_of_the_file_is_not_lifted_and_what_waits_goes_on_waiting(tmp_path: Path) -> None:
    async with open_house(tmp_path, f'{TWO}[clients.script]\nshadow = "ghost"\n') as house:
        order = await house.order(await house.key(), 1)
        answer = await house.act("client.shadow", client="script", connection="off")
        assert isinstance(answer, Refusal)
        assert answer.code == "SHADOW_IN_FILE"
        (pending,) = (await house.done("pending"))["orders"]
        assert (pending["order_id"], pending["connection"]) == (order["order_id"], "ghost")


async def test_a_shadow_needs_a_known_client_and_a_paper_connection(tmp_path: Path) -> None:
    async with open_house(tmp_path, TWO, live="ghost") as house:
        await house.key()
        for client, connection, code in (
            ("script", "ghost", "NOT_PAPER"),
            ("nobody", "paper", "CLIENT_UNKNOWN"),
            ("script", "nowhere", "CONNECTION_UNKNOWN"),
        ):
            answer = await house.act("client.shadow", client=client, connection=connection)
            assert isinstance(answer, Refusal)
            assert answer.code == code


def test_a_shadow_is_instant_and_lifting_it_asks() -> None:
    act = ACTS["client.shadow"]
    assert danger_of(act, {"client": "a", "connection": "ghost"}) is Danger.SAFE
    assert danger_of(act, {"client": "a", "connection": "off"}) is Danger.TWO_STEPS
    assert danger_of(act, {"client": "a", "connection": " off "}) is Danger.TWO_STEPS


async def test_a_route_moves_a_client_and_voids_what_waited(tmp_path: Path) -> None:
    async with open_house(tmp_path, TWO) as house:
        key = await house.key()
        waits = await house.order(key, 1)
        said = await house.done("client.route", client="script", connection="ghost")
        assert (said["connection"], said["voided"]) == ("ghost", 1)
        assert (await house.call(key, "get_session"))["connection"] == "ghost"
        hidden = await house.call(key, "get_order", order_id=waits["order_id"])
        assert hidden["code"] == "ORDER_UNKNOWN"
        again = await house.done("client.route", client="script", connection="ghost")
        assert again["voided"] == 0
        answer = await house.act("client.route", client="script", connection="nowhere")
        assert isinstance(answer, Refusal)
        assert answer.code == "CONNECTION_UNKNOWN"


async def test_a_route_names_the_orders_that_still_work_where_the_client_was(tmp_path: Path) -> None:
    async with open_house(tmp_path, TWO) as house:
        key = await house.key()
        quote = await house.call(key, "get_quote", symbol="ALFA")
        far = f"{float(quote['bid']) * 0.98:.2f}"
        order = await house.order(key, 1, order_type="limit", limit_price=far, time_in_force="gtc")
        await house.done("order.approve", order_id=order["order_id"])
        said = await house.done("client.route", client="script", connection="ghost")
        assert said["left"] == [order["order_id"]]


async def test_orders_are_compared_on_demand_and_only_unknown_ones_resolved(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        order = await house.order(key, 1)
        (row,) = await house.done("reconcile")
        assert (row["connection"], row["compared"], row["unknown"]) == ("paper", True, [])
        known = await house.act("order.resolve", order_id=order["order_id"], state="CANCELLED")
        assert isinstance(known, Refusal)
        assert known.code == "ALREADY_DECIDED"
        filled = await house.act("order.resolve", order_id=order["order_id"], state="filled")
        assert isinstance(filled, Refusal)
        assert filled.code == "BAD_ACT_ARGUMENTS"
        nowhere = await house.act("reconcile", connection="nowhere")
        assert isinstance(nowhere, Refusal)


async def test_a_kill_counts_the_waiting_orders_that_it_ends(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        for number in range(3):
            await house.order(key, number, quantity=number + 1)
        assert (await house.done("kill"))["voided"] == 3
        assert (await house.done("pending"))["orders"] == []
