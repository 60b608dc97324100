"""What was judged but not placed, remembered by its id for two minutes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cockpit.desk.gate import Admitted
from cockpit.desk.groups import Wanted
from cockpit.desk.observer import Judged
from cockpit.desk.together import JudgedTogether
from cockpit.model.clock import Clock
from cockpit.model.identity import ClientName
from cockpit.model.orders import Linkage, OrderRequest
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe

_SECONDS: Final = 120
_KEPT: Final = 50
"""Previews of one client that are remembered at a time; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Preview:
    """Judged orders that can be placed by one id."""

    preview_id: str
    client: ClientName
    connection: str
    wanted: Wanted
    together: JudgedTogether
    expires_at: datetime
    expires: float

    @property
    def request(self) -> OrderRequest:
        """The order, or the first of its group."""
        return self.wanted.legs[0].request

    @property
    def judged(self) -> Judged:
        """What was found of the order, or of the first of its group."""
        return self.together.head


class Previews:
    """The previews of all clients."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[ClientName, dict[str, Preview]] = {}

    def keep(self, admitted: Admitted, preview_id: str, wanted: Wanted, together: JudgedTogether) -> Preview:
        """Remember a preview."""
        client, now = admitted.grant.client, self._clock.monotonic()
        mine = self._of.setdefault(client, {})
        for old in [one.preview_id for one in mine.values() if one.expires <= now]:
            del mine[old]
        while len(mine) >= _KEPT:
            del mine[next(iter(mine))]
        until = self._clock.now() + timedelta(seconds=_SECONDS)
        preview = Preview(preview_id, client, admitted.connection.name, wanted, together, until, now + _SECONDS)
        mine[preview_id] = preview
        return preview

    def wanted(self, admitted: Admitted, preview_id: str, linkage: Linkage | None) -> Wanted:
        """Return what was previewed; Refused with PREVIEW_UNKNOWN where it is gone, somebody else's or other orders."""
        preview = self._of.get(admitted.grant.client, {}).get(preview_id)
        if preview is None or preview.expires <= self._clock.monotonic():
            raise Refused(refuse("PREVIEW_UNKNOWN", preview_id=safe(preview_id, 40)))
        if preview.connection != admitted.connection.name:
            raise Refused(refuse("PREVIEW_UNKNOWN", "That preview was made on another connection."))
        if preview.wanted.linkage is not linkage:
            raise Refused(
                refuse("PREVIEW_UNKNOWN", "That preview is of other orders; use the tool that they belong to.")
            )
        return replace(preview.wanted, previewed_at=preview.judged.seen.touch(preview.request.side))
