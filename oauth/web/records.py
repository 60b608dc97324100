"""What the database remembers of the operator's web sign-in, and each change of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import Write


@dataclass(frozen=True, slots=True)
class Password:
    """The password that counts."""

    digest: str = field(repr=False)
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey that counts: its public half."""

    name: str
    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    sign_count: int
    added_at: datetime
    used_at: datetime | None = None


async def password(store: Store) -> Password | None:
    """Read the password that counts, if there is one."""
    rows = await store.rows("SELECT digest, set_at FROM web_password")
    return Password(rows[0][0], from_micros(rows[0][1])) if rows else None


async def passkeys(store: Store) -> list[Passkey]:
    """Read every passkey, oldest first."""
    rows = await store.rows(
        "SELECT name, credential_id, public_key, sign_count, added_at, used_at FROM web_passkeys ORDER BY added_at"
    )
    return [
        Passkey(row[0], row[1], row[2], row[3], from_micros(row[4]), None if row[5] is None else from_micros(row[5]))
        for row in rows
    ]


async def failures(store: Store, now: datetime) -> list[datetime]:
    """Read the failures of the last hour."""
    since = to_micros(now - timedelta(hours=1))
    return [from_micros(row[0]) for row in await store.rows("SELECT at FROM web_failures WHERE at > ?", (since,))]


def set_password(kept: Password) -> Write:
    """Let another password count."""
    return Write(
        "INSERT INTO web_password (only_one, digest, set_at) VALUES (1, ?, ?)"
        " ON CONFLICT (only_one) DO UPDATE SET digest = excluded.digest, set_at = excluded.set_at",
        (kept.digest, to_micros(kept.set_at)),
    )


def remove_password() -> Write:
    """Let no password count."""
    return Write("DELETE FROM web_password")


def add_passkey(kept: Passkey) -> Write:
    """Let a passkey count; conflicts with nothing but its own name and id, which were looked at before."""
    return Write(
        "INSERT INTO web_passkeys (name, credential_id, public_key, sign_count, added_at) VALUES (?, ?, ?, ?, ?)",
        (kept.name, kept.credential_id, kept.public_key, kept.sign_count, to_micros(kept.added_at)),
    )


def use_passkey(kept: Passkey, now: datetime) -> Write:
    """Remember a use; conflicts where the passkey is gone."""
    return Write(
        "UPDATE web_passkeys SET sign_count = ?, used_at = ? WHERE credential_id = ?",
        (kept.sign_count, to_micros(now), kept.credential_id),
        expect=1,
    )


def remove_passkey(name: str) -> Write:
    """Let a passkey count no more."""
    return Write("DELETE FROM web_passkeys WHERE name = ?", (name,))


def count_failure(now: datetime) -> list[Write]:
    """Remember a failure, and forget those that count no more."""
    return [
        Write("DELETE FROM web_failures WHERE at <= ?", (to_micros(now - timedelta(hours=1)),)),
        Write("INSERT INTO web_failures (at) VALUES (?)", (to_micros(now),)),
    ]


def forget_failures() -> Write:
    """Begin to count anew."""
    return Write("DELETE FROM web_failures")
