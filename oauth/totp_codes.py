"""Which code of an authenticator counts, how long wrong ones pause, and what stands for a backup code at rest."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pyotp.totp import TOTP

Random = Callable[[int], bytes]
"""Gives that many random bytes."""

SECRET_BYTES: Final = 20
"""Length of the shared secret (RFC 4226, 4: at least 16, better 20)."""
STEP_SECONDS: Final = 30
FREE_GUESSES: Final = 4
"""Wrong codes in a row that cost nothing; the next one begins the first pause."""
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(hours=1)
BACKUP_CODES: Final = 10

_DIGITS: Final = re.compile(r"[0-9]{6}")
_BACKUP: Final = re.compile(r"[a-z2-7]{12}")
_STEPS_TAKEN: Final = (0, -1)
"""Time steps whose codes are taken: the present one, and the one before for slow fingers and clocks (RFC 6238, 5.2)."""


def folded(typed: str) -> str:
    """Return what was typed without the spaces and dashes that people and apps put between."""
    return re.sub(r"[\s\-]", "", typed).lower()


def step_of(at: datetime) -> int:
    """Return the time step of a moment."""
    return int(at.timestamp()) // STEP_SECONDS


def matching_step(secret: bytes, code: str, now: datetime) -> int | None:
    """Return the step whose code this is, if it is the present one or the one before."""
    if not _DIGITS.fullmatch(code):
        return None
    maker, present = _maker(secret), step_of(now)
    return next(
        (
            present + offset
            for offset in _STEPS_TAKEN
            if hmac.compare_digest(maker.generate_otp(present + offset), code)
        ),
        None,
    )


def is_backup_code(code: str) -> bool:
    """Whether a folded text has the shape of a backup code."""
    return _BACKUP.fullmatch(code) is not None


def backup_digest(secret: bytes, code: str) -> bytes:
    """Return what is stored of a backup code: keyed with the secret, which lies outside the database."""
    return hmac.digest(secret, b"backup code:" + code.encode(), hashlib.sha256)


def new_backup_codes(random: Random) -> tuple[str, ...]:
    """Make ten codes of 60 bits, as people read them: ``abcd-efgh-ijkl``."""
    made = [base64.b32encode(random(8)).decode().lower()[:12] for _ in range(BACKUP_CODES)]
    return tuple("-".join((code[:4], code[4:8], code[8:])) for code in made)


def pause_after(wrong: int) -> timedelta:
    """Return how long nothing is tried after so many wrong codes in a row: it doubles with each, up to an hour."""
    if wrong <= FREE_GUESSES:
        return timedelta(0)
    doublings = min(wrong - FREE_GUESSES - 1, 20)
    return min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)


def spelled(secret: bytes) -> str:
    """Return the secret as authenticators take it by hand: base 32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def enrolment_uri(secret: bytes, label: str) -> str:
    """Return what the QR code holds. The issuer is part of the label alone: so the code stays small enough to show."""
    return _maker(secret).provisioning_uri(name=label)


def _maker(secret: bytes) -> TOTP:
    return TOTP(base64.b32encode(secret).decode(), interval=STEP_SECONDS)
