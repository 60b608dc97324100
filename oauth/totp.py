"""The operator's authenticator: enrolled by its first right code, and then each code counts once, also over restarts."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.folder import StoreCannotOpen, sync_folder
from cockpit.store.keys import read_secret, secret_file
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write, WriteConflict, unwritten
from oauth import totp_records as records
from oauth.totp_codes import (
    SECRET_BYTES,
    Random,
    backup_digest,
    enrolment_uri,
    folded,
    is_backup_code,
    matching_step,
    new_backup_codes,
    pause_after,
    spelled,
    step_of,
)

BEGUN_SECONDS: Final = 600
"""How long an enrolment waits for its first code."""
BEGUN_GUESSES: Final = 5
"""Wrong first codes that end an enrolment. Confirming takes no other code, so nothing else bounds the guesses."""
_FILE: Final = "totp-"


@dataclass(frozen=True, slots=True)
class Begun:
    """What the operator's authenticator needs to know; shown once."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with the authenticator."""

    enrolled_at: datetime | None
    backup_codes_left: int
    has_secret: bool
    paused_seconds: int
    """How long the face that asks takes no code."""


@dataclass(slots=True)
class _Count:
    wrong: int
    paused_until: float
    """Monotonic second."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    secret: bytes = field(repr=False)
    until: float
    wrong: int = 0


class Totp:
    """Checks codes one after another, and keeps what was used before it says yes."""

    def __init__(
        self, store: Store, clock: Clock, publish: Callable[[Event], None], random: Random = secrets.token_bytes
    ) -> None:
        self._store = store
        self._clock = clock
        self._publish = publish
        self._random = random
        self._lock = asyncio.Lock()
        self._enrolled: records.Enrolled | None = None
        self._secret: bytes | None = None
        self._backup_codes: set[bytes] = set()
        self._counts: dict[str, _Count] = {}
        self._begun: _Waiting | None = None
        self.when_changed: Callable[[], object] = _nothing
        """Called when an authenticator is enrolled or removed: what rested on the one before ends."""

    async def load(self) -> None:
        """Take up what was enrolled, used and guessed before. `StoreCannotOpen` where others can read the secret."""
        self._enrolled = await records.enrolled(self._store)
        self._secret = None if self._enrolled is None else read_secret(self._path(self._enrolled.enrolment))
        self._backup_codes = await records.unused_backup_codes(self._store)
        now, monotonic = self._clock.now(), self._clock.monotonic()
        for face, known in (await records.guesses(self._store)).items():
            # A clock that was set back must not make a pause longer than it was.
            left = min(max(known.paused_until - now, timedelta(0)), pause_after(known.wrong))
            self._counts[face] = _Count(known.wrong, monotonic + left.total_seconds())

    @property
    def enrolled(self) -> bool:
        """Whether codes are asked for."""
        return self._enrolled is not None

    def standing(self, face: str) -> Standing:
        """Return how it stands, as one face sees it."""
        enrolled = self._enrolled
        return Standing(
            None if enrolled is None else enrolled.enrolled_at,
            len(self._backup_codes),
            self._secret is not None,
            math.ceil(self._pause_left(face)),
        )

    async def check(self, code: str, face: str, act: str) -> Refusal | None:
        """Use up a code for an act, or say why it doesn't count. A backup code does as well."""
        async with self._lock:
            enrolled, secret = self._enrolled, self._secret
            if enrolled is None:
                return refuse("TOTP_NOT_ENROLLED")
            if secret is None:
                return refuse("TOTP_SECRET_GONE")
            if not self._store.writable:
                return refuse("AUDIT_UNAVAILABLE", "The database can't be written, so no code can be used up.")
            left = math.ceil(self._pause_left(face))
            if left:
                return refuse("TOTP_PAUSED", f"Too many wrong codes; none is tried for another {left} s.", seconds=left)
            now, typed = self._clock.now(), folded(code)
            step = matching_step(secret, typed, now)
            if step is not None and step <= enrolled.last_step:
                return await self._was_used(enrolled, now, face, act)
            if step is not None:
                # In memory first: a code whose use could not be written must not count again either.
                self._enrolled = replace(enrolled, last_step=step)
                return await self._accept(records.use_step(step), face, act, "code")
            digest = backup_digest(secret, typed) if is_backup_code(typed) else b""
            if digest in self._backup_codes:
                self._backup_codes.discard(digest)
                refusal = await self._accept(records.use_backup_code(digest, now), face, act, "backup code")
                if refusal is None:
                    self._say(f"A backup code was used for {act}; {len(self._backup_codes)} are left.", bad=True)
                return refusal
            return await self._count_wrong(face, act)

    def begin(self, label: str) -> Begun:
        """Make a secret that waits for its first code; one that waited before is forgotten."""
        secret = self._random(SECRET_BYTES)
        self._begun = _Waiting(secret, self._clock.monotonic() + BEGUN_SECONDS)
        return Begun(spelled(secret), enrolment_uri(secret, label))

    async def finish(self, code: str, face: str) -> tuple[str, ...] | Refusal:
        """Enrol what was begun, and return its backup codes. What was enrolled before ends with its backup codes."""
        async with self._lock:
            begun, now = self._begun, self._clock.now()
            if begun is None or self._clock.monotonic() >= begun.until:
                return refuse("TOTP_NOT_BEGUN")
            step = matching_step(begun.secret, folded(code), now)
            if step is None:
                return await self._count_wrong_first(begun, face)
            enrolment, codes = self._random(8).hex(), new_backup_codes(self._random)
            digests = {backup_digest(begun.secret, folded(one)) for one in codes}
            try:
                await asyncio.to_thread(secret_file, self._store.keys, f"{_FILE}{enrolment}", lambda: begun.secret)
            except StoreCannotOpen as problem:
                return refuse("AUDIT_UNAVAILABLE", f"The secret can't be kept: {safe(str(problem), 300)}")
            refusal = await self._write(
                records.enrol(enrolment, now, step, digests), self._entry("enrolled", "ok", face, "totp.confirm")
            )
            if refusal is not None:
                await self._keep_only(None if self._enrolled is None else self._enrolled.enrolment)
                return refusal
            self._enrolled, self._secret = records.Enrolled(enrolment, now, step), begun.secret
            self._backup_codes, self._begun = digests, None
            self._counts.clear()
            self.when_changed()
            await self._keep_only(enrolment)
        self._say(f"An authenticator was enrolled ({face}): what adds risk takes its codes from now on.", bad=False)
        return codes

    async def renew_backup_codes(self, face: str) -> tuple[str, ...] | Refusal:
        """Replace the backup codes and return the new ones."""
        async with self._lock:
            if self._enrolled is None:
                return refuse("TOTP_NOT_ENROLLED")
            if self._secret is None:
                return refuse("TOTP_SECRET_GONE")
            codes = new_backup_codes(self._random)
            digests = {backup_digest(self._secret, folded(one)) for one in codes}
            entry = self._entry("backup codes renewed", "ok", face, "totp.backup")
            refusal = await self._write(records.renew_backup_codes(digests), entry)
            if refusal is not None:
                return refusal
            self._backup_codes = digests
        return codes

    async def remove(self, face: str) -> Refusal | None:
        """Ask for no codes any more."""
        async with self._lock:
            if self._enrolled is None:
                return refuse("TOTP_NOT_ENROLLED")
            refusal = await self._write(records.remove(), self._entry("removed", "ok", face, "totp.remove"))
            if refusal is not None:
                return refusal
            self._enrolled = self._secret = None
            self._backup_codes = set()
            self._counts.clear()
            self.when_changed()
            await self._keep_only(None)
        self._say(f"The authenticator was removed ({face}): nothing takes a code any more.", bad=True)
        return None

    async def _accept(self, use: Write, face: str, act: str, what: str) -> Refusal | None:
        entry = self._entry("used", "ok", face, act, what=what)
        refusal = await self._write([use, records.forget_wrong(face)], entry)
        if refusal is None:
            self._counts.pop(face, None)
        return refusal

    async def _was_used(self, enrolled: records.Enrolled, now: datetime, face: str, act: str) -> Refusal:
        """Refuse a right code for its second use. It tells a guesser nothing that counts, so it costs no guess."""
        refusal = await self._write([], self._entry("used", "denied", face, act, code="TOTP_USED"))
        if refusal is not None:
            return refusal
        if enrolled.last_step > step_of(now):
            return refuse("TOTP_USED", "A later code was used already: the host's clock was set back.")
        return refuse("TOTP_USED")

    async def _count_wrong_first(self, begun: _Waiting, face: str) -> Refusal:
        """Count a wrong first code; the last one ends what was begun, and beginning anew takes its own code."""
        wrong = begun.wrong + 1
        if wrong < BEGUN_GUESSES:
            self._begun = replace(begun, wrong=wrong)
            return refuse("TOTP_WRONG")
        self._begun = None
        self._say(f"{wrong} wrong first codes ({face}): the enrolment has ended. Begin it anew.", bad=True)
        entry = self._entry("enrolled", "denied", face, "totp.confirm", code="TOTP_WRONG", wrong=wrong)
        refusal = await self._write([], entry)
        return refusal or refuse("TOTP_WRONG", "That code is wrong too, and the enrolment has ended; begin it anew.")

    async def _count_wrong(self, face: str, act: str) -> Refusal:
        count = self._counts.setdefault(face, _Count(0, 0.0))
        count.wrong += 1
        pause = pause_after(count.wrong)
        count.paused_until = self._clock.monotonic() + pause.total_seconds()
        kept = records.Guesses(count.wrong, self._clock.now() + pause)
        entry = self._entry("used", "denied", face, act, code="TOTP_WRONG", wrong=count.wrong)
        refusal = await self._write([records.count_wrong(face, kept)], entry)
        if pause:
            seconds = math.ceil(pause.total_seconds())
            self._say(f"{count.wrong} wrong codes in a row ({face}): none is tried for {seconds} s.", bad=True)
        return refusal or refuse("TOTP_WRONG")

    def _pause_left(self, face: str) -> float:
        count = self._counts.get(face)
        return 0.0 if count is None else max(0.0, count.paused_until - self._clock.monotonic())

    async def _write(self, writes: Sequence[Write], entry: AuditEntry) -> Refusal | None:
        try:
            await self._store.commit(writes, [entry])
        except (StoreUnavailable, StoreBusy) as problem:
            return unwritten(problem)
        except WriteConflict:
            return refuse("TOTP_USED")
        return None

    def _entry(self, event: str, outcome: str, face: str, act: str, code: str = "", **detail: object) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            kind="host",
            tool=f"totp {event}",
            outcome=outcome,
            code=code,
            detail={"by": face, "act": act, **detail},
        )

    def _say(self, text: str, *, bad: bool) -> None:
        self._publish(Notice(self._clock.now(), safe(text), bad))

    def _path(self, enrolment: str) -> Path:
        return self._store.keys / f"{_FILE}{enrolment}"

    async def _keep_only(self, enrolment: str | None) -> None:
        """Delete the secrets that count no more."""
        await asyncio.to_thread(_keep_only, self._store.keys, None if enrolment is None else f"{_FILE}{enrolment}")


def _nothing() -> None:
    return


def _keep_only(folder: Path, name: str | None) -> None:
    # A file that can't be deleted holds a secret of the past: it opens nothing, and is tried again the next time.
    with suppress(OSError):
        for path in folder.glob(f"{_FILE}*"):
            if path.name != name:
                path.unlink(missing_ok=True)
        sync_folder(folder)
