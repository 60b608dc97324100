"""Whether the operator is there, and what happens once he isn't."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.text import Safe
from cockpit.settings.approval import ApprovalSettings, OperatorLost

_LOOK_EVERY: Final = 0.2

LOST: Final = "operator lost"
"""Reason of the halt that follows the loss of the operator."""


class Presence:
    """Present is an operator who pressed a key on a screen that is still attached, or gave a command, not long ago."""

    def __init__(
        self,
        settings: ApprovalSettings,
        clock: Clock,
        halt: Callable[[str], Awaitable[None]],
        publish: Callable[[Event], None],
    ) -> None:
        self._lasts = timedelta(minutes=settings.presence_minutes).total_seconds()
        self._on_lost = settings.on_operator_lost
        self._clock = clock
        self._halt = halt
        self._publish = publish
        self._screens = 0
        self._key: float | None = None
        self._command: float | None = None
        self._started = clock.monotonic()
        self._lost = False

    @property
    def screens(self) -> int:
        """How many screens are attached."""
        return self._screens

    @property
    def on_lost(self) -> OperatorLost:
        """What happens once he isn't present."""
        return self._on_lost

    @property
    def present(self) -> bool:
        """Whether he is there now."""
        on_screen = self._screens > 0 and self._is_recent(self._key)
        return on_screen or self._is_recent(self._command)

    @property
    def lets_rules_approve(self) -> bool:
        """Whether rules may approve by themselves as far as presence goes."""
        return self._on_lost is OperatorLost.KEEP or self.present

    def attached(self) -> None:
        """A screen came up. That alone proves nobody: the first key press does."""
        self._screens += 1

    def detached(self) -> None:
        """A screen went away. What was pressed on it counts no longer once none is left."""
        self._screens = max(0, self._screens - 1)
        if not self._screens:
            self._key = None

    def touched(self) -> None:
        """A key was pressed on a screen."""
        self._key = self._clock.monotonic()
        self._lost = False

    def commanded(self) -> None:
        """The operator gave a command from elsewhere than a screen."""
        self._command = self._clock.monotonic()
        self._lost = False

    async def look(self) -> None:
        """Notice once that he is lost. A host on which nobody was seen yet has as long as he would have."""
        if self._lost or self.present or self._is_recent(self._started):
            return
        self._lost = True
        match self._on_lost:
            case OperatorLost.HALT:
                await self._halt(LOST)
                says = "Nobody is at the screen: trading is halted."
            case OperatorLost.QUEUE:
                says = "Nobody is at the screen: rules approve nothing, orders wait."
            case OperatorLost.KEEP:
                return
        self._publish(Notice(self._clock.now(), Safe(says), True))

    async def watch(self) -> None:
        """Look, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_EVERY)

    def _is_recent(self, moment: float | None) -> bool:
        return moment is not None and self._clock.monotonic() - moment < self._lasts
