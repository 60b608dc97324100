"""The pages on which the operator signs in and decides. One script, for passkeys alone, runs by its nonce."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import Final

from jinja2 import DictLoader, Environment, StrictUndefined

from cockpit.model.identity import WRITE_SCOPES, scope_text
from oauth.decision import Random
from oauth.messages import Headers, HttpAnswer
from oauth.pages import Pages, page_headers
from oauth.web.choosing import LIVES, Chosen, Seen

_TEMPLATES: Final = ("sign_in.html", "enrol.html", "consent.html")


class WebPages:
    """Renders the pages."""

    def __init__(self, secure: bool, random: Random) -> None:
        frame = (files("oauth") / "templates" / "frame.html").read_text("utf-8")
        folder = files("oauth.web") / "templates"
        self._templates = Environment(
            loader=DictLoader(
                {"frame.html": frame} | {name: (folder / name).read_text("utf-8") for name in _TEMPLATES}
            ),
            autoescape=True,
            undefined=StrictUndefined,
        )
        self._script = (folder / "passkey.js").read_text("utf-8")
        self._secure = secure
        self.message = Pages(secure).message
        """Says something to the person at the browser, without sending it anywhere."""
        self._random = random

    def sign_in(
        self, status: int, request_id: str, token: str, *, options: str, password: bool, closed: bool, problem: str = ""
    ) -> HttpAnswer:
        """Ask for a passkey, or for the password with a code."""
        return self._answer(
            status, "sign_in.html", nonce=self._nonce() if options else "", script=self._script, problem=problem,
            action=f"/oauth/web/sign-in/{request_id}", back=f"/oauth/wait/{request_id}", token=token, options=options,
            password=password, closed=closed,
        )  # fmt: skip

    def enrol(self, status: int, action: str, options: str, name: str, problem: str = "") -> HttpAnswer:
        """Have a passkey made."""
        return self._answer(
            status, "enrol.html", nonce=self._nonce(), script=self._script, action=action, options=options, name=name,
            problem=problem,
        )  # fmt: skip

    def consent(
        self, status: int, seen: Seen, chosen: Chosen, tokens: tuple[str, str], *, enrolled: bool, problem: str = ""
    ) -> HttpAnswer:
        """Show who asks for what, and let the operator choose."""
        waiting, offered = seen.waiting, frozenset(seen.offered)
        scopes = [
            {"name": scope.value, "checked": scope in chosen.scopes, "writes": scope in WRITE_SCOPES}
            for scope in seen.offered
        ]
        connections = [
            {
                "name": name,
                "checked": name == chosen.connection,
                "allows": ""
                if offered <= allowed
                else f"allows of these: {scope_text(offered & allowed) or 'nothing'}",
            }
            for name, allowed in seen.connections
        ]
        return self._answer(
            status, "consent.html", problem=problem, host=waiting.host,
            redirect_host=waiting.redirect_host if waiting.redirect_host != waiting.host else "",
            redirect_uri=waiting.redirect_uri, claimed_name=waiting.claimed_name,
            registered=waiting.alike + 1, known=seen.known, address=waiting.address,
            warnings=seen.warnings, scopes=scopes, connections=connections, name=chosen.name, lives=[(key, words) for key, words, _ in LIVES],
            chosen_life=chosen.life, has_writes=bool(offered & WRITE_SCOPES), enrolled=enrolled,
            action=f"/oauth/web/consent/{waiting.request_id}", token=tokens[0],
            leave=f"/oauth/web/sign-out/{waiting.request_id}", leave_token=tokens[1],
        )  # fmt: skip

    def go_on(self, request_id: str) -> HttpAnswer:
        """Send the browser on by a navigation of its own: a redirect of the form's answer would break the form's policy."""
        headers = (*page_headers(self._secure), ("Refresh", f"0; url=/oauth/wait/{request_id}"))
        return HttpAnswer(
            200, headers, b"<!doctype html><title>Decided</title><p>Decided. This page goes on by itself."
        )

    def see(self, path: str, *headers: tuple[str, str]) -> HttpAnswer:
        """Have the browser look at another page of ours (RFC 9110, 15.4.4)."""
        return HttpAnswer(303, (("Location", path), ("Cache-Control", "no-store"), *headers))

    def foreign(self) -> HttpAnswer:
        """Turn away a form that no page of ours sent."""
        return self.message(
            403,
            "This form is not ours",
            "No page of this cockpit sent it, or it is out of date. Go back and try again.",
        )

    def no_link(self) -> HttpAnswer:
        """Say that a link for a passkey counts no more."""
        return self.message(
            404,
            "This link is over",
            "It works once and for ten minutes. On the trading host `cockpit web enroll` makes another.",
        )

    def crowded(self, again: int) -> HttpAnswer:
        """Ask to come again."""
        return self.message(429, "Too many tries", "Wait a little and try again.", retry_after=again)

    def stopped(self) -> HttpAnswer:
        """Say that the kill switch keeps everybody out."""
        return self.message(
            503, "Stopped", "The operator has stopped everything; nobody is let in now.", retry_after=60
        )

    def _answer(self, status: int, template: str, nonce: str = "", **given: object) -> HttpAnswer:
        html = self._templates.get_template(template).render(nonce=nonce, **given)
        # Not no-referrer: under that browsers send the form with `Origin: null`.
        headers: Headers = page_headers(self._secure, "same-origin", nonce)
        return HttpAnswer(status, headers, html.encode())

    def _nonce(self) -> str:
        return base64.b64encode(self._random(16)).decode()
