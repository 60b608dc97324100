"""The prompts as the transport sees them: what a caller may use, and texts that pass the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from mcp_types import GetPromptResult, PromptArgument, PromptMessage, TextContent
from mcp_types import Prompt as ListedPrompt

from cockpit.desk.gate import Admitted, Gate, Rule, Served
from cockpit.model.identity import Caller, Scope, scope_text
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import safe
from server.host import Talk
from tools.prompts import PROMPTS, Prompt
from tools.registry import Arguments, Call, Rooms

GET: Final = "prompts/get"
"""What the record calls it."""


def _listed(prompt: Prompt[Arguments]) -> ListedPrompt:
    fields = prompt.arguments.model_fields.items()
    arguments = [
        PromptArgument(name=name, description=field.description or name, required=field.is_required())
        for name, field in fields
    ]
    return ListedPrompt(name=prompt.name, title=prompt.title, description=prompt.description, arguments=arguments)


_LISTED: Final = {prompt.name: _listed(prompt) for prompt in PROMPTS.values()}


class DeskPrompts:
    """Implements ``server.host.PromptHost`` over the desk's gate."""

    def __init__(self, gate: Gate, rooms: Rooms) -> None:
        self._gate = gate
        self._rooms = rooms

    def listed(self, caller: Caller) -> Sequence[ListedPrompt]:
        """Return the prompts whose tools are all within the caller's scopes now."""
        scopes = self._gate.scopes(caller)
        return [_LISTED[name] for name, prompt in PROMPTS.items() if prompt.scopes <= scopes]

    async def get(
        self, caller: Caller, name: str, arguments: Mapping[str, str], talk: Talk | None = None
    ) -> GetPromptResult | Refusal | None:
        """Pass the gate and write the prompt."""
        prompt = PROMPTS.get(name)

        async def run(admitted: Admitted) -> Served[str]:
            assert prompt is not None
            _need(prompt.scopes, admitted.scopes)
            text = await prompt.write(Call(admitted, self._rooms), prompt.read(arguments))
            return Served(text, summary=safe(name))

        rule = None if prompt is None else Rule(GET, None)
        result = await self._gate.run(caller, rule, GET, {"name": name, "arguments": dict(arguments)}, run)
        if isinstance(result, Refusal):
            return None if result.code == "UNKNOWN_TOOL" else result
        assert prompt is not None
        message = PromptMessage(role="user", content=TextContent(type="text", text=result.body))
        return GetPromptResult(description=prompt.description, messages=[message])


def _need(wanted: frozenset[Scope], held: frozenset[Scope]) -> None:
    missing = next((scope for scope in Scope if scope in wanted - held), None)
    if missing is not None:
        raise Refused(refuse("SCOPE_MISSING", tool=GET, scope=missing, held=scope_text(held)))
