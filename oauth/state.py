"""What the parts of the authorization server share: its settings, its live grants, and the one lock around decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cockpit.model.clock import Clock
from cockpit.model.events import Event, GrantEnded
from cockpit.model.identity import Grant, GrantId, Via
from cockpit.model.ids import ulid
from cockpit.model.text import safe
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.writes import Write
from oauth.config import AuthorityConfig
from oauth.decision import Random
from oauth.live import LiveGrants
from oauth.records import GivenName, StoredGrant
from oauth.steady import SteadyClock
from oauth.tokens import TokenSigner
from oauth.waiting import WaitingRoom


@dataclass(frozen=True, slots=True)
class Owed:
    """What has happened in memory and is not on disk yet."""

    grants: tuple[Grant, ...]
    writes: tuple[Write, ...]
    audit: tuple[AuditEntry, ...]


class State:
    """Shared by the endpoints and the facade; lives in one event loop."""

    def __init__(
        self,
        config: AuthorityConfig,
        store: Store,
        clock: Clock,
        publish: Callable[[Event], None],
        random: Random,
    ) -> None:
        self.config = config
        self.store = store
        self.clock = SteadyClock(clock)
        self.publish = publish
        self.random = random
        self.lock = asyncio.Lock()
        """Around load, decide and commit: between reading a row and changing it nobody else may."""
        self.live = LiveGrants(self.clock)
        self.room = WaitingRoom(config.max_waiting, config.max_waiting_per_address, random)
        self.names: set[GivenName] = set()
        self.stopped = False
        """The kill switch was used: nobody may register or ask."""
        self.epoch = 0
        """Grows with every kill: what was begun before it must not bring anything to life after it."""
        self.owed: list[Owed] = []
        self._signer: TokenSigner | None = None

    @property
    def signer(self) -> TokenSigner:
        """The signing key; there once the authority has been entered."""
        if self._signer is None:
            raise RuntimeError("the authority is not running")
        return self._signer

    @signer.setter
    def signer(self, signer: TokenSigner) -> None:
        self._signer = signer

    def new_id(self, prefix: str) -> str:
        """Make an identifier that sorts by time."""
        return prefix + ulid(self.clock.now(), self.random(10))

    def usable(self, grant_id: GrantId | None) -> StoredGrant | None:
        """Return a grant that may be used now, with what is kept of it."""
        grant = None if grant_id is None else self.live.usable(grant_id)
        held = None if grant is None else self.live.held(grant.grant_id)
        return None if grant is None or held is None else replace(held, grant=grant)

    def drop(self, grant_id: GrantId, reason: str) -> Grant | None:
        """End a grant in memory, at once, and say so."""
        stored = self.live.drop(grant_id)
        if stored is None:
            return None
        grant = stored.grant
        self.publish(GrantEnded(self.clock.now(), grant_id, grant.client, safe(reason)))
        return grant

    def owe(self, grants: Sequence[Grant], writes: Sequence[Write], audit: Sequence[AuditEntry]) -> None:
        """Remember what must still reach the disk.

        It holds whatever the disk says: none of it may conflict, else nothing could be written any more.
        """
        self.owed.append(Owed(tuple(grants), tuple(replace(one, expect=None) for one in writes), tuple(audit)))

    async def commit(self, writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> None:
        """Write one unit, with all that is owed in front of it: what is older must not overwrite it later.

        The caller holds the lock. Raises like `Store.commit`, and then nothing of it is written and all is still owed.
        """
        due = tuple(self.owed)
        await self.store.commit(
            [*(write for one in due for write in one.writes), *writes],
            [*(note for one in due for note in one.audit), *audit],
        )
        del self.owed[: len(due)]

    async def settle(self) -> None:
        """Write what is owed; raises like `Store.commit`, and then it is still owed."""
        async with self.lock:
            if self.owed:
                await self.commit(())


def entry(
    at: datetime, event: str, outcome: str, grant: Grant | None = None, code: str = "", **detail: object
) -> AuditEntry:
    """Make an audit entry about a client or a key."""
    return AuditEntry(
        at=at,
        kind="key" if grant is not None and grant.via is not Via.OAUTH else "client",
        client=grant.client if grant else "",
        tool=event,
        outcome=outcome,
        code=code,
        grant_id=grant.grant_id if grant else "",
        detail=detail,
    )
