"""What becomes of streams and of orders that wait when an authority ends or changes."""

from __future__ import annotations

from cockpit.app.services import Services
from cockpit.desk.decisions import Decisions
from cockpit.model.events import Event, GrantChanged, GrantEnded
from cockpit.model.identity import Scope
from oauth.authority import Authority
from server.resource_updates import ResourceUpdates
from server.transport.transport import Transport


class Ends:
    """Carries the end or the change of an authority to streams and to orders that wait."""

    def __init__(
        self,
        transport: Transport,
        updates: ResourceUpdates,
        authority: Authority,
        decisions: Decisions,
        tasks: Services,
    ) -> None:
        self._transport = transport
        self._updates = updates
        self._authority = authority
        self._decisions = decisions
        self._tasks = tasks

    def __call__(self, event: Event) -> None:
        if isinstance(event, GrantEnded):
            self._transport.grant_ended(event.grant_id)
            self._tasks.once(self._decisions.void_waiting("GRANT_ENDED", "the end of its authority", event.grant_id))
        elif isinstance(event, GrantChanged):
            self._transport.lists_changed(event.grant_id)
            self._updates.grant_changed(event.grant_id)
            grant = self._authority.live(event.grant_id)
            if grant is None or Scope.WRITE_ORDERS not in grant.scopes:
                self._tasks.once(self._decisions.void_waiting("SCOPE_MISSING", "a change of scopes", event.grant_id))
