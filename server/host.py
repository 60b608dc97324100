"""What the transport needs of the tools: list them for a caller, and call one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mcp_types import Tool

from cockpit.model.identity import Caller
from cockpit.model.refusals import Refusal


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a call of a tool gave: a JSON object, or a refusal that is its error."""

    structured: Mapping[str, Any]
    """Plain JSON values; of a refusal ``{code, message, retryable, who_can_fix, details}``."""
    refusal: Refusal | None = None


class ToolHost(Protocol):
    """The catalogue as one caller may see and use it. Everything about permission, budget and audit is behind it."""

    def listed(self, caller: Caller) -> Sequence[Tool]:
        """Return the tools that the caller may use now, in a fixed order."""
        ...

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        """Return a tool's JSON schema, or None where there is no such tool."""
        ...

    async def call(self, caller: Caller, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Pass the gate and run the tool. Never raises but for cancellation; each call is in the audit before this
        returns. A refusal with code ``GRANT_ENDED`` or ``KILL_SWITCH`` means 401, ``SCOPE_MISSING`` of an OAuth
        grant means 403 with a challenge for what stands in ``details["held"]`` and ``details["scope"]``.
        """
        ...
