"""What is known of a client whose client_id is the address of a document: fetched rarely, kept a while, never on demand
of a stranger."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Final

from cockpit.model.events import ClientAskEnded
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.writes import StoreBusy, StoreUnavailable, unwritten
from oauth import client_changes, records
from oauth.cimd import LARGEST_DOCUMENT, BadDocument, DocumentAddress, document_address, read_document
from oauth.fetch import Fetch, FetchBusy, FetchFailed
from oauth.once import Once
from oauth.records import Kind, Registration, Standing
from oauth.redirects import fits
from oauth.state import State, entry
from oauth.waiting import Stage, WaitingClient, WaitingRequest

_LONGEST_KEPT: Final = 86_400
_USUALLY_KEPT: Final = 3600
_LEAST_KEPT: Final = 60
_FAILED_SECONDS: Final = 60.0
_MOST_FAILED: Final = 256

_log = logging.getLogger(__name__)


class DocumentUnusable(Exception):
    """There is no document that says who asks. Why is in the log; a stranger hears one answer for all."""


class Documents:
    """Fetches the documents of clients, each once however many ask, and keeps the good ones for a day at most."""

    def __init__(self, state: State, fetch: Fetch) -> None:
        self._state = state
        self._fetch = fetch
        self._once: Once[Registration] = Once()
        self._failed: dict[str, float] = {}

    async def kept(self, address: DocumentAddress) -> Registration | None:
        """Return what was fetched before, while it is fresh."""
        found = await records.registration(self._state.store, address.url)
        fresh = found is not None and found.fresh_until is not None and found.fresh_until > self._state.clock.now()
        return found if fresh else None

    def may_fetch(self, address: DocumentAddress) -> bool:
        """Whether a document is fetched before anybody has typed a code."""
        return address.host in self._state.config.document_hosts

    async def fetched(self, address: DocumentAddress, browser: str) -> Registration:
        """Fetch a document now; `DocumentUnusable` when it failed, and for a minute after that.

        Raises StoreBusy or StoreUnavailable when it can't be kept.
        """
        if self._failed.get(address.url, 0.0) > self._state.clock.monotonic():
            raise DocumentUnusable
        return await self._once.run(address.url, lambda: self._get(address, browser))

    async def examine(self, request_id: str) -> WaitingClient | Refusal:
        """Fetch the document of a request whose code the operator typed, if that is still to be done.

        One that can't be used ends the request: its browser is told here, and never sent to an address that nobody vouches
        for.
        """
        waiting = self._state.room.get(request_id)
        if waiting is None:
            return refuse("CODE_UNKNOWN")
        if not waiting.shown.unfetched or waiting.stage is not Stage.WAITING:
            return waiting.shown
        try:
            found = await self.fetched(document_address(waiting.shown.client_id), waiting.shown.address)
            if not fits(waiting.parameters.get("redirect_uri"), found.redirect_uris):
                self._tell(waiting.shown.client_id, "the document doesn't name the redirect that was asked for")
                raise DocumentUnusable
        except DocumentUnusable:
            return self._give_up(waiting)
        except (StoreUnavailable, StoreBusy) as problem:
            return unwritten(problem)
        waiting.shown = replace(
            waiting.shown, claimed_name=found.claimed_name, unfetched=False, changed=found.changed
        )  # fmt: skip
        waiting.shape = found.shape
        return waiting.shown

    async def close(self) -> None:
        """End what is being fetched."""
        await self._once.close()

    def provisional(self, address: DocumentAddress, redirect_uri: str, browser: str) -> Registration:
        """Stand for a client of which nothing but its address is known. It is not kept, and gives nothing."""
        return Registration(
            client_id=address.url,
            standing=Standing.NEW,
            claimed_name=safe(""),
            redirect_uris=(redirect_uri,),
            auth_method="none",
            secret_hash=None,
            address=browser,
            registered_at=self._state.clock.now(),
            kind=Kind.CIMD,
        )

    async def _get(self, address: DocumentAddress, browser: str) -> Registration:
        try:
            got = await self._fetch(address.url, LARGEST_DOCUMENT)
            described = read_document(address, got.body)
        except (FetchFailed, BadDocument) as error:
            self._tell(address.url, str(error))
            if not isinstance(error, FetchBusy):
                self._remember_failure(address.url)
            raise DocumentUnusable from None
        state, now = self._state, self._state.clock.now()
        keep = _USUALLY_KEPT if got.keep_seconds is None else min(max(got.keep_seconds, _LEAST_KEPT), _LONGEST_KEPT)
        found = Registration(
            client_id=address.url,
            standing=Standing.NEW,
            claimed_name=described.claimed_name,
            redirect_uris=described.redirect_uris,
            auth_method=described.auth_method,
            secret_hash=None,
            address=browser[:64],
            registered_at=now,
            kind=Kind.CIMD,
            or_none=described.or_none,
            jwks=described.jwks,
            jwks_uri=described.jwks_uri,
            fetched_at=now,
            fresh_until=now + timedelta(seconds=keep),
        )
        room = client_changes.forget_registrations(
            state.config.max_unapproved_clients - 1, state.room.clients() | {found.client_id}
        )
        await state.store.commit([room, client_changes.describe_client(found)])
        return await records.registration(state.store, address.url) or found

    def _give_up(self, waiting: WaitingRequest) -> Refusal:
        state, now, shown = self._state, self._state.clock.now(), waiting.shown
        if waiting.stage is Stage.WAITING:
            waiting.stage = Stage.UNUSABLE
            waiting.ends_at = now + timedelta(seconds=state.config.ask_seconds)
            state.publish(ClientAskEnded(now, shown.request_id, safe("its description can't be used")))
            note = entry(now, "unusable", "done", client_id=shown.client_id, host=shown.host, address=shown.address)
            state.owe([], [], [note])
        return refuse("CLIENT_DOCUMENT")

    def _remember_failure(self, url: str) -> None:
        self._failed.pop(url, None)
        self._failed[url] = self._state.clock.monotonic() + _FAILED_SECONDS
        while len(self._failed) > _MOST_FAILED:
            del self._failed[next(iter(self._failed))]

    def _tell(self, url: str, why: str) -> None:
        _log.info("the document %s can't be used: %s", safe(url, 256), safe(why, 200))
