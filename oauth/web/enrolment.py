"""The link under which one passkey can be made: it counts once, for ten minutes, and only the newest does."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from cockpit.model.clock import Clock
from oauth.decision import Random

LINK_SECONDS: Final = 600


@dataclass(slots=True)
class _Link:
    digest: bytes
    until: float
    epoch: int
    """The kill counter when it was made; another one now means that it has ended."""
    challenge: bytes | None = field(default=None, repr=False)


class Enrolment:
    """Holds at most one link, in memory."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._link: _Link | None = None

    def begin(self, epoch: int) -> str:
        """Make a new link's secret; the one before ends."""
        secret = base64.urlsafe_b64encode(self._random(24)).decode()
        self._link = _Link(_digest(secret), self._clock.monotonic() + LINK_SECONDS, epoch)
        return secret

    def knows(self, secret: str, epoch: int) -> bool:
        """Whether this is the link that counts."""
        link = self._link
        return (
            link is not None
            and link.epoch == epoch
            and self._clock.monotonic() < link.until
            and hmac.compare_digest(link.digest, _digest(secret))
        )

    def challenge(self) -> bytes:
        """Draw what the next passkey has to sign; the one before ends."""
        challenge = self._random(32)
        if self._link is not None:
            self._link.challenge = challenge
        return challenge

    def take_challenge(self) -> bytes | None:
        """Return what had to be signed, once."""
        if self._link is None:
            return None
        challenge, self._link.challenge = self._link.challenge, None
        return challenge

    def end(self) -> None:
        """Let the link count no more."""
        self._link = None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
