"""Which faults wait for which messages, and how they are put around them."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.gateway.session import Session

Proceed = Callable[[], Awaitable[None] | None]
Fault = Callable[["Session", list[str], Proceed], Awaitable[None] | None]
"""Stands around a message: ``proceed`` handles what came in (await it) or sends what goes out. Only faults of messages
that come in may be coroutines."""
When = Callable[["Session", list[str]], bool]


async def carry_on(proceed: Proceed) -> None:
    """Handle the message after all."""
    result = proceed()
    if inspect.isawaitable(result):
        await result


@dataclass(frozen=True, slots=True, eq=False)
class _Planned:
    fault: Fault
    when: When | None
    standing: bool


class Faults:
    """What is planned, by the name of the message."""

    def __init__(self) -> None:
        self._planned: dict[str, list[_Planned]] = defaultdict(list)

    def add(self, name: str, fault: Fault, *, when: When | None, standing: bool) -> None:
        """Plan a fault for messages of that name."""
        self._planned[name].append(_Planned(fault, when, standing))

    @property
    def any(self) -> bool:
        """Whether anything has been planned at all."""
        return bool(self._planned)

    def clear(self, name: str) -> None:
        """Forget what is planned for that name."""
        self._planned.pop(name, None)

    async def incoming(
        self, session: Session, names: Sequence[str], fields: list[str], proceed: Callable[[], Awaitable[None]]
    ) -> None:
        """Handle what a client sent, with the first fault that is planned for it."""
        fault = self._next(session, names, fields)
        if fault is None:
            await proceed()
            return
        result = fault(session, fields, proceed)
        if inspect.isawaitable(result):
            await result

    def outgoing(self, session: Session, name: str, fields: list[str], proceed: Callable[[], None]) -> None:
        """Send a message, with the first fault that is planned for it."""
        fault = self._next(session, (name,), fields) if self._planned else None
        if fault is None:
            proceed()
            return
        fault(session, fields, proceed)

    def _next(self, session: Session, names: Sequence[str], fields: list[str]) -> Fault | None:
        for name in names:
            waiting = self._planned.get(name, [])
            for planned in waiting:
                if planned.when is None or planned.when(session, fields):
                    if not planned.standing:
                        waiting.remove(planned)
                    return planned.fault
        return None
