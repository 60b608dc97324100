"""Completion as the transport sees it: what fits where a client is typing, after the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cockpit.desk.gate import Admitted, Gate, Rule, Served
from cockpit.model.identity import Caller
from cockpit.model.refusals import Refusal
from cockpit.model.text import safe
from server.host import Completing
from tools.completions import COMPLETERS, MOST, may_complete
from tools.prompts import PROMPTS
from tools.registry import Call, Rooms
from tools.resources import QUOTE_TEMPLATE

COMPLETE: Final = "completion/complete"
"""What the record calls it."""


class DeskCompletions:
    """Implements ``server.host.CompletionHost`` over the desk's gate."""

    def __init__(self, gate: Gate, rooms: Rooms) -> None:
        self._gate = gate
        self._rooms = rooms

    async def complete(self, caller: Caller, asked: Completing) -> Sequence[str]:
        """Return what fits, best first; nothing where the caller may not know, or nothing is known."""
        scope, completer = COMPLETERS.get(asked.argument, (None, None))

        async def run(admitted: Admitted) -> Served[Sequence[str]]:
            if completer is None or not _has_argument(asked) or not may_complete(asked.typed):
                return Served(())
            found = await completer(Call(admitted, self._rooms), asked.typed)
            return Served(found[:MOST], summary=safe(f"{asked.argument} {asked.typed}", 60))

        told = {"argument": asked.argument, "typed": asked.typed, "of": asked.prompt or asked.template}
        result = await self._gate.run(caller, Rule(COMPLETE, scope), COMPLETE, told, run)
        return () if isinstance(result, Refusal) else result.body


def _has_argument(asked: Completing) -> bool:
    """Whether the prompt or the template that is being filled has that argument."""
    if asked.template:
        return asked.template == QUOTE_TEMPLATE and asked.argument == "symbol"
    prompt = PROMPTS.get(asked.prompt)
    return prompt is not None and asked.argument in prompt.arguments.model_fields
