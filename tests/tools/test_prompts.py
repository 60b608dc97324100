"""What prompts tell a client to do, and what completion gives away."""

from __future__ import annotations

import re

import pytest

from cockpit.model.identity import Caller, Scope
from cockpit.model.refusals import Refusal
from server.completion_host import DeskCompletions
from server.host import Completing
from server.prompt_host import DeskPrompts
from tests.desk.desks import Desk
from tests.tools.conftest import Ask, rooms_of
from tools.catalogue import TOOLS
from tools.prompts import PROMPTS
from tools.registry import Toolset

GIVEN = {"symbol": "ALFA", "side": "buy", "quantity": "1"}


async def text_of(desk: Desk, caller: Caller, name: str) -> str:
    known = PROMPTS[name].arguments.model_fields
    answer = await DeskPrompts(desk.gate, rooms_of(desk)).get(
        caller, name, {key: value for key, value in GIVEN.items() if key in known}
    )
    return answer.messages[0].content.text  # type: ignore[union-attr]


async def test_a_prompt_names_only_tools_that_everybody_who_is_shown_it_has(desk: Desk, claude: Caller) -> None:
    for name, prompt in PROMPTS.items():
        text = await text_of(desk, claude, name)
        named = set(re.findall(r"\b[a-z]+_[a-z_]+\b", text)) & TOOLS.keys()
        assert named
        for tool in named:
            assert TOOLS[tool].toolset is Toolset.CORE, (name, tool)
            assert TOOLS[tool].rule.scope in {None, *prompt.scopes}, (name, tool)
        needed = {TOOLS[tool].rule.scope for tool in named} - {None}
        assert needed == prompt.scopes, name


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "order_type market"),
        ({"order_type": "Market"}, "order_type market"),
        ({"limit_price": "9.50"}, "order_type limit, limit_price 9.5"),
        ({"order_type": "limit", "limit_price": "9.5"}, "order_type limit, limit_price 9.5"),
        ({"order_type": "market", "limit_price": "9.5"}, ""),
        ({"order_type": "limit"}, ""),
        ({"order_type": "stop"}, ""),
        ({"order_type": "stop_limit", "limit_price": "9.5"}, ""),
    ],
)
async def test_a_ticket_is_written_of_terms_that_fit_each_other_alone(
    desk: Desk, claude: Caller, more: dict[str, str], said: str
) -> None:
    answer = await DeskPrompts(desk.gate, rooms_of(desk)).get(claude, "order_ticket", {**GIVEN, **more})
    if not said:
        assert isinstance(answer, Refusal)
        assert answer.code == "BAD_ARGUMENTS"
        return
    text = answer.messages[0].content.text  # type: ignore[union-attr]
    assert f"quantity 1, {said}.\n" in text


async def test_every_prompt_says_that_pending_is_not_filled(desk: Desk, claude: Caller) -> None:
    for name in PROMPTS:
        text = await text_of(desk, claude, name)
        assert "nothing was sent and nothing is filled" in text
        assert "untrusted" in text


async def test_symbols_and_orders_are_completed_best_first_and_at_most_a_hundred(
    desk: Desk, claude: Caller, ask: Ask
) -> None:
    terms = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "market"}
    placed = await ask("place_order", idempotency_key="complete-1", **terms)
    completions = DeskCompletions(desk.gate, rooms_of(desk))

    async def complete(caller: Caller, argument: str, typed: str, prompt: str = "order_ticket") -> list[str]:
        return list(await completions.complete(caller, Completing(argument, typed, prompt=prompt)))

    assert (await complete(claude, "symbol", "al"))[0] == "ALFA"
    assert len(await complete(claude, "symbol", "A")) <= 100
    assert await complete(claude, "symbol", "") == []
    order = placed.structured["order_id"]
    for typed in ("", "o-", order):
        assert await complete(claude, "order_id", typed, "position_review") == [order]
    assert await complete(claude, "order_id", "o-X", "position_review") == []
    assert await complete(claude, "order_id", "o-") == []
    assert await complete(claude, "quantity", "1") == []
    assert await complete(claude, "symbol", "A" * 100) == []
    assert await complete(claude, "symbol", "A", prompt="nothing") == []
    blind = desk.grants.give("blind", frozenset({Scope.READ_ORDERS}))
    assert await complete(blind, "symbol", "A") == []
    assert await complete(blind, "order_id", order, "position_review") == [order]
    elsewhere = desk.grants.give("blinder", frozenset({Scope.READ_MARKET}))
    assert await complete(elsewhere, "order_id", order, "position_review") == []
