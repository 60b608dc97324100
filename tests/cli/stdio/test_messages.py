from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import decode_header_value, encode_header_value

from cockpit.cli.stdio.messages import read_line

VERSION = "io.modelcontextprotocol/protocolVersion"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_name_is_written_into_a_header_as_the_sdk_does(name: str) -> None:
    body = {"id": 1, "method": "tools/call", "params": {"name": name, "_meta": {VERSION: "2026-07-28"}}}
    line = read_line(json.dumps(body).encode())
    assert line is not None
    written = line.headers["Mcp-Name"]
    assert decode_header_value(written) == name
    if name and name.isascii() and name.isprintable() and not name.startswith("=?"):
        assert written == encode_header_value(name)


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "get_quote", "uri": "x:y"}, "get_quote"),
        ("prompts/get", {"name": "plan"}, "plan"),
        ("resources/read", {"uri": "orders://open", "name": "x"}, "orders://open"),
        ("tools/list", {"name": "x"}, None),
    ],
)
def test_a_message_of_the_stateless_era_is_named_by_its_headers(
    method: str, params: dict[str, str], name: str | None
) -> None:
    body = {"id": 1, "method": method, "params": {**params, "_meta": {VERSION: "2026-07-28"}}}
    line = read_line(json.dumps(body).encode())
    assert line is not None
    expected = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    assert line.headers == (expected if name is None else {**expected, "Mcp-Name": name})


def test_a_message_of_a_session_names_nothing_by_itself() -> None:
    line = read_line(b'{"id": 1, "method": "tools/call", "params": {"name": "get_quote"}}')
    assert line is not None
    assert line.headers == {}


@pytest.mark.parametrize("text", [b"", b"[]", b"1", b"{", b'"x"', b"\xff"])
def test_what_is_no_object_is_no_message(text: bytes) -> None:
    assert read_line(text) is None


@pytest.mark.parametrize(
    ("body", "bad"),
    [
        (b'{"id": 1.5, "method": "x"}', 1.5),
        (b'{"id": null, "method": "x"}', None),
        (b'{"id": true, "method": "x"}', None),
        (b'{"id": [1], "method": "x"}', None),
    ],
)
def test_an_id_that_no_request_may_have_is_told_from_none(body: bytes, bad: float | None) -> None:
    line = read_line(body)
    assert line is not None
    assert (line.has_bad_id, line.bad_id) == (True, bad)


@pytest.mark.parametrize("body", [b'{"method": "x"}', b'{"id": null, "error": {}}', b'{"id": 0, "method": "x"}'])
def test_what_needs_no_id_or_has_a_good_one_is_not_faulted(body: bytes) -> None:
    line = read_line(body)
    assert line is not None
    assert not line.has_bad_id


@pytest.mark.parametrize("body", [b'{"id": true, "method": "x"}', b'{"id": 1.5, "method": "x"}', b'{"method": "x"}'])
def test_a_message_without_a_usable_id_is_no_request(body: bytes) -> None:
    line = read_line(body)
    assert line is not None
    assert not line.is_request
