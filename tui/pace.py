"""How often the stream is drawn: as often as wanted, and less for a while once drawing has kept the loop too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual.screen import Screen

from cockpit.model.screen import ScreenSettings
from tui.frames import TRUSTED_SECONDS, ThriftyCompositor

SLOW_SECONDS: Final = 0.020
"""A frame that takes longer than this keeps the clients waiting."""
REST_SECONDS: Final = 10.0
_OVER_SSH: Final = 4
_SLOWEST: Final = 2
_WARM_UP_SECONDS: Final = 1.0
"""How long the first painting of everything may take what it needs."""


def drawn_per_second(settings: ScreenSettings, *, over_ssh: bool) -> int:
    """Return how often the stream is drawn: what was set, otherwise less over SSH."""
    if not over_ssh:
        return settings.rate_hz
    if settings.ssh_rate_hz is not None:
        return settings.ssh_rate_hz
    return settings.rate_hz if settings.rate_is_set else min(_OVER_SSH, settings.rate_hz)


class Pace:
    """Halves the rate after two slow frames in a row, and goes back to what is wanted after ten seconds."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._spent = 0.0
        self._slow_frames = 0
        self._slowed_at = 0.0
        self._warm_at: float | None = None
        self.per_second = wanted

    @property
    def slowed(self) -> bool:
        """Whether less is drawn than was wanted."""
        return self.per_second < self._wanted

    def spend(self, seconds: float) -> None:
        """Count time that draining or painting took to the frame under way."""
        self._spent += seconds

    def next_frame(self, monotonic: float) -> bool:
        """Close a frame and begin the next; True when the rate is another one from now on."""
        if self._warm_at is None:
            self._warm_at = monotonic + _WARM_UP_SECONDS
        slow, self._spent = self._spent > SLOW_SECONDS and monotonic >= self._warm_at, 0.0
        self._slow_frames = self._slow_frames + 1 if slow else 0
        before = self.per_second
        if self._slow_frames >= 2:
            self._slow_frames = 0
            self._slowed_at = monotonic
            self.per_second = max(min(_SLOWEST, self._wanted), before // 2)
        elif self.slowed and monotonic - self._slowed_at >= REST_SECONDS:
            self.per_second = self._wanted
        return self.per_second != before


class PacedScreen(Screen[None]):
    """Textual's screen; says how long each painting took, and that it is done."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        spend: Callable[[float], None],
        painted: Callable[[], None],
        trusts: float = TRUSTED_SECONDS,
    ) -> None:
        super().__init__(id="_default")
        self._compositor = self._thrifty = ThriftyCompositor(monotonic, trusts)
        self._painted = painted
        self._monotonic = monotonic
        self._spend = spend

    def redraw(self) -> None:
        """Paint everything, whatever the terminal may show already."""
        self._thrifty.forget()
        self.refresh()

    def _compositor_refresh(self) -> None:
        began = self._monotonic()
        super()._compositor_refresh()
        self._spend(self._monotonic() - began)
        self._painted()
