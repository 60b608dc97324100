"""When the signing key is replaced, and what becomes of the tokens of those before it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cockpit.model.events import Notice
from cockpit.model.identity import Grant, Via
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.folder import StoreCannotOpen
from cockpit.store.writes import StoreBusy, StoreUnavailable
from oauth import changes
from oauth.records import StoredGrant
from oauth.signing import SigningKeys, new_key, save_keys
from oauth.state import State, entry

_TRY_AGAIN = timedelta(minutes=10)
_BY_AGE = "age"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did."""

    kid: str
    """The key that signs now."""
    former_ends: datetime | None
    """When the last token of the key before has ended; None where it was dropped at once."""
    ended: tuple[Grant, ...]
    """Minted tokens that no key verifies any more."""


class Rotation:
    """Replaces the signing key, by the operator's act or by its age. The file changes first, then memory."""

    def __init__(self, state: State, folder: Path) -> None:
        self._state = state
        self._folder = folder
        self._not_before: datetime | None = None

    async def rotate(self, by: str, *, at_once: bool = False) -> Rotated | Refusal:
        """Sign with a new key from now on. The former one verifies until its last token has ended.

        With ``at_once``, and while the kill switch has ended every token anyway, nothing of the former key passes any
        more: clients refresh, minted tokens end. Two keys are kept, so what the one before the former signed ends too.
        """
        state = self._state
        pem = await asyncio.to_thread(new_key)
        async with state.lock:
            now, before = state.clock.now(), state.signer.keys
            ends = None if at_once or state.stopped else self._last_end(before, now)
            after = before.followed_by(pem, now, ends)
            try:
                await asyncio.to_thread(save_keys, self._folder, after)
            except StoreCannotOpen as error:
                return refuse("AUDIT_UNAVAILABLE", f"The signing key stays: {error.what}")
            state.signer.use(after)
            ended = [stored.grant for stored in state.live.all() if _has_lost_its_key(stored, after)]
            for grant in ended:
                reason = "its signing key was replaced"
                state.drop(grant.grant_id, reason)
                state.owe(
                    [grant],
                    changes.end_grant(grant.grant_id, now, reason),
                    [entry(now, "ended", "done", grant, reason=reason)],
                )
            note = entry(
                now, "rotated", "done", by=by, key=after.active.kid, former=before.active.kid, former_ends=ends
            )
            state.owe([], [], [note])
        try:
            await state.settle()
        except (StoreBusy, StoreUnavailable):
            return refuse("AUDIT_UNAVAILABLE", "The signing key is replaced; the audit of that follows.")
        return Rotated(after.active.kid, ends, tuple(ended))

    async def look_after(self) -> None:
        """Replace a key that is too old, and forget a former one whose last token has ended."""
        state, now = self._state, self._state.clock.now()
        keys = state.signer.keys
        if keys.good(now) is not keys:
            async with state.lock:
                left = state.signer.keys.good(now)
                state.signer.use(left)
                await self._saved(left, now)
        if self._not_before is not None and now < self._not_before:
            return
        if now - keys.active.made_at >= timedelta(days=state.config.rotate_days):
            self._not_before = now + _TRY_AGAIN
            answer = await self.rotate(_BY_AGE)
            if isinstance(answer, Refusal):
                state.publish(Notice(now, safe(f"The signing key is too old: {answer.message}"), True))

    async def _saved(self, keys: SigningKeys, now: datetime) -> None:
        try:
            await asyncio.to_thread(save_keys, self._folder, keys)
        except StoreCannotOpen as error:
            self._state.publish(
                Notice(now, safe(f"A signing key that is over is still in its file: {error.what}"), True)
            )

    def _last_end(self, keys: SigningKeys, now: datetime) -> datetime:
        """Return when the last token that the active key may have signed will have ended."""
        config = self._state.config
        last = now + timedelta(seconds=max(config.access_seconds, config.service_seconds))
        minted = (
            stored.grant.expires_at or now for stored in self._state.live.all() if stored.signed_by == keys.active.kid
        )
        return max([last, *minted])


def _has_lost_its_key(stored: StoredGrant, keys: SigningKeys) -> bool:
    kept = {keys.active.kid} | ({keys.former.kid} if keys.former is not None else set())
    return stored.grant.via is Via.TOKEN and stored.signed_by not in kept
