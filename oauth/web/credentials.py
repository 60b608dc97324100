"""What the operator signs in with: one password, which counts beside an authenticator alone, and passkeys by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.text import Safe
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.writes import Write
from oauth.web import records
from oauth.web.hashing import Hashing
from oauth.web.records import Passkey, Password

MOST_PASSKEYS: Final = 20
PASSWORD_NAME: Final = "password"  # noqa: S105 - the name, not the password
"""What the operator calls the password by; no passkey has that name."""


class Credentials:
    """Kept in memory; each change is on disk and in the audit before it counts. Raises like `Store.commit`."""

    def __init__(self, store: Store, clock: Clock, hashing: Hashing) -> None:
        self._store = store
        self._clock = clock
        self._hashing = hashing
        self.password: Password | None = None
        self.passkeys: list[Passkey] = []

    async def load(self) -> None:
        """Take up what was set."""
        self.password = await records.password(self._store)
        self.passkeys = await records.passkeys(self._store)

    async def fits(self, password: str) -> bool:
        """Whether it is the password. Raises `TooManyAtOnce`."""
        return self.password is not None and await self._hashing.fits(self.password.digest, password)

    async def set_password(self, password: str, by: str) -> None:
        """Let another password count. Raises `TooManyAtOnce`."""
        kept = Password(await self._hashing.digest(password), self._clock.now())
        await self.write([records.set_password(kept)], "web password", "done", by=by)
        self.password = kept

    async def add(self, passkey: Passkey, by: str) -> Passkey:
        """Let a passkey count, under a name of its own."""
        taken = {PASSWORD_NAME, *(one.name.casefold() for one in self.passkeys)}
        name, number = passkey.name, 2
        while name.casefold() in taken:
            name, number = f"{passkey.name} {number}", number + 1
        kept = replace(passkey, name=name)
        await self.write([records.add_passkey(kept)], "web passkey", "done", by=by, name=name)
        self.passkeys = [*self.passkeys, kept]
        return kept

    async def remove_password(self, by: str) -> bool:
        """Let no password count; whether one did."""
        if self.password is None:
            return False
        await self.write([records.remove_password()], "web password removed", "done", by=by)
        self.password = None
        return True

    async def remove(self, name: str, by: str) -> bool:
        """Let a passkey count no more; whether it did."""
        found = next((one for one in self.passkeys if one.name.casefold() == name.casefold()), None)
        if found is None:
            return False
        await self.write([records.remove_passkey(found.name)], "web passkey removed", "done", by=by, name=found.name)
        self.passkeys = [one for one in self.passkeys if one.credential_id != found.credential_id]
        return True

    def count(self, passkey: Passkey) -> Write:
        """Remember in memory what its authenticator counted, and return the write for the disk."""
        used = replace(passkey, used_at=self._clock.now())
        self.passkeys = [used if one.credential_id == used.credential_id else one for one in self.passkeys]
        return records.use_passkey(used, self._clock.now())

    async def write(self, writes: list[Write], event: str, outcome: str, code: str = "", **detail: str | Safe) -> None:
        """Write a change with its record in the audit."""
        entry = AuditEntry(
            at=self._clock.now(), kind="host", tool=event, outcome=outcome, code=code, detail=dict(detail)
        )
        await self._store.commit(writes, [entry])
