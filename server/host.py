"""What the transport needs of the catalogue: tools, prompts, resources and completion as one caller may see and use them.

Everything about permission, budget and audit is behind these. What is listed is bounded by whoever lists it: the
transport gives it out in pages, in the order in which it comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from mcp_types import (
    BlobResourceContents,
    CallToolResult,
    ClientCapabilities,
    GetPromptResult,
    InputRequiredResult,
    LoggingLevel,
    Prompt,
    Resource,
    ResourceTemplate,
    TextResourceContents,
    Tool,
)

from cockpit.model.identity import Caller
from cockpit.model.refusals import Refusal


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a call of a tool gave: a JSON object, or a refusal that is its error."""

    structured: Mapping[str, Any]
    """Plain JSON values; of a refusal ``{code, message, retryable, who_can_fix, details}``."""
    refusal: Refusal | None = None


class Talk(Protocol):
    """The way to a client while one of its requests is answered. What comes back is the client's word, no authority."""

    @property
    def version(self) -> str:
        """The version of the protocol that the request is made in."""
        ...

    @property
    def capabilities(self) -> ClientCapabilities | None:
        """What the client says that it can; None where it said nothing."""
        ...

    @property
    def answers(self) -> Mapping[str, Any]:
        """What the client answers to an ``InputRequiredResult`` (2026-07-28), by key; unchecked."""
        ...

    @property
    def state(self) -> str | None:
        """The state that an ``InputRequiredResult`` carried, as the client gives it back; unchecked."""
        ...

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress; nothing is sent to a client that didn't ask for it."""
        ...

    async def log(self, level: LoggingLevel, data: Any, logger: str | None = None) -> None:
        """Send a log message; nothing is sent to a client that wants none of that level."""
        ...

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the client and wait for its result. Only the handshake era knows this, and only within a session;
        elsewhere, and where the host's owner allows no questions, it raises the SDK's ``NoBackChannelError``.
        """
        ...

    async def hang_up(self) -> None:
        """End the connection but not the request: the client comes back for the rest (2025-11-25). Does nothing for
        clients that can't.
        """
        ...


ToolResult: TypeAlias = ToolAnswer | CallToolResult | InputRequiredResult
"""The quick answer of nearly all tools, or any that the protocol knows."""


class ToolHost(Protocol):
    """The tools."""

    def listed(self, caller: Caller) -> Sequence[Tool]:
        """Return the tools that the caller may use now, in a fixed order."""
        ...

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        """Return a tool's JSON schema, or None where there is no such tool."""
        ...

    async def call(self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk) -> ToolResult:
        """Pass the gate and run the tool. Never raises but for cancellation and the SDK's ``MCPError``; each call is in
        the audit before this returns. A refusal with code ``GRANT_ENDED`` or ``KILL_SWITCH`` means 401, ``SCOPE_MISSING``
        of an OAuth grant means 403 with a challenge for what stands in ``details["held"]`` and ``details["scope"]``.
        """
        ...


class PromptHost(Protocol):
    """The prompts."""

    def listed(self, caller: Caller) -> Sequence[Prompt]:
        """Return the prompts that the caller may use now, in a fixed order."""
        ...

    async def get(
        self, caller: Caller, name: str, arguments: Mapping[str, str], talk: Talk
    ) -> GetPromptResult | InputRequiredResult | Refusal | None:
        """Return a prompt's messages; None where there is no such prompt. Refusals mean what they mean of a tool."""
        ...


Contents: TypeAlias = Sequence[TextResourceContents | BlobResourceContents]


class ResourceHost(Protocol):
    """The resources."""

    def listed(self, caller: Caller) -> Sequence[Resource]:
        """Return the resources that the caller may read now, in a fixed order."""
        ...

    def templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
        """Return the templates of further resources, in a fixed order."""
        ...

    async def watchable(self, caller: Caller, uri: str) -> bool | Refusal:
        """Whether there is such a resource, of whose changes the caller may be told. It is a call like any other: within
        the budget, and in the audit. Refusals mean what they mean of a tool.
        """
        ...

    async def read(self, caller: Caller, uri: str, talk: Talk) -> Contents | InputRequiredResult | Refusal | None:
        """Return what a resource holds; None where there is no such resource. Refusals mean what they mean of a tool."""
        ...


@dataclass(frozen=True, slots=True)
class Completing:
    """What a client is typing: one argument of a prompt, or of a resource template."""

    argument: str
    typed: str
    prompt: str = ""
    """The prompt's name, where it is one."""
    template: str = ""
    """The template's URI, where it is one."""
    known: Mapping[str, str] = field(default_factory=dict[str, str])
    """Arguments that the client has filled already."""


class CompletionHost(Protocol):
    """What may stand where a client is typing."""

    async def complete(self, caller: Caller, asked: Completing) -> Sequence[str]:
        """Return all values that fit, best first; empty where nothing does. The first hundred of them are given out."""
        ...
