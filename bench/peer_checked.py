"""The SDK's high-level server for comparison, formerly FastMCP, with a JWT verified before each call and its scope asked for.

It signs the token that it takes itself, and prints it in its first line. No audit, no budget.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Final

import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl

from bench.peer import QUOTE

_SCOPE: Final = "read:market"


class _Verifier:
    """Checks signature, times, issuer and audience of a token, as a resource server has to."""

    def __init__(self, issuer: str, resource: str) -> None:
        self._issuer = issuer
        self._resource = resource
        self._key = RSAKey.generate_key(2048)
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": resource},
            exp={"essential": True},
        )

    def sign(self) -> str:
        now = int(time.time())
        claims = {"iss": self._issuer, "aud": self._resource, "sub": "bench", "client_id": "bench", "scope": _SCOPE}
        return jwt.encode({"alg": "RS256"}, claims | {"iat": now, "exp": now + 86_400}, self._key)

    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            claims = jwt.decode(token, self._key, algorithms=["RS256"]).claims
            self._claims.validate(claims)
        except JoseError:
            return None
        return AccessToken(
            token=token, client_id=claims["client_id"], scopes=claims["scope"].split(), expires_at=claims["exp"]
        )


def main() -> None:
    """Serve on the port given."""
    port = int(sys.argv[1])
    origin = f"http://127.0.0.1:{port}"
    verifier = _Verifier(origin, f"{origin}/mcp")
    print(verifier.sign(), flush=True)
    auth = AuthSettings(
        issuer_url=AnyHttpUrl(origin),
        resource_server_url=AnyHttpUrl(f"{origin}/mcp"),
        required_scopes=[_SCOPE],
        validate_token_resource=False,
    )
    server = MCPServer("peer", token_verifier=verifier, auth=auth, log_level="ERROR")

    @server.tool()
    async def get_quote(symbol: str) -> dict[str, Any]:
        """Best bid and ask of one instrument."""
        return dict(QUOTE)

    uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
