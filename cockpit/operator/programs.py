"""Programs without a browser: their API keys, minted tokens and services, and the key that signs tokens."""

from __future__ import annotations

from datetime import timedelta

from cockpit.model.identity import ClientName, Grant, Via, may_be_client, scope_text, scopes_of
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import counted, safe
from cockpit.model.trading import TradingState
from cockpit.operator.act import Answer, Done
from cockpit.operator.meant import grants_meant
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.terms import Wanted, check_scopes, connection_for, grant_json, wanted
from cockpit.operator.wire import number
from oauth.authority import Terms


class Programs:
    """The acts about keys, tokens and services. What is secret stands in one answer and nowhere else."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms

    async def create_key(self, given: dict[str, str], by: str) -> Answer:
        """Make an API key and show it once."""
        terms = self._terms(wanted(given, "name"), "A key")
        if isinstance(terms, Refusal):
            return terms
        made = await self._rooms.authority.create_key(terms.name, terms.scopes, terms.connection, terms.lives, by)
        if isinstance(made, Refusal):
            return made
        key, grant = made
        return Done(
            f"{key}\nShown this once; {grant.client} sends it as: Authorization: Bearer {grant.hint}…",
            {**grant_json(grant), "key": key},
        )

    async def list_keys(self, given: dict[str, str], by: str) -> Answer:
        """List the keys, without the keys."""
        keys = self._rooms.authority.keys()
        rows = [self._row(one) for one in keys]
        return Done(f"{counted(len(rows), 'key')}.", rows)

    async def enable_key(self, given: dict[str, str], by: str) -> Answer:
        """Let a key that the kill switch stopped work again."""
        name = given["name"]
        if self._rooms.switch.state is TradingState.KILLED:
            return refuse("KILL_SWITCH", "Resume first.")
        refusal = await self._rooms.authority.enable_key(ClientName(name), by)
        return refusal or Done(f"The key of {safe(name, 60)} works again.", {"name": name})

    async def revoke_key(self, given: dict[str, str], by: str) -> Answer:
        """End an API key."""
        name = given["name"]
        refusal = await self._rooms.authority.revoke_key(ClientName(name), by)
        return refusal or Done(f"The key of {safe(name, 60)} is dead.", {"name": name})

    async def mint(self, given: dict[str, str], by: str) -> Answer:
        """Sign one access token and show it once."""
        asked = wanted(given, "name")
        if "ttl" in given:
            asked = Wanted(asked.name, asked.scopes, asked.connection, timedelta(seconds=number(given["ttl"])))
        terms = self._terms(asked, "A token")
        if isinstance(terms, Refusal):
            return terms
        made = await self._rooms.authority.mint_token(terms, by)
        if isinstance(made, Refusal):
            return made
        return Done(
            f"{made.secret}\nShown this once; {made.grant.client} sends it as: Authorization: Bearer <token>\n"
            f"It ends at {made.grant.expires_at:%Y-%m-%d %H:%M:%S} UTC, and at a kill.",
            {**grant_json(made.grant), "token": made.secret},
        )

    async def rotate(self, given: dict[str, str], by: str) -> Answer:
        """Sign tokens with a new key from now on."""
        done = await self._rooms.authority.rotate_keys(by, at_once="at_once" in given)
        if isinstance(done, Refusal):
            return done
        former = (
            "no token of the one before passes any more"
            if done.former_ends is None
            else f"tokens of the one before pass until they end, at last at {done.former_ends:%Y-%m-%d %H:%M:%S} UTC"
        )
        ended = f" {len(done.ended)} minted tokens ended." if done.ended else ""
        data = {
            "kid": done.kid,
            "former_ends": None if done.former_ends is None else done.former_ends.isoformat(),
            "ended": [grant.client for grant in done.ended],
        }
        return Done(f"Tokens are signed with the new key {done.kid[:8]}…; {former}.{ended}", data)

    async def create_service(self, given: dict[str, str], by: str) -> Answer:
        """Make a client that gets its own tokens, and show its secret once."""
        terms = self._terms(wanted(given, "name"), "A service")
        if isinstance(terms, Refusal):
            return terms
        made = await self._rooms.authority.create_service(terms, by)
        if isinstance(made, Refusal):
            return made
        issuer = self._rooms.authority.config.issuer
        return Done(
            f"client_id      {made.grant.client_id}\nclient_secret  {made.secret}\n"
            f"Shown this once; {made.grant.client} gets its tokens with grant_type=client_credentials"
            f" at {issuer}/oauth/token",
            {**grant_json(made.grant), "client_secret": made.secret},
        )

    async def list_services(self, given: dict[str, str], by: str) -> Answer:
        """List the services, without their secrets."""
        rows = [self._row(one) for one in self._rooms.authority.grants() if one.via is Via.SERVICE]
        return Done(f"{counted(len(rows), 'service')}.", rows)

    async def revoke_service(self, given: dict[str, str], by: str) -> Answer:
        """End a service and all its tokens."""
        services = [one for one in self._rooms.authority.grants() if one.via is Via.SERVICE]
        found = grants_meant(services, given["name"])
        if not found:
            return refuse("CLIENT_UNKNOWN", "There is no service of that name or id.", name=safe(given["name"], 60))
        ended = await self._rooms.authority.revoke_client(found[0].grant_id, by)
        return ended if isinstance(ended, Refusal) else Done(f"The service {found[0].client} is dead.", {"ended": 1})

    def _terms(self, asked: Wanted, what: str) -> Terms | Refusal:
        if self._rooms.switch.state is TradingState.KILLED:
            return refuse("KILL_SWITCH", "Resume first: while everything is stopped nothing is made.")
        if not asked.name or not asked.scopes:
            return refuse("BAD_ACT_ARGUMENTS", f"{what} needs a name and at least one scope.")
        if not may_be_client(asked.name):
            return refuse("NAME_BAD", name=safe(asked.name, 60))
        connection = connection_for(self._rooms, asked.connection)
        if isinstance(connection, Refusal):
            return connection
        scopes = scopes_of(asked.scopes)
        refusal = check_scopes(self._rooms, scopes, connection)
        return refusal or Terms(ClientName(asked.name), scopes, connection, asked.lives)

    def _row(self, grant: Grant) -> dict[str, object]:
        authority = self._rooms.authority
        used = authority.touched(grant.grant_id)
        return {
            **grant_json(grant),
            "begins": grant.hint,
            "scopes": scope_text(grant.scopes).split(),
            "last_used": None if used is None else used.isoformat(),
            "last_address": authority.last_address(grant.grant_id),
            "suspended": grant.suspended,
        }
