"""The resources as the transport sees them: what a caller may read and watch, and reads that pass the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson
from mcp_types import Resource, ResourceTemplate, TextResourceContents

from cockpit.desk.gate import Admitted, Gate, Rule, Served
from cockpit.desk.market import Market
from cockpit.model.identity import Caller
from cockpit.model.refusals import Refusal
from server.host import Talk
from tools.registry import Call, Result, Rooms
from tools.resources import KINDS, QUOTE_TEMPLATE, place_of
from tools.trust import answer_of

READ: Final = "resources/read"
"""What the record calls it."""
SUBSCRIBE: Final = "resources/subscribe"
_NOT_THERE: Final = frozenset({"UNKNOWN_TOOL", "INSTRUMENT_UNRESOLVED"})
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

    async def watchable(self, caller: Caller, uri: str) -> bool | Refusal:
        """Pass the gate and look whether the caller may read it now, and whether it is there at all."""
        place = place_of(uri)

        async def run(admitted: Admitted) -> Served[None]:
            assert place is not None
            if place.symbol:
                await Market(admitted.connection).resolve(place.symbol)
            return Served(None, symbol=place.symbol)

        rule = None if place is None else Rule(SUBSCRIBE, place.kind.scope)
        result = await self._gate.run(caller, rule, SUBSCRIBE, {"uri": uri}, run)
        if isinstance(result, Refusal) and result.code not in _NOT_THERE:
            return result
        return not isinstance(result, Refusal)

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
