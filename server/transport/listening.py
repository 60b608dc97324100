"""Modern-era subscriptions: who listens to what, each grant for itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence, Set
from typing import Any, Final, TypeAlias

from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ServerEvent
from mcp_types import SubscriptionsListenRequestParams, SubscriptionsListenResult

from cockpit.model.identity import Caller, GrantId
from cockpit.model.refusals import Refusal, refuse
from server.transport.answering import Denied
from server.transport.asked import exchange_of

_LISTENS_OF_ONE_GRANT: Final = 16
_BACKLOG: Final = 64
"""Events that may wait for a client that reads slowly; then its stream ends, and it listens and lists anew."""
MOST_WATCHED: Final = 50
"""Resources that one grant may watch, over all its streams and sessions."""

WatchedBy: TypeAlias = Callable[[GrantId], Set[str]]
Watchable: TypeAlias = Callable[[Caller, str], Awaitable[bool | Refusal]]


class Listening:
    """One bus for each grant, so that nobody hears of another's tools."""

    def __init__(self, watchable: Watchable | None = None, watched_by: WatchedBy | None = None) -> None:
        """``watchable`` says which resources a caller may watch; without it none. ``watched_by`` tells what a grant
        watches already; without it the streams alone count.
        """
        self._watchable = watchable
        self._watched_by = watched_by or self.watched_by
        self._by_grant: dict[GrantId, tuple[InMemorySubscriptionBus, ListenHandler]] = {}
        self._watched: Counter[tuple[GrantId, str]] = Counter()
        self._streams: Counter[GrantId] = Counter()

    async def serve(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve one stream of the grant that asks, until it ends or its client goes."""
        caller = exchange_of(ctx).caller
        watched: list[str] = []
        asked = params.notifications.resource_subscriptions
        if asked:
            watched = await self._may_watch(caller, asked)
            wanted = params.notifications.model_copy(update={"resource_subscriptions": watched})
            params = params.model_copy(update={"notifications": wanted})
        if self._streams[caller.grant.grant_id] >= _LISTENS_OF_ONE_GRANT:
            raise Denied(refuse("WATCH_LIMIT", limit=_LISTENS_OF_ONE_GRANT))
        entry = self._by_grant.get(caller.grant.grant_id)
        if entry is None:
            bus = InMemorySubscriptionBus()
            handler = ListenHandler(bus, max_subscriptions=_LISTENS_OF_ONE_GRANT, max_buffered_events=_BACKLOG)
            entry = self._by_grant[caller.grant.grant_id] = (bus, handler)
        keys = [(caller.grant.grant_id, uri) for uri in watched]
        self._watched.update(keys)
        self._streams[caller.grant.grant_id] += 1
        try:
            return await entry[1](ctx, params)
        finally:
            self._streams[caller.grant.grant_id] -= 1
            if not self._streams[caller.grant.grant_id]:
                del self._streams[caller.grant.grant_id]
            self._watched.subtract(keys)
            for key in keys:
                if not self._watched[key]:
                    del self._watched[key]

    async def _may_watch(self, caller: Caller, asked: Sequence[str]) -> list[str]:
        """Return which of the resources the caller may watch, as far as there is room for them."""
        if self._watchable is None:
            return []
        found = [uri for uri in dict.fromkeys(asked[:MOST_WATCHED]) if await self._watchable(caller, uri) is True]
        already = self._watched_by(caller.grant.grant_id)
        room = MOST_WATCHED - len(already)
        more = [uri for uri in found if uri not in already][: max(0, room)]
        return [uri for uri in found if uri in already or uri in more]

    def watched_by(self, grant_id: GrantId) -> set[str]:
        """Return which resources a grant's streams watch now."""
        return {uri for watcher, uri in self._watched if watcher == grant_id}

    def watched(self) -> tuple[tuple[GrantId, str], ...]:
        """Return which resources the streams of which grants watch now."""
        return tuple(self._watched)

    async def tell(self, grant_id: GrantId, event: ServerEvent) -> None:
        """Tell the grant's streams."""
        if entry := self._by_grant.get(grant_id):
            await entry[0].publish(event)

    def close(self, grant_id: GrantId) -> None:
        """End the grant's streams with their final result."""
        if entry := self._by_grant.pop(grant_id, None):
            entry[1].close()

    def close_all(self) -> None:
        """End all streams with their final result."""
        for grant_id in tuple(self._by_grant):
            self.close(grant_id)
