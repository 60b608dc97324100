"""The grants that live now, in memory: what they say goes, the database only remembers it for the next start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from cockpit.model.clock import Clock
from cockpit.model.identity import Grant, GrantId, Via, fallen
from oauth.records import StoredGrant


@dataclass(frozen=True, slots=True)
class Use:
    """When an authority was used last, and from where."""

    at: datetime
    address: str


class LiveGrants:
    """Every grant that has not ended, suspended keys among them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[GrantId, StoredGrant] = {}
        self._keys: dict[bytes, GrantId] = {}
        self._services: dict[str, GrantId] = {}
        self._touched: dict[GrantId, Use] = {}
        self._fresh: set[GrantId] = set()

    def put(self, stored: StoredGrant) -> None:
        """Let a grant live, or replace what is known of it."""
        grant_id = stored.grant.grant_id
        self._held[grant_id] = stored
        if stored.key_hash is not None:
            self._keys[stored.key_hash] = grant_id
        if stored.grant.via is Via.SERVICE:
            self._services[stored.grant.client_id] = grant_id
        if stored.last_used is not None:
            self._touched.setdefault(grant_id, Use(stored.last_used, stored.last_address))

    def drop(self, grant_id: GrantId) -> StoredGrant | None:
        """End a grant: from now on nothing that presents it is let in."""
        stored = self._held.pop(grant_id, None)
        if stored is not None and stored.key_hash is not None:
            self._keys.pop(stored.key_hash, None)
        if stored is not None:
            self._services.pop(stored.grant.client_id, None)
        self._touched.pop(grant_id, None)
        self._fresh.discard(grant_id)
        return stored

    def usable(self, grant_id: GrantId, now: datetime | None = None) -> Grant | None:
        """Return a grant that may be used now, neither ended, expired nor suspended, with the scopes that it has now.

        ``now`` is the time of our clock, where the caller has just read it.
        """
        stored = self._held.get(grant_id)
        if stored is None or stored.grant.suspended:
            return None
        grant = stored.grant
        if grant.expires_at is None and not grant.timed:
            return grant
        now = now or self._clock.now()
        if grant.expires_at is not None and grant.expires_at <= now:
            return None
        return fallen(grant, now) if grant.timed else grant

    def held(self, grant_id: GrantId) -> StoredGrant | None:
        """Return a grant that has not ended, usable or not."""
        return self._held.get(grant_id)

    def by_key(self, key_hash: bytes) -> GrantId | None:
        """Find the grant of an API key."""
        return self._keys.get(key_hash)

    def by_service(self, client_id: str) -> GrantId | None:
        """Find the grant of a service."""
        return self._services.get(client_id)

    def all(self) -> tuple[StoredGrant, ...]:
        """Return all of them, oldest first."""
        return tuple(sorted(self._held.values(), key=lambda stored: (stored.grant.made_at, stored.grant.grant_id)))

    def touch(self, grant_id: GrantId, at: datetime, address: str) -> None:
        """Remember a use."""
        self._touched[grant_id] = Use(at, address)
        self._fresh.add(grant_id)

    def touched(self, grant_id: GrantId) -> Use | None:
        """Return the last use."""
        return self._touched.get(grant_id)

    def take_fresh(self) -> dict[GrantId, Use]:
        """Return the uses that nobody has taken yet."""
        fresh = {grant_id: self._touched[grant_id] for grant_id in self._fresh}
        self._fresh.clear()
        return fresh

    def kill(self) -> tuple[list[Grant], list[Grant]]:
        """Suspend every key and end all else; return the ended and the newly suspended."""
        ended: list[Grant] = []
        suspended: list[Grant] = []
        for stored in self.all():
            grant = stored.grant
            if grant.via is not Via.KEY:
                self.drop(grant.grant_id)
                ended.append(grant)
            elif not grant.suspended:
                self._held[grant.grant_id] = replace(stored, grant=replace(grant, suspended=True))
                suspended.append(grant)
        return ended, suspended
