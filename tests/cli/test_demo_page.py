from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.cli.demo_client.page import LONGEST_WAIT, answer_in, read_page, same_origin

URL = "http://127.0.0.1:8722/oauth/wait/abc"
PAGE = """<!doctype html><html><head><title>Cockpit</title><style>p { color: red }</style></head>
<body><h1>Waiting</h1><p>Code <strong id="code">BCD&nbsp;<span>FGH</span></strong><br>expires soon</p></body></html>"""


def test_the_code_is_read_from_its_element() -> None:
    assert read_page(URL, {"Refresh": "2"}, PAGE).code == "BCDFGH"


def test_the_text_is_what_a_person_reads() -> None:
    page = read_page(URL, {}, PAGE)
    assert page.text == "Waiting Code BCD FGH expires soon"
    assert page.next_url is None


@pytest.mark.parametrize(
    ("headers", "meta", "next_url", "wait"),
    [
        ({"Refresh": "2"}, "", URL, 2),
        ({"Refresh": "3; url=/oauth/wait/next"}, "", "http://127.0.0.1:8722/oauth/wait/next", 3),
        ({"Refresh": "1;URL='http://127.0.0.1:8722/x'"}, "", "http://127.0.0.1:8722/x", 1),
        ({"Refresh": "0"}, "", URL, 0.5),
        ({"Refresh": "999999"}, "", URL, LONGEST_WAIT),
        ({}, '<meta http-equiv="Refresh" content="4;url=next">', "http://127.0.0.1:8722/oauth/wait/next", 4),
        ({"Refresh": "soon"}, "", None, 0),
        ({}, "", None, 0),
    ],
)
def test_the_page_says_when_and_where_it_goes_on(
    headers: dict[str, str], meta: str, next_url: str | None, wait: float
) -> None:
    page = read_page(URL, headers, f"<html><head>{meta}</head></html>")
    assert (page.next_url, page.wait_seconds) == (next_url, wait)


@given(st.text(max_size=300), st.text(max_size=60))
def test_whatever_the_server_sends_is_read_and_bounded(html: str, refresh: str) -> None:
    page = read_page(URL, {"Refresh": refresh}, f'<p id="code">{html}')
    assert len(page.code) <= 12
    assert len(page.text) <= 200
    assert page.wait_seconds <= LONGEST_WAIT


def test_only_its_own_redirect_is_an_answer() -> None:
    ours = "http://127.0.0.1:43117/callback"
    assert answer_in(f"{ours}?code=x&state=y&iss=z", ours) == {"code": "x", "state": "y", "iss": "z"}
    assert answer_in(f"{ours}?error=access_denied", ours) == {"error": "access_denied"}
    for other in ("http://127.0.0.1:43118/callback?code=x", "http://127.0.0.1:43117/callback/x?code=x", URL):
        assert answer_in(other, ours) is None


def test_an_origin_is_scheme_host_and_port() -> None:
    assert same_origin(URL, "http://127.0.0.1:8722/else")
    assert not same_origin(URL, "https://127.0.0.1:8722/else")
    assert not same_origin(URL, "http://127.0.0.1:8723/oauth")
