"""The pages where the operator signs in, by their paths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from oauth.messages import HttpAnswer, HttpRequest
from server.oauth_routes import Answering, FormAnswering

if TYPE_CHECKING:  # its libraries are an extra
    from oauth.web.access import WebAccess


def web_forms(access: WebAccess) -> Mapping[str, FormAnswering]:
    """Return what each page answers."""
    site, making = access.site, access.making
    return {
        "/oauth/web/sign-in/{about}": (_about(site.sign_in_page), _about(site.sign_in)),
        "/oauth/web/consent/{about}": (_about(site.consent_page), _about(site.decide)),
        "/oauth/web/sign-out/{about}": (None, _about(site.sign_out)),
        "/oauth/web/enrol/{about}": (_about(making.page), _about(making.make)),
    }


def _about(answering: Callable[[HttpRequest, str], Awaitable[HttpAnswer]]) -> Answering:
    def answer(asked: HttpRequest, raw: web.Request) -> Awaitable[HttpAnswer]:
        return answering(asked, raw.match_info["about"])

    return answer
