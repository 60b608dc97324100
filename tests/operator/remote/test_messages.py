from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.refusals import Refusal
from cockpit.operator.act import Command, Done
from cockpit.operator.remote.codec import Unreadable
from cockpit.operator.remote.messages import (
    Hello,
    News,
    Replied,
    Sign,
    Subject,
    TicketAsked,
    TurnedAway,
    Welcome,
    decode_from_cockpit,
    decode_from_screen,
    decode_hello,
    encode_hello,
    encode_news,
    encode_reply,
    encode_sign,
    encode_ticket,
    encode_turned_away,
    encode_welcome,
    is_hello,
)
from cockpit.operator.wire import MAX_TEXT, encode_command
from tests.tui.fake_face import busy_snapshot, calls

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
_SCREEN_NAMES = st.sampled_from(["id", "sign", "ticket", "key", "act", "arguments", "by", "totp", "look", "hello"])
_COCKPIT_NAMES = st.sampled_from(["news", "snapshot", "changes", "events", "missed", "reply", "value", "welcome"])


def _lines(names: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    said = st.dictionaries(names, st.dictionaries(names, _JSON, max_size=3) | _JSON, max_size=4) | _JSON
    return st.binary(max_size=60) | said.map(_written)


def _written(said: object) -> bytes:
    try:
        return orjson.dumps(said)
    except TypeError:  # an integer too large for JSON as it is written here
        return b"{}"


@given(_lines(_SCREEN_NAMES))
def test_whatever_a_screen_sends_is_taken_or_refused(line: bytes) -> None:
    request_id, asked = decode_from_screen(line)
    assert isinstance(request_id, str)
    assert isinstance(asked, Command | TicketAsked | Sign | Refusal)
    assert decode_hello(line) is None or is_hello(line)


@given(_lines(_COCKPIT_NAMES))
def test_whatever_a_cockpit_says_is_read_or_unreadable(line: bytes) -> None:
    try:
        heard = decode_from_cockpit(line, busy_snapshot())
    except Unreadable:
        return
    assert isinstance(heard, Welcome | TurnedAway | News | Replied)


def test_each_line_of_a_screen_is_read_as_it_was_meant() -> None:
    hello = Hello("1.2.3", read_only=True)
    assert decode_hello(encode_hello(hello)) == hello
    assert decode_from_screen(encode_sign(Sign.BEAT)) == ("", Sign.BEAT)
    assert decode_from_screen(encode_ticket(Subject.CLIENT, "ABCDEF", "7")) == (
        "7",
        TicketAsked(Subject.CLIENT, "ABCDEF"),
    )
    command = Command("halt", {"reason": "lunch"}, by="screen", totp="123456")
    assert decode_from_screen(encode_command(command, "8")) == (
        "8",
        Command("halt", {"reason": "lunch"}, by="socket", totp="123456"),
    )


def test_each_line_of_a_cockpit_is_read_as_it_was_meant() -> None:
    seen = busy_snapshot()
    some = calls(3)
    assert decode_from_cockpit(encode_welcome("1.2.3"), None) == Welcome("1.2.3")
    assert decode_from_cockpit(encode_turned_away("No."), None) == TurnedAway("No.")
    assert decode_from_cockpit(encode_news(None, seen, some, 5), None) == News(seen, some, 5)
    assert decode_from_cockpit(encode_news(seen, None), seen) == News()
    assert decode_from_cockpit(encode_reply("7", Done("x", [1])), None) == Replied("7", Done("x", [1]))


def test_changes_without_anything_to_change_are_unreadable() -> None:
    seen = busy_snapshot()
    with pytest.raises(Unreadable):
        decode_from_cockpit(encode_news(seen, seen), None)


@pytest.mark.parametrize("key", ["", "x" * (MAX_TEXT + 1)])
def test_a_ticket_is_asked_for_by_a_key_of_bounded_length(key: str) -> None:
    request_id, asked = decode_from_screen(encode_ticket(Subject.ORDER, key, "1"))
    assert request_id == "1"
    assert isinstance(asked, Refusal)
