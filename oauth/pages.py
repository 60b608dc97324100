"""The few pages that a browser sees: no script, no form, nothing from elsewhere."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from jinja2 import DictLoader, Environment, StrictUndefined

from oauth.messages import NO_STORE, NOSNIFF, Headers, HttpAnswer
from oauth.records import Kind
from oauth.redirects import is_local
from oauth.waiting import WaitingRequest

_TEMPLATES: Final = ("frame.html", "waiting.html", "message.html")
_POLICY: Final = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_YEAR: Final = 31_536_000
POLL_SECONDS: Final = 2


def page_headers(secure: bool, referrer: str = "no-referrer", nonce: str = "") -> Headers:
    """Return what every page carries. Only a script with the nonce runs, and without one none does."""
    script = f"; script-src 'nonce-{nonce}'" if nonce else ""
    return (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", f"{_POLICY}{script}"),
        ("X-Frame-Options", "DENY"),
        NOSNIFF,
        ("Referrer-Policy", referrer),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        *NO_STORE,
        *((("Strict-Transport-Security", f"max-age={_YEAR}"),) if secure else ()),
    )


class Pages:
    """Renders the pages."""

    def __init__(self, secure: bool) -> None:
        folder = files("oauth") / "templates"
        self._templates = Environment(
            loader=DictLoader({name: (folder / name).read_text("utf-8") for name in _TEMPLATES}),
            autoescape=True,
            undefined=StrictUndefined,
        )
        self._style = (folder / "style.css").read_bytes()
        self._headers = page_headers(secure)

    def waiting(
        self, request: WaitingRequest, seconds_left: int, *headers: tuple[str, str], sign_in: str = ""
    ) -> HttpAnswer:
        """Show a request's code; the page asks again by itself. ``sign_in`` is where the operator may decide here."""
        shown = request.shown
        html = self._templates.get_template("waiting.html").render(
            code=request.code,
            host=shown.host,
            local=is_local(shown.redirect_uri),
            redirect_host=shown.redirect_host if shown.redirect_host != shown.host else "",
            unfetched=shown.unfetched,
            named_here=shown.kind is Kind.STATIC,
            claimed_name=shown.claimed_name,
            scopes=[scope.value for scope in shown.asked],
            address=shown.address,
            left=_words(seconds_left),
            sign_in=sign_in,
        )
        refresh = ("Refresh", f"{POLL_SECONDS}; url=/oauth/wait/{shown.request_id}")
        return HttpAnswer(200, (*self._headers, refresh, *headers), html.encode())

    def message(self, status: int, title: str, *lines: str, retry_after: int | None = None) -> HttpAnswer:
        """Say something to the person at the browser, without sending it anywhere."""
        html = self._templates.get_template("message.html").render(title=title, lines=lines)
        retry = (("Retry-After", str(retry_after)),) if retry_after is not None else ()
        return HttpAnswer(status, (*self._headers, *retry), html.encode())

    def style(self) -> HttpAnswer:
        """Return the style sheet."""
        headers = (("Content-Type", "text/css; charset=utf-8"), NOSNIFF, ("Cache-Control", "max-age=3600"))
        return HttpAnswer(200, headers, self._style)


def _words(seconds: int) -> str:
    if seconds >= 120:
        return f"{seconds // 60} minutes"
    return "1 minute" if seconds >= 60 else "less than a minute"
