"""What the listed schemas tell a client of results: what fields mean, and which values they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from jsonschema import ValidationError

from cockpit.model.identity import Caller
from cockpit.model.orders import Order, OrderState
from server.tool_host import DeskTools
from tests.desk.desks import Desk, market, place
from tests.tools.conftest import Ask, schema_of
from tests.tools.test_catalogue import CORE
from tools.catalogue import TOOLS
from tools.groups import GroupResult
from tools.orders import OrdersResult
from tools.words import OrderResult

MOST_BYTES_OF_CORE = 95_000
"""Of tools/list with the core alone: a client's model reads all of it."""


def described(tool: str) -> dict[str, str]:
    """Return the descriptions of all fields in a tool's output schema by name."""
    return {name: told["description"] for name, told in fields(schema_of(tool).schema) if "description" in told}


def fields(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part["properties"].items()


def test_what_a_field_means_reaches_the_client() -> None:
    told = described("place_option_strategy")
    assert told["most_won"] == "Null: without bound."
    assert "never send it again" in told["state"]
    greeks = described("get_option_greeks")
    assert "calendar day" in greeks["theta"]
    assert "percentage point" in greeks["vega"]
    assert "percentage point" in greeks["rho"]
    assert "null" in described("get_holdings")["settled"]


def test_descriptions_are_short_and_plain() -> None:
    for tool in TOOLS:
        for name, told in described(tool).items():
            if name != "untrusted":
                assert len(told) <= 120, (tool, name)
            assert "\n" not in told, (tool, name)
            assert "``" not in told, (tool, name)


def test_no_field_has_a_title_that_only_repeats_its_name() -> None:
    for tool in TOOLS:
        for name, told in fields(schema_of(tool).schema):
            assert "title" not in told, (tool, name)


def test_the_core_is_listed_in_a_bounded_number_of_bytes(tools: DeskTools, claude: Caller) -> None:
    core = [tool for tool in tools.listed(claude) if tool.name in CORE]
    listed = [tool.model_dump(by_alias=True, mode="json", exclude_none=True) for tool in core]
    assert len(orjson.dumps(listed)) < MOST_BYTES_OF_CORE


@pytest.fixture
async def order(desk: Desk, claude: Caller) -> Order:
    return await place(desk, claude, market())


def test_every_state_that_an_order_can_have_is_in_the_schemas_and_no_other(order: Order) -> None:
    one = OrderResult.of(order, "claude", simulated=True)
    for state in OrderState:
        row = one.model_copy(update={"state": state})
        group = GroupResult(
            group_id=None, linkage=None, state=state, says="", expires_at=None, confirm_by=None, orders=[row]
        )
        for tool, result in (
            ("get_order", row),
            ("list_orders", OrdersResult(orders=[row, row], next_before=None)),
            ("place_basket", group),
        ):
            if state is not OrderState.PREVIEWED:
                schema_of(tool).validate(result.model_dump())
                continue
            with pytest.raises(ValidationError):
                schema_of(tool).validate(result.model_dump())


def test_an_order_fits_its_schema_with_everything_and_with_nothing_that_may_be_null(order: Order) -> None:
    for tool in ("get_order", "place_order", "wait_for_order"):
        told = OrderResult.of(order, "claude", simulated=True).model_dump()
        optional = {
            name for name, field in fields(schema_of(tool).schema) if {"type": "null"} in field.get("anyOf", [])
        }
        assert {"limit_price", "confirm_by", "queue_place"} <= optional
        schema_of(tool).validate({**told, **dict.fromkeys(optional)})
        whole = {name: 1 if name == "queue_place" else "x" for name in optional}
        schema_of(tool).validate({**told, **whole})
        for name in set(told) - optional:
            with pytest.raises(ValidationError):
                schema_of(tool).validate({**told, name: None})


async def test_lists_fit_their_schemas_empty_full_and_with_more_to_come(desk: Desk, ask: Ask, claude: Caller) -> None:
    for tool, rows in (("list_orders", "orders"), ("list_executions", "executions"), ("get_positions", "positions")):
        assert (await ask(tool)).structured[rows] == []
    for number in range(3):
        asked = await place(desk, claude, market(), f"key-0000000{number}")
        await desk.decisions.approve(asked.order_id, None, None, None, "test")
        desk.clock.pass_time(60)
    for tool in ("list_orders", "list_executions"):
        assert (await ask(tool, limit=3)).structured["next_before"] is None
        assert (await ask(tool, limit=2)).structured["next_before"] is not None
    assert (await ask("export_audit", limit=1)).structured["next_after"] is not None
    assert (await ask("get_quotes", symbols=["NOPE"])).structured["quotes"][0]["quote"] is None
