"""What the database remembers of the operator's authenticator, and each change of it. The secret is not in there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import Write


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The authenticator that counts."""

    enrolment: str
    """Ends the name of the secret's file."""
    enrolled_at: datetime
    last_step: int
    """Newest time step whose code was accepted."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """Wrong codes in a row at one face."""

    wrong: int
    paused_until: datetime


async def enrolled(store: Store) -> Enrolled | None:
    """Read which authenticator counts, if any does."""
    rows = await store.rows("SELECT enrolment, enrolled_at, last_step FROM totp")
    return Enrolled(rows[0][0], from_micros(rows[0][1]), rows[0][2]) if rows else None


async def unused_backup_codes(store: Store) -> set[bytes]:
    """Read the digests of the backup codes that still count."""
    return {row[0] for row in await store.rows("SELECT digest FROM totp_backup_codes WHERE used_at IS NULL")}


async def guesses(store: Store) -> dict[str, Guesses]:
    """Read the wrong codes of each face."""
    rows = await store.rows("SELECT face, wrong, paused_until FROM totp_guesses")
    return {row[0]: Guesses(row[1], from_micros(row[2])) for row in rows}


def enrol(enrolment: str, now: datetime, step: int, digests: Iterable[bytes]) -> list[Write]:
    """Let another authenticator count, with backup codes of its own."""
    row = (enrolment, to_micros(now), step)
    return [
        Write("DELETE FROM totp"),
        Write("INSERT INTO totp (only_one, enrolment, enrolled_at, last_step) VALUES (1, ?, ?, ?)", row),
        Write("DELETE FROM totp_guesses"),
        *renew_backup_codes(digests),
    ]


def renew_backup_codes(digests: Iterable[bytes]) -> list[Write]:
    """Replace every backup code."""
    return [
        Write("DELETE FROM totp_backup_codes"),
        *(Write("INSERT INTO totp_backup_codes (digest) VALUES (?)", (digest,)) for digest in digests),
    ]


def remove() -> list[Write]:
    """Let no authenticator count."""
    return [Write("DELETE FROM totp"), Write("DELETE FROM totp_backup_codes"), Write("DELETE FROM totp_guesses")]


def use_step(step: int) -> Write:
    """Use up a step's code; conflicts when it, or a later one, was used before."""
    return Write("UPDATE totp SET last_step = ? WHERE last_step < ?", (step, step), expect=1)


def use_backup_code(digest: bytes, now: datetime) -> Write:
    """Use up a backup code; conflicts when it was used before."""
    return Write(
        "UPDATE totp_backup_codes SET used_at = ? WHERE digest = ? AND used_at IS NULL",
        (to_micros(now), digest),
        expect=1,
    )


def count_wrong(face: str, counted: Guesses) -> Write:
    """Keep how many wrong codes in a row a face has seen, and until when it takes none."""
    return Write(
        "INSERT INTO totp_guesses (face, wrong, paused_until) VALUES (?, ?, ?)"
        " ON CONFLICT (face) DO UPDATE SET wrong = excluded.wrong, paused_until = excluded.paused_until",
        (face, counted.wrong, to_micros(counted.paused_until)),
    )


def forget_wrong(face: str) -> Write:
    """Begin to count anew."""
    return Write("DELETE FROM totp_guesses WHERE face = ?", (face,))
