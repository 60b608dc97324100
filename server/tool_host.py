"""The catalogue as the transport sees it: what a caller may use, and calls that pass the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp_types import Tool as ListedTool
from mcp_types import ToolAnnotations

from cockpit.desk.gate import Admitted, Gate, Served
from cockpit.model.identity import Caller
from cockpit.model.refusals import Refusal, Refused, refuse
from server.host import Talk, ToolAnswer
from server.transport.results import refusal_answer
from tools.catalogue import TOOLS
from tools.registry import Call, Result, Rooms, Tool, untold
from tools.schemas import json_schema
from tools.trust import answer_of, schema_of

_LISTED: Final = {
    tool.rule.name: ListedTool(
        name=tool.rule.name,
        title=tool.title,
        description=tool.description,
        input_schema=json_schema(tool.arguments),
        output_schema=schema_of(tool.result),
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.hints.read_only,
            destructive_hint=tool.hints.destructive,
            idempotent_hint=tool.hints.idempotent,
            open_world_hint=tool.hints.open_world,
        ),
    )
    for tool in TOOLS.values()
}


class DeskTools:
    """Implements ``server.host.ToolHost`` over the desk's gate."""

    def __init__(self, gate: Gate, rooms: Rooms) -> None:
        self._gate = gate
        self._rooms = rooms

    def listed(self, caller: Caller) -> Sequence[ListedTool]:
        """Return the tools within the caller's scopes now that its connection offers; others are not shown."""
        scopes, connection = self._gate.scopes(caller), self._gate.connection(caller)
        return [
            _LISTED[name]
            for name, tool in TOOLS.items()
            if (tool.rule.scope is None or tool.rule.scope in scopes)
            and (connection is None or tool.offered(connection))
        ]

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        """Return a tool's JSON schema."""
        listed = _LISTED.get(name)
        return None if listed is None else listed.input_schema

    async def call(
        self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk | None = None
    ) -> ToolAnswer:
        """Pass the gate and run the tool."""
        tool: Tool[Any, Any] | None = TOOLS.get(name)
        rule = None if tool is None else tool.rule

        async def run(admitted: Admitted) -> Served[Result]:
            assert tool is not None
            if not tool.possible(admitted.connection):
                raise Refused(refuse("CAPABILITY_UNAVAILABLE", tool=name, needs=tool.needs))
            progress = untold if talk is None else talk.progress
            return await tool.run(Call(admitted, self._rooms, progress), tool.read(arguments))

        result = await self._gate.run(caller, rule, name, arguments, run)
        if isinstance(result, Refusal):
            return refusal_answer(result)
        return ToolAnswer(answer_of(result.body))

    def turned_away(self, caller: Caller, name: str, refusal: Refusal) -> None:
        """Record a call that the transport refused."""
        self._gate.turned_away(caller, name, refusal)
