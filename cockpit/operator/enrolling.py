"""The operator's authenticator as he sees it: enrolled with a QR code in the terminal, and removed again."""

from __future__ import annotations

from io import StringIO
from typing import Final

import segno

from cockpit.model.refusals import Refusal, refuse
from cockpit.operator.act import Answer, Done
from oauth.totp import Begun, Totp

_LONGEST_LABEL: Final = 15
"""More would make a larger QR code, which has no room on a screen of 80 columns and 24 rows."""


class Enrolling:
    """The acts about time-based codes. Whether they take a code themselves is decided before they come here."""

    def __init__(self, totp: Totp, host: str) -> None:
        self._totp = totp
        self._label = f"Cockpit-{''.join(sign for sign in host if sign.isascii() and (sign.isalnum() or sign in '.-'))[:_LONGEST_LABEL]}"

    async def status(self, given: dict[str, str], by: str) -> Answer:
        """Say how it stands."""
        stands = self._totp.standing(by)
        since = stands.enrolled_at
        data = {
            "enrolled": since is not None,
            "since": None if since is None else since.isoformat(),
            "backup_codes_left": stands.backup_codes_left,
            "secret_is_there": stands.has_secret,
            "paused_seconds": stands.paused_seconds,
        }
        if since is None:
            return Done("No authenticator is enrolled: nothing takes a code.", data)
        says = f"Codes are asked for since {since:%Y-%m-%d}; {stands.backup_codes_left} backup codes are left."
        return Done(says if stands.has_secret else f"{says} But the secret is not in DATA/keys.", data)

    async def enroll(self, given: dict[str, str], by: str) -> Answer:
        """Show a new secret. It counts from its first right code on, and what was enrolled counts until then."""
        begun = self._totp.begin(self._label)
        return Done(_beside(begun), {"secret": begun.secret.replace(" ", ""), "uri": begun.uri})

    async def confirm(self, given: dict[str, str], by: str) -> Answer:
        """Enrol what was shown, by its first right code."""
        codes = await self._totp.finish(given["code"], by)
        if isinstance(codes, Refusal):
            return codes
        return _shown_once("Enrolled: from now on what adds risk takes a code.", codes)

    async def backup(self, given: dict[str, str], by: str) -> Answer:
        """Make new backup codes."""
        codes = await self._totp.renew_backup_codes(by)
        return codes if isinstance(codes, Refusal) else _shown_once("The old backup codes have ended.", codes)

    async def remove(self, given: dict[str, str], by: str) -> Answer:
        """Ask for no codes any more."""
        if "lost" in given:
            return refuse("BAD_ACT_ARGUMENTS", "--lost is for a cockpit that doesn't run; stop this one first.")
        return await self._totp.remove(by) or Done("Removed: nothing takes a code any more.", {"enrolled": False})


def _shown_once(says: str, codes: tuple[str, ...]) -> Done:
    half = len(codes) // 2
    pairs = zip(codes[:half], codes[half:], strict=True)
    rows = [f"  {left}    {right}" for left, right in pairs]
    told = "Backup codes, each good for one use. They are shown only now: write them down."
    return Done("\n".join([says, told, *rows]), {"backup_codes": list(codes)})


def _beside(begun: Begun) -> str:
    """Put the QR code and what to do with it beside each other: 19 rows of 72 columns."""
    drawn = StringIO()
    segno.make(begun.uri, error="l", boost_error=False, micro=False).terminal(out=drawn, border=2, compact=True)
    rows = drawn.getvalue().splitlines()
    groups = begun.secret.split()
    told = [
        "Scan this with an authenticator,",
        "or type its secret there:",
        "",
        "  " + " ".join(groups[:4]),
        "  " + " ".join(groups[4:]),
        "  (time based, 6 digits, 30 s, SHA1)",
        "",
        "It counts from the first code on",
        "that you type here within ten",
        "minutes, or with",
        "  cockpit totp confirm CODE",
    ]
    beside = [""] * 3 + told + [""] * (len(rows) - 3 - len(told))
    return "\n".join(f"{row}  {text}".rstrip() for row, text in zip(rows, beside, strict=True))
