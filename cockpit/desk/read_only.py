"""Clients that settings let read alone: whatever was granted to them, they write nothing while it stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from cockpit.desk.gate import Grants
from cockpit.model.identity import WRITE_SCOPES, Grant, GrantId
from cockpit.settings.approval import ClientSettings


class ReadOnlyClients:
    """Whose authorities lack every scope that writes. A client's name means the same in any case."""

    def __init__(self, clients: Mapping[str, ClientSettings]) -> None:
        self._names: Final = frozenset(name.casefold() for name, one in clients.items() if one.read_only)

    def __contains__(self, client: object) -> bool:
        return isinstance(client, str) and client.casefold() in self._names

    def without_writes(self, grant: Grant) -> Grant:
        """Return an authority as it counts."""
        if not self._names or grant.client not in self or not grant.scopes & WRITE_SCOPES:
            return grant
        return replace(grant, scopes=grant.scopes - WRITE_SCOPES)


class CountingGrants:
    """Authorities as they count: what the gate and the order path ask."""

    def __init__(self, grants: Grants, read_only: ReadOnlyClients) -> None:
        self._grants = grants
        self._read_only = read_only

    def live(self, grant_id: GrantId) -> Grant | None:
        """Return an authority that is alive, with what settings leave of its scopes."""
        grant = self._grants.live(grant_id)
        return None if grant is None else self._read_only.without_writes(grant)
