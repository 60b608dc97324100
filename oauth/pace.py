"""How often one grant may be given new tokens: each of them leaves a row and a record, and a client asks at will."""

from __future__ import annotations

import math
from typing import Final

from cockpit.model.identity import GrantId

_SECONDS: Final = 60.0
_LOOK_AT: Final = 1024
"""So many grants are kept before those that are at rest are forgotten."""


class Pace:
    """A bucket for each grant that ``at_once`` fill; kept as the time at which it is empty again."""

    def __init__(self, each_minute: int, at_once: int) -> None:
        self._step = _SECONDS / each_minute
        self._full = self._step * at_once
        self._empty_at: dict[GrantId, float] = {}

    def take(self, grant_id: GrantId, now: float) -> int | None:
        """Count one. None lets it through; otherwise after how many whole seconds it is worth trying again."""
        empty_at = max(self._empty_at.get(grant_id, now), now) + self._step
        wait = empty_at - now - self._full
        if wait > 1e-6:  # below it is rounding, not one too many
            return math.ceil(wait)
        if len(self._empty_at) >= _LOOK_AT and grant_id not in self._empty_at:
            self._empty_at = {one: at for one, at in self._empty_at.items() if at > now}
        self._empty_at[grant_id] = empty_at
        return None
