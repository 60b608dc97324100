"""The operator's sign-in at the web page as he sets it up: password, passkeys, and who is signed in."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import segno

from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import counted
from cockpit.operator.act import SCREEN, Answer, Done
from cockpit.operator.rooms import OperatorRooms

if TYPE_CHECKING:  # its libraries are an extra
    from oauth.web.access import WebAccess


class WebActs:
    """The acts about signing in at a web page. Whether they take a code is decided before they come here."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms

    async def status(self, given: dict[str, str], by: str) -> Answer:
        """Say how it stands."""
        web = self._rooms.web
        if web is None:
            return Done("Signing in at a web page is off.", {"enabled": False})
        stands = web.standing()
        data = {
            "enabled": True,
            "password_since": None if stands.password_since is None else stands.password_since.isoformat(),
            "passkeys": [
                {
                    "name": one.name,
                    "added_at": one.added_at.isoformat(),
                    "last_used": None if one.used_at is None else one.used_at.isoformat(),
                }
                for one in stands.passkeys
            ],
            "sessions": stands.sessions,
            "closed": stands.closed,
        }
        first = "No password" if stands.password_since is None else "A password"
        if stands.password_since is not None and not self._rooms.totp.enrolled:
            first += ", which counts for nothing without an authenticator"
        says = f"{first}; {len(stands.passkeys)} passkeys; {stands.sessions} browsers signed in."
        return Done(says + (" The password is closed: web unlock opens it." if stands.closed else ""), data)

    async def enroll(self, given: dict[str, str], by: str) -> Answer:
        """Show a link for one passkey."""
        link = self._web().begin_passkey()
        if isinstance(link, Refusal):
            return link
        drawn = StringIO()
        segno.make(link, error="l", boost_error=False, micro=False).terminal(out=drawn, border=1, compact=True)
        told = "Open this where the passkey shall be. It works once, for ten minutes:"
        return Done(f"{drawn.getvalue().rstrip()}\n{told}\n{link}", {"link": link})

    async def password(self, given: dict[str, str], by: str) -> Answer:
        """Set the password."""
        if by == SCREEN:
            return refuse("BAD_ACT_ARGUMENTS", "A password is typed where nobody sees it: cockpit web password.")
        refusal = await self._web().set_password(given["password"], by)
        return refusal or Done("The password is set; every browser is signed out.", {"set": True})

    async def remove(self, given: dict[str, str], by: str) -> Answer:
        """Let something sign nobody in any more."""
        refusal = await self._web().remove(given["what"], by)
        return refusal or Done("Removed; every browser is signed out.", {"removed": given["what"]})

    async def sign_out(self, given: dict[str, str], by: str) -> Answer:
        """Sign everybody out."""
        ended = await self._web().sign_out(by)
        return Done(f"{counted(ended, 'browser')} signed out.", {"ended": ended})

    async def unlock(self, given: dict[str, str], by: str) -> Answer:
        """Open signing in by password."""
        was_closed = await self._web().unlock(by)
        says = "Signing in by password is open again." if was_closed else "It was open; tries are counted anew."
        return Done(says, {"was_closed": was_closed})

    def _web(self) -> WebAccess:
        if self._rooms.web is None:
            raise Refused(refuse("WEB_OFF"))
        return self._rooms.web
