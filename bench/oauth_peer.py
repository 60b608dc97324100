"""A refresh endpoint for comparison: Authlib's own grant over aiosqlite, strict single use, no audit, no grants to check."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from pathlib import Path
from typing import Any, cast

import aiosqlite
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6749.requests import OAuth2Payload, OAuth2Request
from joserfc import jwt
from joserfc.jwk import RSAKey

_SCHEMA = """
CREATE TABLE tokens (
    digest BLOB PRIMARY KEY, client_id TEXT NOT NULL, scope TEXT NOT NULL, revoked INTEGER NOT NULL, expires REAL NOT NULL
) STRICT, WITHOUT ROWID
"""


class Peer:
    """Loads a token, lets Authlib decide, and commits the new one, request by request."""

    def __init__(self, connection: aiosqlite.Connection, key: RSAKey) -> None:
        self._connection = connection
        self._key = key
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, file: Path, key: RSAKey) -> Peer:
        """Make the database, as durable as the cockpit's."""
        connection = await aiosqlite.connect(file, isolation_level=None)
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute(_SCHEMA)
        return cls(connection, key)

    async def close(self) -> None:
        """Close the database."""
        await self._connection.close()

    async def issue(self, client_id: str) -> str:
        """Put a first token in place."""
        token = secrets.token_urlsafe(32)
        await self._connection.execute("INSERT INTO tokens VALUES (?, ?, ?, 0, ?)", _row(token, client_id))
        return token

    async def refresh(self, client_id: str, token: str) -> str:
        """Redeem a token; return its successor."""
        async with self._lock:
            found = await self._connection.execute_fetchall("SELECT * FROM tokens WHERE digest = ?", (_digest(token),))
            server = _Server(self._key, next(iter(found), None))
            status, body, _ = cast("Any", server.create_token_response(_Request(client_id, token)))
            if status != 200:
                raise SystemExit(f"the peer refuses: {body}")
            await self._connection.execute("BEGIN IMMEDIATE")
            await self._connection.execute("UPDATE tokens SET revoked = 1 WHERE digest = ?", (_digest(token),))
            successor = body["refresh_token"]
            await self._connection.execute("INSERT INTO tokens VALUES (?, ?, ?, 0, ?)", _row(successor, client_id))
            await self._connection.execute("COMMIT")
        return successor


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _row(token: str, client_id: str) -> tuple[object, ...]:
    return _digest(token), client_id, "read:market read:account", time.time() + 3600


class _Request(OAuth2Request):
    def __init__(self, client_id: str, token: str) -> None:
        super().__init__("POST", "https://peer.example/oauth/token", headers={})
        self._form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token}
        self.payload = _Payload(self._form)

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _Payload(OAuth2Payload):
    def __init__(self, form: dict[str, str]) -> None:
        self._form = form

    @property
    def data(self) -> dict[str, str]:
        return self._form

    @property
    def datalist(self) -> Any:
        return {name: [value] for name, value in self._form.items()}


class _Client(ClientMixin):
    def __init__(self, client_id: str) -> None:
        self.client_id = client_id

    def get_client_id(self) -> str:
        return self.client_id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "refresh_token"

    def get_allowed_scope(self, scope: Any) -> str:
        return scope or ""


class _Token(TokenMixin):
    def __init__(self, row: Any) -> None:
        self.client_id, self.scope = row[1], row[2]

    def check_client(self, client: Any) -> bool:
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        return self.scope


class _Grant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]  # noqa: RUF012 - the library's own shape
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        row = self.server.row  # pyright: ignore[reportAttributeAccessIssue]
        return _Token(row) if row is not None and not row[3] and row[4] > time.time() else None

    def authenticate_user(self, refresh_token: Any) -> object:
        return refresh_token.client_id

    def revoke_old_credential(self, refresh_token: object) -> None:
        pass


class _Server(AuthorizationServer):
    def __init__(self, key: RSAKey, row: Any) -> None:
        super().__init__()
        self.row = row
        self._key = key
        self.register_grant(_Grant)
        self.register_token_generator("default", cast("Any", self._tokens))

    def query_client(self, client_id: str) -> _Client:
        return _Client(client_id)

    def save_token(self, token: object, request: object) -> None:
        pass

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        pass

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Any:
        return status, body, headers

    def _tokens(self, client: Any, **_: object) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": "https://peer.example", "aud": "https://peer.example/mcp", "sub": client.client_id,
            "client_id": client.client_id, "scope": "read:market read:account", "iat": now, "exp": now + 3600,
            "jti": secrets.token_urlsafe(16),
        }  # fmt: skip
        access = jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "1"}, claims, self._key)
        return {"access_token": access, "token_type": "Bearer", "refresh_token": secrets.token_urlsafe(32)}
