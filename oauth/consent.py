"""How a client is let in: its browser shows a code, the operator types it, the browser goes on with a grant."""

from __future__ import annotations

import base64
import math
import re
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from authlib.oauth2.rfc6749 import OAuth2Error

from cockpit.model.events import ClientAsked, ClientAskEnded, GrantChanged
from cockpit.model.identity import CLIENT_NAME, ClientName, Grant, GrantId, Scope, Via, scopes_of
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.writes import StoreBusy, StoreUnavailable, WriteConflict
from oauth import records
from oauth.decision import Decision, OAuthRequest, Snapshot
from oauth.grants import deciding
from oauth.messages import HttpAnswer, HttpRequest
from oauth.pages import Pages
from oauth.parameters import BadParameters, Parameters, read_parameters
from oauth.records import GivenName, Registration, StoredGrant
from oauth.redirects import shown_host
from oauth.state import State, entry
from oauth.waiting import Stage, WaitingClient, WaitingRequest

LONGEST_QUERY: Final = 8192
_BIND: Final = re.compile(r"[A-Za-z0-9_\-]{43}")
_LONGEST_LIFE: Final = timedelta(days=3650)


class Consent:
    """The authorization endpoint, the page that waits, and the operator's decision."""

    def __init__(self, state: State, pages: Pages) -> None:
        self._state = state
        self._pages = pages
        secure = state.config.secure
        self._cookie = "__Host-cockpit_bind" if secure else "cockpit_bind"
        self._cookie_end = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    # what the browser does

    async def authorize(self, request: HttpRequest) -> HttpAnswer:
        """Take an authorization request (RFC 6749, 4.1.1) and let its browser wait."""
        if self._state.stopped:
            return self._stopped()
        try:
            if len(request.query) > LONGEST_QUERY:
                raise BadParameters("The request is too long.")
            parameters = read_parameters(request.query)
        except BadParameters as error:
            return self._wrong(str(error))
        try:
            registration = await records.registration(self._state.store, parameters.get("client_id"))
        except StoreUnavailable:
            return self._unavailable()
        decision = self._deciding(registration)
        try:
            grant = decision.get_consent_grant(self._asking(parameters))
        except OAuth2Error as error:
            if error.redirect_uri:
                return decision.refused(error)
            return self._wrong(error.get_error_description())
        if self._state.stopped or registration is None:
            return self._stopped()
        if request.method == "HEAD":
            return self._pages.message(200, "Ready")
        if not self._state.room.has_room(safe(request.address, 64)):
            return self._full(request)
        asked = scopes_of(grant.request.scope or "")
        return self._let_wait(request, parameters, registration, grant.redirect_uri or "", asked)

    async def wait(self, request: HttpRequest, request_id: str) -> HttpAnswer:
        """Answer the page's question whether the operator has decided; only to the browser that began."""
        if self._state.stopped:
            return self._stopped()
        waiting = self._state.room.get(request_id)
        bind = self._bind(request)
        if waiting is None or bind is None or records.digest(bind) != waiting.bind:
            return self._gone()
        if waiting.stage is Stage.APPROVED and request.method != "HEAD":
            # A host that can't write now lets the page ask again.
            with suppress(StoreBusy, StoreUnavailable):
                await self._hand_over(waiting)
        if waiting.location is not None:
            return HttpAnswer(303, (("Location", waiting.location), ("Cache-Control", "no-store")))
        left = (waiting.shown.decide_by - self._state.clock.now()).total_seconds()
        if waiting.stage in {Stage.WAITING, Stage.APPROVED} and left > 0:
            return self._pages.waiting(waiting, math.ceil(left))
        return self._expired()

    # what the operator does

    async def approve(
        self,
        request_id: str,
        name: ClientName,
        scopes: frozenset[Scope],
        connection: str,
        lives: timedelta | None,
        by: str,
    ) -> Grant | Refusal:
        """Give the client of a request a name and a grant. The grant lives from now on; no token for it exists yet."""
        state = self._state
        refusal = check_terms(state, name, scopes, connection, lives)
        if refusal is not None:
            return refusal
        async with state.lock:
            waiting, now, epoch = state.room.get(request_id), state.clock.now(), state.epoch
            if waiting is None:
                return refuse("CODE_UNKNOWN")
            if waiting.stage is not Stage.WAITING or waiting.shown.decide_by <= now:
                return refuse("ALREADY_DECIDED")
            known = known_spelling(state, name)
            if any(one.grant.via is Via.KEY and one.grant.client == known for one in state.live.all()):
                return refuse("NAME_TAKEN", name=known)
            stored = self._new_grant(waiting.shown, known, scopes, connection, lives, now)
            given = GivenName(known, waiting.shown.host, waiting.shown.claimed_name)
            shown = waiting.shown
            note = entry(
                now, "approved", "done", stored.grant, by=by, scopes=sorted(scopes), connection=connection,
                client_id=shown.client_id, host=shown.host, address=shown.address, expires_at=stored.grant.expires_at,
            )  # fmt: skip
            writes = [
                records.add_grant(stored),
                records.add_name(given),
                records.approve_registration(shown.client_id),
            ]
            try:
                await state.store.commit(writes, [note])
            except StoreUnavailable:
                return refuse("AUDIT_UNAVAILABLE")
            except StoreBusy:
                return refuse("BUSY")
            except WriteConflict:
                return refuse("CODE_UNKNOWN")
            if state.epoch != epoch:
                return refuse("KILL_SWITCH")
            state.live.put(stored)
            state.names.add(given)
            waiting.stage, waiting.grant_id = Stage.APPROVED, stored.grant.grant_id
            waiting.ends_at = now + timedelta(seconds=state.config.ask_seconds)
        state.publish(ClientAskEnded(now, request_id, safe("approved")))
        state.publish(GrantChanged(now, stored.grant.grant_id, known))
        return stored.grant

    async def deny(self, request_id: str, by: str) -> Refusal | None:
        """Turn a client away; its browser takes ``access_denied`` back to it."""
        state = self._state
        async with state.lock:
            waiting, now = state.room.get(request_id), state.clock.now()
            if waiting is None:
                return refuse("CODE_UNKNOWN")
            if waiting.stage is not Stage.WAITING:
                return refuse("ALREADY_DECIDED")
            waiting.stage = Stage.DENIED
            waiting.ends_at = now + timedelta(seconds=state.config.ask_seconds)
            state.publish(ClientAskEnded(now, request_id, safe("denied")))
            shown = waiting.shown
            note = entry(now, "denied", "done", by=by, client_id=shown.client_id, host=shown.host)
            try:
                waiting.location = await self._back(waiting, None)
                await state.store.commit([], [note])
            except StoreUnavailable:
                return refuse("AUDIT_UNAVAILABLE")
            except StoreBusy:
                return refuse("BUSY")
        return None

    # inside

    def _let_wait(
        self,
        request: HttpRequest,
        parameters: Parameters,
        registration: Registration,
        redirect_uri: str,
        asked: frozenset[Scope],
    ) -> HttpAnswer:
        state, now = self._state, self._state.clock.now()
        bind = self._bind(request)
        if bind is None or not state.room.knows_browser(records.digest(bind)):
            bind = _secret(state.random(32))
        shown = WaitingClient(
            request_id=_secret(state.random(16)),
            claimed_name=registration.claimed_name,
            client_id=registration.client_id,
            host=shown_host(redirect_uri),
            redirect_uri=safe(redirect_uri, 512),
            address=safe(request.address, 64),
            asked=tuple(scope for scope in Scope if scope in asked),
            asked_at=now,
            decide_by=now + timedelta(seconds=state.config.ask_seconds),
        )
        note = entry(
            now, "asked", "wait", client_id=shown.client_id, host=shown.host, address=shown.address,
            claimed_name=shown.claimed_name, scopes=sorted(asked), redirect_uri=shown.redirect_uri,
        )  # fmt: skip
        try:
            state.store.record(note)
        except (StoreBusy, StoreUnavailable):
            return self._unavailable()
        waiting = WaitingRequest(shown, state.room.new_code(), records.digest(bind), parameters)
        state.room.add(waiting)
        state.publish(ClientAsked(now, shown.request_id))
        age = state.config.ask_seconds * 2
        cookie = ("Set-Cookie", f"{self._cookie}={bind}; Max-Age={age}{self._cookie_end}")
        return self._pages.waiting(waiting, state.config.ask_seconds, cookie)

    async def _hand_over(self, waiting: WaitingRequest) -> None:
        """Issue the authorization code of an approved request, once."""
        state = self._state
        async with state.lock:
            now = state.clock.now()
            stored = state.usable(waiting.grant_id)
            if waiting.stage is not Stage.APPROVED:
                return
            if stored is None or waiting.ends_at is None or waiting.ends_at <= now:
                waiting.stage = Stage.EXPIRED
                return
            location = await self._back(waiting, stored)
            if location is not None:
                waiting.stage, waiting.location = Stage.DONE, location
                waiting.ends_at = now + timedelta(seconds=state.config.code_seconds)

    async def _back(self, waiting: WaitingRequest, stored: StoredGrant | None) -> str | None:
        """Return the address that takes the browser back: with a code for a grant, with an error without one."""
        state = self._state
        registration = await records.registration(state.store, waiting.shown.client_id)
        decision = self._deciding(registration, stored)
        try:
            grant = decision.get_consent_grant(self._asking(waiting.parameters))
        except OAuth2Error:
            return None
        answer = decision.sent_back(self._asking(waiting.parameters), grant)
        if decision.collected.writes:
            await state.store.commit(decision.collected.writes, decision.collected.audit)
        return answer.header("Location")

    def _new_grant(
        self,
        shown: WaitingClient,
        name: ClientName,
        scopes: frozenset[Scope],
        connection: str,
        lives: timedelta | None,
        now: datetime,
    ) -> StoredGrant:
        config = self._state.config
        longest = timedelta(days=config.refresh_days)
        grant = Grant(
            grant_id=GrantId(self._state.new_id("g-")),
            client=name,
            client_id=shown.client_id,
            scopes=scopes,
            connection=connection,
            via=Via.OAUTH,
            made_at=now,
            expires_at=now + min(lives or longest, longest),
            host=shown.host,
        )
        collect_by = now + timedelta(seconds=config.ask_seconds + config.code_seconds)
        return StoredGrant(grant, asked=frozenset(shown.asked), collect_by=collect_by)

    def _deciding(self, registration: Registration | None, stored: StoredGrant | None = None) -> Decision:
        state = self._state
        seen = Snapshot(state.clock.now(), registration, grant=stored, hide_revoked=False)
        return deciding(state.config, state.signer, state.random, seen)

    def _asking(self, parameters: Parameters) -> OAuthRequest:
        return OAuthRequest("GET", f"{self._state.config.issuer}/oauth/authorize", parameters)

    def _bind(self, request: HttpRequest) -> str | None:
        value = request.cookies.get(self._cookie, "")
        return value if _BIND.fullmatch(value) else None

    def _wrong(self, what: str) -> HttpAnswer:
        return self._pages.message(
            400, "This link doesn't work", what, "Start the connection again in the program that sent you here."
        )

    def _gone(self) -> HttpAnswer:
        return self._pages.message(
            400,
            "Nothing waits here",
            "This page belongs to another browser, or it is over.",
            "Start the connection again in the program that sent you here.",
        )

    def _expired(self) -> HttpAnswer:
        return self._pages.message(
            410, "The code has expired", "Nobody typed it in time, or the access has ended. Start the connection again."
        )

    def _stopped(self) -> HttpAnswer:
        return self._pages.message(
            503, "Stopped", "The operator has stopped everything; nobody is let in now.", retry_after=60
        )

    def _unavailable(self) -> HttpAnswer:
        return self._pages.message(503, "Please try again", "The host can't take this now.", retry_after=5)

    def _full(self, request: HttpRequest) -> HttpAnswer:
        here = sum(one.shown.address == safe(request.address, 64) for one in self._state.room.waiting())
        status = 429 if here >= self._state.config.max_waiting_per_address else 503
        return self._pages.message(
            status, "Too many wait already", "Try again when the operator has decided on them.", retry_after=30
        )


def check_terms(
    state: State, name: ClientName, scopes: frozenset[Scope], connection: str, lives: timedelta | None
) -> Refusal | None:
    """Check what the operator chose for a client or a key."""
    if state.stopped:
        return refuse("KILL_SWITCH")
    if not CLIENT_NAME.fullmatch(name):
        return refuse("NAME_BAD")
    if connection not in state.config.scopes_by_connection:
        return refuse("CONNECTION_UNKNOWN", connection=safe(connection, 40))
    beyond = scopes - state.config.allowed_on(connection)
    if beyond:
        return refuse("SCOPE_NOT_ALLOWED", scope=" ".join(sorted(beyond)), connection=connection)
    if lives is not None and not timedelta(0) < lives <= _LONGEST_LIFE:
        return refuse("BAD_ACT_ARGUMENTS", "A grant lives longer than no time and at most ten years.")
    return None


def known_spelling(state: State, name: ClientName) -> ClientName:
    """Return a name as it was first given, however it is typed now."""
    folded = name.casefold()
    return next((given.name for given in sorted_names(state) if given.name.casefold() == folded), name)


def sorted_names(state: State) -> list[GivenName]:
    """Return every given name in a fixed order."""
    return sorted(state.names, key=lambda given: (given.name, given.host, given.claimed))


def _secret(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()
