"""How the clients in the field come in: what each registers or publishes, where it wants its code, and how it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from joserfc.jwk import RSAKey

PAIR = ["authorization_code", "refresh_token"]
CHATGPT_KEY = RSAKey.generate_key(2048)
CHATGPT_KEYS_AT = "https://chatgpt.com/oauth/jwks.json"


@dataclass(frozen=True)
class Shape:
    """One client, as it behaves."""

    name: str
    redirect: str
    """Where it wants its code this time."""
    host: str
    """What the operator sees of it that it can't invent."""
    document: dict[str, Any] | None = None
    """What it publishes at its client_id; one that publishes nothing registers."""
    registers: dict[str, Any] | None = None
    scope: str | None = "read:market read:account"
    refresh_scope: str | None = None
    resource: str = "{resource}"
    """How it spells the resource, in both requests."""
    proves: bool = False
    """It signs at the token endpoint."""
    is_local: bool = False
    """Its code goes to the browser's own computer."""
    metadata: str = "oauth-authorization-server"
    """Where it looks for the authorization server."""
    more: dict[str, Any] = field(default_factory=dict)
    """What else it sends when it asks."""


def chatgpt_document(client_id: str, redirect: str, **changed: Any) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "client_uri": "https://chatgpt.com/",
        "redirect_uris": [redirect],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "grant_types": PAIR,
        "response_types": ["code"],
        "client_name": "ChatGPT",
        "logo_uri": "https://persistent.oaistatic.com/sonic/misc/openai-logo.png",
        "token_endpoint_auth_signing_alg": "RS256",
        "jwks_uri": CHATGPT_KEYS_AT,
    } | changed


_CHATGPT = "https://chatgpt.com/oauth/kDmjx77UnKOM/client.json"
_CONNECTOR = "https://chatgpt.com/connector/oauth/kDmjx77UnKOM"
_LEGACY = "https://chatgpt.com/connector_platform_oauth_redirect"

SHAPES = (
    Shape(
        "Claude.ai, by its document",
        "https://claude.ai/api/mcp/auth_callback",
        "claude.ai",
        document={
            "client_id": "https://claude.ai/oauth/mcp-oauth-client-metadata",
            "client_name": "Claude",
            "client_uri": "https://claude.ai",
            "redirect_uris": ["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"],
            "grant_types": PAIR,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        },
    ),
    Shape(
        "Claude.ai, registering anew at each connect",
        "https://claude.ai/api/mcp/auth_callback",
        "claude.ai",
        registers={
            "client_name": "Claude",
            "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
            "grant_types": PAIR,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": "claudeai",
            "client_uri": None,
        },
        resource="{origin}/",
    ),
    Shape(
        "Claude Code, by its document and on a port of its own",
        "http://localhost:53211/callback",
        "claude.ai",
        document={
            "client_id": "https://claude.ai/oauth/claude-code-client-metadata",
            "client_name": "Claude Code",
            "client_uri": "https://claude.ai",
            "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
            "grant_types": PAIR,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        },
        resource="{origin}/",
        is_local=True,
    ),
    Shape(
        "Claude Code, registering",
        "http://localhost:3118/callback",
        "localhost",
        registers={
            "client_name": "Claude Code (cockpit)",
            "redirect_uris": ["http://localhost:3118/callback"],
            "grant_types": PAIR,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        },
        scope="read:market read:account offline_access",
        more={"prompt": "consent"},
        is_local=True,
    ),
    Shape(
        "ChatGPT, with its key",
        _CONNECTOR,
        "chatgpt.com",
        document=chatgpt_document(_CHATGPT, _CONNECTOR),
        proves=True,
        metadata="openid-configuration",
    ),
    Shape(
        "ChatGPT, without a key",
        _CONNECTOR,
        "chatgpt.com",
        document=chatgpt_document(_CHATGPT, _CONNECTOR),
    ),
    Shape(
        "ChatGPT, with its key alone",
        _CONNECTOR,
        "chatgpt.com",
        document=chatgpt_document(_CHATGPT, _CONNECTOR, token_endpoint_auth_methods_supported=None),
        proves=True,
    ),
    Shape(
        "ChatGPT, by its older document",
        _LEGACY,
        "chatgpt.com",
        document=chatgpt_document("https://chatgpt.com/oauth/client.json", _LEGACY),
        proves=True,
    ),
    Shape(
        "ChatGPT, registering without scopes and asking for them later",
        _LEGACY,
        "chatgpt.com",
        registers={
            "client_name": "ChatGPT",
            "redirect_uris": [_LEGACY],
            "grant_types": PAIR,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        },
    ),
    Shape(
        "Cursor, in its window",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "cursor://anysphere.cursor-mcp",
        registers={
            "client_name": "Cursor",
            "redirect_uris": [
                "cursor://anysphere.cursor-mcp/oauth/callback",
                "https://www.cursor.com/agents/mcp/oauth/callback",
                "http://localhost:8787/callback",
            ],
            "grant_types": PAIR,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "web",
        },
        is_local=True,
    ),
    Shape(
        "Cursor, in its cloud",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "www.cursor.com",
        registers={
            "client_name": "Cursor",
            "redirect_uris": [
                "cursor://anysphere.cursor-mcp/oauth/callback",
                "https://www.cursor.com/agents/mcp/oauth/callback",
                "http://localhost:8787/callback",
            ],
            "token_endpoint_auth_method": "none",
            "application_type": "web",
        },
    ),
    Shape(
        "VS Code, by its document",
        "http://127.0.0.1:33418/",
        "vscode.dev",
        document={
            "client_id": "https://vscode.dev/oauth/client-metadata.json",
            "client_name": "Visual Studio Code",
            "client_uri": "https://code.visualstudio.com",
            "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
            "grant_types": [*PAIR, "urn:ietf:params:oauth:grant-type:device_code"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        },
        is_local=True,
    ),
    Shape(
        "VS Code, registering, its port being taken",
        "http://127.0.0.1:40123/",
        "127.0.0.1",
        registers={
            "client_name": "Visual Studio Code",
            "client_uri": "https://code.visualstudio.com",
            "grant_types": [*PAIR, "urn:ietf:params:oauth:grant-type:device_code"],
            "response_types": ["code"],
            "redirect_uris": [
                "https://insiders.vscode.dev/redirect",
                "https://vscode.dev/redirect",
                "http://127.0.0.1/",
                "http://127.0.0.1:33418/",
            ],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        },
        is_local=True,
    ),
    Shape(
        "Codex, by its document",
        "http://127.0.0.1:37819/callback",
        "chatgpt.com",
        document={
            "client_id": "https://chatgpt.com/oauth/codex/client.json",
            "client_name": "Codex",
            "client_uri": "https://chatgpt.com/codex",
            "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
            "grant_types": PAIR,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        },
        is_local=True,
    ),
    Shape(
        "Codex, registering with a path of its own",
        "http://127.0.0.1:37819/callback/6MFBM1In3Ey-",
        "127.0.0.1",
        registers={
            "client_name": "Codex",
            "redirect_uris": ["http://127.0.0.1:37819/callback/6MFBM1In3Ey-"],
            "grant_types": PAIR,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        },
        is_local=True,
    ),
    Shape(
        "Inspector",
        "http://localhost:6274/oauth/callback",
        "localhost",
        registers={
            "client_name": "MCP Inspector",
            "client_uri": "https://github.com/modelcontextprotocol/inspector",
            "redirect_uris": ["http://localhost:6274/oauth/callback", "http://localhost:6274/oauth/callback/debug"],
            "grant_types": PAIR,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": "read:market read:account",
        },
        refresh_scope="read:market read:account",
        is_local=True,
    ),
    Shape(
        "mcp-remote",
        "http://localhost:3334/oauth/callback",
        "localhost",
        registers={
            "client_name": "MCP CLI Proxy",
            "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
            "redirect_uris": ["http://localhost:3334/oauth/callback"],
            "grant_types": PAIR,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
            "software_version": "0.15.1",
        },
        scope=None,
        is_local=True,
    ),
)
