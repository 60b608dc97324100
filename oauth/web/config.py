"""What signing in at a web page is told at its start."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Names, lifetimes and bounds."""

    origin: str
    """Origin of the pages, without a slash; what browsers must send as theirs."""
    idle_seconds: float = 15 * 60
    absolute_seconds: float = 8 * 3600
    failures_per_hour: int = 10
    """So many wrong passwords or codes within an hour close signing in by password."""

    @property
    def host(self) -> str:
        """The name that passkeys are made for (WebAuthn, 5.1.3: the RP ID)."""
        return urlsplit(self.origin).hostname or ""

    @property
    def takes_passkeys(self) -> bool:
        """Whether browsers make passkeys for the host: for names alone, never for an address."""
        try:
            ip_address(self.host)
        except ValueError:
            return True
        return False
