"""The resources as the transport sees them: what a caller may read and watch, and reads that pass the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson
from mcp_types import Resource, ResourceTemplate, TextResourceContents

from cockpit.desk.gate import Admitted, Gate, Rule, Served
from cockpit.model.identity import Caller
from cockpit.model.refusals import Refusal
from server.host import Talk
from tools.registry import Call, Result, Rooms
from tools.resources import KINDS, QUOTE_TEMPLATE, place_of
from tools.trust import answer_of

READ: Final = "resources/read"
"""What the record calls it."""
_JSON: Final = "application/json"


class DeskResources:
    """Implements ``server.host.ResourceHost`` over the desk's gate."""

    def __init__(self, gate: Gate, rooms: Rooms) -> None:
        self._gate = gate
        self._rooms = rooms

    def listed(self, caller: Caller) -> Sequence[Resource]:
        """Return the resources within the caller's scopes now."""
        scopes = self._gate.scopes(caller)
        return [
            Resource(uri=kind.uri, name=kind.name, title=kind.title, description=kind.description, mime_type=_JSON)
            for kind in KINDS
            if kind.uri != QUOTE_TEMPLATE and kind.scope in scopes
        ]

    def templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
        """Return the templates within the caller's scopes now."""
        scopes = self._gate.scopes(caller)
        return [
            ResourceTemplate(
                uri_template=kind.uri, name=kind.name, title=kind.title, description=kind.description, mime_type=_JSON
            )
            for kind in KINDS
            if kind.uri == QUOTE_TEMPLATE and kind.scope in scopes
        ]

    def watchable(self, caller: Caller, uri: str) -> bool:
        """Whether the caller may be told when this resource changes: whether it may read it now."""
        place = place_of(uri)
        return place is not None and place.kind.scope in self._gate.scopes(caller)

    async def read(
        self, caller: Caller, uri: str, talk: Talk | None = None
    ) -> Sequence[TextResourceContents] | Refusal | None:
        """Pass the gate and read."""
        place = place_of(uri)

        async def run(admitted: Admitted) -> Served[Result]:
            assert place is not None
            return await place.read(Call(admitted, self._rooms))

        rule = None if place is None else Rule(READ, place.kind.scope)
        result = await self._gate.run(caller, rule, READ, {"uri": uri}, run)
        if isinstance(result, Refusal):
            return None if result.code == "UNKNOWN_TOOL" else result
        text = orjson.dumps(answer_of(result.body)).decode()
        return [TextResourceContents(uri=uri, mime_type=_JSON, text=text)]
