"""Whether, and how long, the operator may sign in at a web page."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from pydantic import Field, field_validator

from cockpit.settings.section import Section

_NEEDED: Final = ("argon2", "webauthn")


class WebSettings(Section):
    """Signing in at a web page, for hosts without a screen: off unless you need it."""

    enabled: bool = Field(
        default=False,
        description="Let the operator sign in where a program's page shows its code, and decide there.",
    )
    idle_minutes: int = Field(default=15, ge=1, le=120, description="A sign-in that isn't used ends after this.")
    absolute_hours: int = Field(default=8, ge=1, le=24, description="Every sign-in ends after this.")
    failures_per_hour: int = Field(
        default=10,
        ge=3,
        le=100,
        description="So many wrong passwords or codes in an hour close signing in by password; passkeys stay.",
    )

    @field_validator("enabled")
    @classmethod
    def _can_be(cls, value: bool) -> bool:
        missing = [name for name in _NEEDED if find_spec(name) is None] if value else []
        if missing:
            raise ValueError(f"needs the extra: install trading-cockpit[web] ({', '.join(missing)} missing)")
        return value
