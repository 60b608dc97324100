"""What the settings of the server take, and what they call a mistake."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from cockpit.settings.server import LimitSettings, ServerSettings
from server.limits import Kind


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"trusted_proxies": ["10.0.0.1/8"]}, "is no network"),
        ({"trusted_proxies": ["0.0.0.0/0"]}, "names everybody"),
        ({"trusted_proxies": ["::/0"]}, "names everybody"),
        ({"allowed_clients": ["claude.ai"]}, "is no network"),
        ({"allowed_origins": ["*"]}, "is no origin"),
        ({"allowed_origins": ["https://*.example"]}, "is no origin"),
        ({"allowed_origins": ["page.example"]}, "is no origin"),
        ({"allowed_origins": ["https://page.example/app"]}, "is no origin"),
        ({"tls_cert": "/etc/cert.pem"}, "belong together"),
        ({"tls_key": "/etc/key.pem"}, "belong together"),
        ({"tls_cert": "cert.pem", "tls_key": "/etc/key.pem"}, "whole path"),
        ({"proxy_header": "X-Real-IP"}, "X-Forwarded-For"),
        ({"max_connections": 0}, "greater than"),
        ({"limits": {"token_each": 0}}, "greater than"),
    ],
)
def test_what_can_not_be_meant_is_a_mistake(said: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        ServerSettings.model_validate(said)


def test_each_kind_of_request_has_its_limits() -> None:
    names = {f"{kind}_{which}" for kind in Kind for which in ("each", "all")}
    assert names == set(LimitSettings.model_fields)


def test_what_all_may_is_more_than_what_one_may() -> None:
    limits = LimitSettings()
    for kind in Kind:
        assert getattr(limits, f"{kind}_all") >= 5 * getattr(limits, f"{kind}_each")
