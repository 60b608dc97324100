"""What the settings say, in the words of the rooms that read no settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cockpit.app.named_clients import static_clients
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.text import safe
from cockpit.settings.model import Settings
from cockpit.settings.server import LimitSettings, ServerSettings
from oauth.config import AuthorityConfig, Behind
from server.limits import Kind, Rate
from server.tls import Certificate


def authority_config(settings: Settings, origin: str) -> AuthorityConfig:
    """Return how clients are let in, at that origin."""
    section = settings.oauth
    return AuthorityConfig(
        issuer=origin,
        resource=f"{origin}/mcp",
        access_seconds=section.access_seconds,
        refresh_days=section.refresh_days,
        code_seconds=section.code_seconds,
        stale_seconds=section.stale_seconds,
        refreshes_each_minute=section.refreshes_each_minute,
        refreshes_at_once=section.refreshes_at_once,
        service_seconds=section.service_seconds,
        mint_days=section.mint_days,
        key_days=section.key_days,
        rotate_days=section.rotate_days,
        ask_seconds=section.ask_seconds,
        max_waiting=section.max_waiting,
        max_waiting_per_address=section.max_waiting_per_address,
        max_unapproved_clients=section.max_unapproved_clients,
        unapproved_hours=section.unapproved_client_hours,
        document_hosts=frozenset(section.client_hosts),
        clients=static_clients(section.clients),
        scopes_by_connection={name: one.grantable for name, one in settings.connections.items()},
        behind={name: Behind(one.mode, one.account) for name, one in settings.connections.items()},
    )


def rates(section: LimitSettings) -> dict[Kind, Rate]:
    """Return how often each kind of request is answered."""
    return {kind: Rate(getattr(section, f"{kind}_each"), getattr(section, f"{kind}_all")) for kind in Kind}


def certificate_of(section: ServerSettings, clock: Clock, publish: Callable[[Event], None]) -> Certificate | None:
    """Return the certificate of TLS; None where another program in front has it, or nobody."""
    if not section.tls_cert:
        return None
    return Certificate(
        Path(section.tls_cert).expanduser(),
        Path(section.tls_key).expanduser(),
        clock.monotonic,
        lambda what, bad: publish(Notice(clock.now(), safe(what), bad)),
    )
