"""Clients that the settings name, checked like those that name themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cockpit.model.text import Safe, safe
from oauth.cimd import BadDocument, document_address
from oauth.jwks import BadKeys, read_key_text
from oauth.methods import KEY_METHOD
from oauth.redirects import may_be_registered


class BadStaticClient(Exception):
    """The settings name a client that can't be one; the text says what is wrong and where."""


@dataclass(frozen=True, slots=True)
class StaticClient:
    """A client that the operator has written down."""

    name: Safe
    client_id: str
    redirect_uris: tuple[str, ...]
    auth_method: str
    secret_hash: bytes | None = field(repr=False, default=None)
    jwks: str = ""
    jwks_uri: str = ""


def check_static_clients(clients: Sequence[StaticClient]) -> tuple[StaticClient, ...]:
    """Return the clients, or raise `BadStaticClient` for the first that can't be one."""
    seen: set[str] = set()
    for client in clients:
        where = f"oauth.clients.{client.name}"
        for uri in client.redirect_uris:
            if not may_be_registered(uri):
                raise BadStaticClient(f"{where}.redirect_uris: no code may be sent to {safe(uri, 100)}.")
        if client.client_id in seen:
            raise BadStaticClient(f"{where}.client_id: another client has it too.")
        seen.add(client.client_id)
        if client.jwks_uri:
            try:
                document_address(client.jwks_uri)
            except BadDocument:
                raise BadStaticClient(f"{where}.jwks_uri: must be a plain https address.") from None
        if client.auth_method == KEY_METHOD and not client.jwks_uri:
            try:
                read_key_text(client.jwks)
            except BadKeys as error:
                raise BadStaticClient(f"{where}.jwks_file: {error}.") from None
    return tuple(clients)
