"""Signing in at the web page: whether it is on, and what it can take there."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from cockpit.cli.doctor.findings import Finding, good, warning
from cockpit.settings.model import Settings

PART: Final = "web sign-in"


def examine_web(settings: Settings) -> list[Finding]:
    """Say whether strangers find a page to sign in at, and whether passkeys can be made for it."""
    if not settings.web.enabled:
        return [good(PART, "Off: clients are let in at the screen and the command line alone.")]
    host = urlsplit(settings.server.public_url).hostname or settings.server.host
    try:
        ip_address(host)
    except ValueError:
        return [good(PART, f"On, with passkeys for {host}; `cockpit web status` says who can sign in.")]
    return [
        warning(
            PART,
            f"On, but browsers make no passkeys for an address such as {host}: only the password with a code is left.",
            "Give the host a name in server.public_url.",
        )
    ]
