"""The clients that the settings name, with what their files hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cockpit.model.text import safe
from cockpit.settings.oauth_clients import StaticClientSettings
from oauth.jwks import LARGEST_KEYS
from oauth.static_clients import BadStaticClient, StaticClient, check_static_clients


def static_clients(sections: Mapping[str, StaticClientSettings]) -> tuple[StaticClient, ...]:
    """Read them; raises `BadStaticClient` for the first that can't be one."""
    return check_static_clients(
        [
            StaticClient(
                name=safe(name),
                client_id=section.client_id,
                redirect_uris=section.redirect_uris,
                auth_method=section.auth_method,
                secret_hash=bytes.fromhex(section.secret_sha256) or None,
                jwks=_keys(name, section.jwks_file),
                jwks_uri=section.jwks_uri,
            )
            for name, section in sections.items()
        ]
    )


def _keys(name: str, path: str) -> str:
    if not path:
        return ""
    try:
        with Path(path).expanduser().open("rb") as file:
            return file.read(LARGEST_KEYS).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BadStaticClient(f"oauth.clients.{name}.jwks_file can't be read: {error}.") from error
