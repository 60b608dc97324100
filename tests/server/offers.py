"""Fake prompts, resources and completions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mcp_types import (
    GetPromptResult,
    Prompt,
    PromptMessage,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
)

from cockpit.model.identity import Caller
from cockpit.model.refusals import Refusal
from server.host import Completing, Contents, Talk
from server.transport.kernel import Offer


@dataclass
class FakePrompts:
    """One prompt for everybody, and one more for ann."""

    refusal: Refusal | None = None

    def listed(self, caller: Caller) -> Sequence[Prompt]:
        names = ["brief", "hers"] if caller.grant.client == "ann" else ["brief"]
        return [Prompt(name=name, description="A prompt.") for name in names]

    async def get(
        self, caller: Caller, name: str, arguments: Mapping[str, str], talk: Talk
    ) -> GetPromptResult | Refusal | None:
        if self.refusal is not None:
            return self.refusal
        if name not in {prompt.name for prompt in self.listed(caller)}:
            return None
        text = f"{caller.grant.client} {dict(arguments)}"
        return GetPromptResult(messages=[PromptMessage(role="user", content=TextContent(type="text", text=text))])


@dataclass
class FakeResources:
    """Numbered resources; the even ones may be watched."""

    count: int = 3
    refusal: Refusal | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)

    def listed(self, caller: Caller) -> Sequence[Resource]:
        return [Resource(uri=f"test://{number}", name=f"number {number}") for number in range(self.count)]

    def templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
        return [ResourceTemplate(uri_template="test://{number}", name="numbers")]

    async def watchable(self, caller: Caller, uri: str) -> bool:
        return uri.startswith("test://") and uri[-1] in "02468"

    async def read(self, caller: Caller, uri: str, talk: Talk) -> Contents | Refusal | None:
        if self.refusal is not None:
            return self.refusal
        if uri == "test://slow":
            self.started.set()
            await asyncio.Event().wait()
        if uri not in {resource.uri for resource in self.listed(caller)}:
            return None
        return [TextResourceContents(uri=uri, text=f"{uri} for {caller.grant.client}")]


@dataclass
class FakeCompletions:
    """Numbers that begin with what is typed."""

    asked: list[Completing] = field(default_factory=list[Completing])

    async def complete(self, caller: Caller, asked: Completing) -> Sequence[str]:
        self.asked.append(asked)
        return [str(number) for number in range(1000) if str(number).startswith(asked.typed)]


@dataclass
class Offered:
    """All of them."""

    prompts: FakePrompts = field(default_factory=FakePrompts)
    resources: FakeResources = field(default_factory=FakeResources)
    completions: FakeCompletions = field(default_factory=FakeCompletions)

    @property
    def offer(self) -> Offer:
        return Offer(self.prompts, self.resources, self.completions, logs=True)
