from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cockpit.desk.alerts import Alerts
from cockpit.desk.journal import Journal
from cockpit.desk.messages import Messages
from cockpit.model.identity import Caller
from cockpit.model.instruments import InstrumentKind
from cockpit.settings.model import ApprovalSettings, ConnectionSettings
from cockpit.settings.policy import PolicySettings
from server.host import ToolAnswer
from server.tool_host import DeskTools
from tests.desk.desks import Desk, open_desk
from tools import trust
from tools.catalogue import TOOLS
from tools.registry import Rooms

Ask = Callable[..., Awaitable[ToolAnswer]]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose connection offers every tool, and lets options be traded too."""
    settings = ConnectionSettings(toolsets=("all",), policy=PolicySettings(asset_classes=frozenset(InstrumentKind)))
    async with open_desk(tmp_path / "data", settings=settings) as opened:
        yield opened


@pytest.fixture
def tools(desk: Desk) -> DeskTools:
    return tools_of(desk)


def tools_of(desk: Desk) -> DeskTools:
    """Return the catalogue over a desk."""
    return DeskTools(desk.gate, rooms_of(desk))


def rooms_of(desk: Desk) -> Rooms:
    """Return what the tools stand on, anew: alerts that were made before are found by loading them."""

    def alive() -> frozenset[tuple[str, str]]:
        return frozenset((grant.client, grant.connection) for grant in desk.grants.grants.values())

    return Rooms(
        desk.orders, desk.switch, desk.budgets, ApprovalSettings(), desk.store, desk.clock,
        Alerts(desk.store, desk.connections, desk.clock, desk.events.append, alive),
        Journal(desk.store, desk.clock),
        Messages(desk.clock, desk.events.append),
        desk.arming.closed,
    )  # fmt: skip


@pytest.fixture
def claude(desk: Desk) -> Caller:
    return desk.grants.give("claude")


@pytest.fixture
def ask(tools: DeskTools, claude: Caller) -> Ask:
    """Calls a tool as the client, and holds each answer to the schema that is listed for it."""

    async def call(tool: str, **arguments: Any) -> ToolAnswer:
        answer = await tools.call(claude, tool, arguments)
        if answer.refusal is None:
            schema_of(tool).validate(dict(answer.structured))
        return answer

    return call


@cache
def schema_of(tool: str) -> Draft202012Validator:
    """Return what checks a tool's answers against its output schema."""
    return Draft202012Validator(trust.schema_of(TOOLS[tool].result))


def texts(told: Any) -> Iterator[str]:
    """Return every text in an answer as it is: written as Python or JSON, what is hostile would look harmless."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, Mapping):
        for name, value in told.items():
            yield from (*texts(name), *texts(value))
    elif isinstance(told, Sequence):
        for value in told:
            yield from texts(value)


def is_harmless(told: Any) -> bool:
    """Whether nothing in an answer steers a terminal or hides what it says."""
    return all(character.isprintable() or character == "\n" for text in texts(told) for character in text)
