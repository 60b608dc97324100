"""The forms of the web pages, read strictly, and the proof that our own page sent them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from oauth.decision import Random
from oauth.messages import LARGEST_BODY, HttpRequest

_MOST_FIELDS: Final = 40
_LONGEST_FIELD: Final = 16_384
"""A passkey's answer is the longest: some kilobytes."""


class BadForm(Exception):
    """The form can't be read, or no page of ours sent it."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of one form, each given once."""

    fields: Mapping[str, str] = field(repr=False)

    def get(self, name: str) -> str:
        """Return a field; empty where it is left out."""
        return self.fields.get(name, "")


def read_form(request: HttpRequest) -> Form:
    """Read an urlencoded form; `BadForm` for anything else, for repeated fields and for long ones."""
    if len(request.body) > LARGEST_BODY or request.content_type.partition(";")[0].strip().lower() != (
        "application/x-www-form-urlencoded"
    ):
        raise BadForm
    try:
        pairs = parse_qsl(
            request.body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise BadForm from None
    if len(dict(pairs)) != len(pairs) or any(len(value) > _LONGEST_FIELD for _, value in pairs):
        raise BadForm
    return Form(dict(pairs))


def came_from(request: HttpRequest, origin: str) -> bool:
    """Whether the browser says that a page of ours sent the request. One that says nothing isn't believed."""
    return request.origin == origin and request.fetch_site in {None, "same-origin"}


class FormTokens:
    """Tokens that only our own page can put into its form: bound to the browser, the purpose and the request."""

    def __init__(self, random: Random) -> None:
        self._key = random(32)

    def make(self, purpose: str, whose: bytes, about: str) -> str:
        """Return the token of one form of one browser."""
        said = b"\0".join((purpose.encode(), whose, about.encode()))
        return base64.urlsafe_b64encode(hmac.digest(self._key, said, hashlib.sha256)).rstrip(b"=").decode()

    def fits(self, token: str, purpose: str, whose: bytes, about: str) -> bool:
        """Whether a token is the one of that form."""
        return hmac.compare_digest(token.encode(), self.make(purpose, whose, about).encode())
