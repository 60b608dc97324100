from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.identity import Scope
from cockpit.model.money import plain
from cockpit.model.refusals import REFUSALS, Refusal, refuse
from cockpit.operator.act import Act, Argument, Command, Done, Kind
from cockpit.operator.acts import ACTS, APPROVE_ORDER, KILL
from cockpit.operator.looks import Look, Subject
from cockpit.operator.wire import (
    LONGEST,
    MAX_REQUEST_BYTES,
    MAX_TEXT,
    arguments_of,
    decimal,
    decode_answer,
    decode_request,
    duration,
    encode_answer,
    encode_command,
    encode_look,
    number,
)

VALUES = {
    Kind.TEXT: st.text(min_size=1, max_size=MAX_TEXT).filter(lambda text: text.strip()),
    Kind.SCOPES: st.sets(st.sampled_from(list(Scope)), min_size=1).map(" ".join),
    Kind.DECIMAL: st.decimals(Decimal("0.000001"), Decimal(10**12), places=6)
    .filter(lambda value: value > 0)
    .map(plain),
    Kind.NUMBER: st.integers(0, 2**31 - 1).map(str),
    Kind.DURATION: st.tuples(st.integers(1, 50), st.sampled_from("smhdw")).map(lambda pair: f"{pair[0]}{pair[1]}"),
    Kind.MOMENT: st.sampled_from(["30m", "7d"]) | st.datetimes().map(datetime.isoformat),
    Kind.FORMAT: st.sampled_from(["jsonl", "csv"]),
    Kind.FLAG: st.just("yes"),
    Kind.SECRET: st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1, max_size=128),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_", max_size=5), inner, max_size=3),
    max_leaves=10,
)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    act = draw(st.sampled_from(list(ACTS.values())))
    chosen = [argument for argument in act.arguments if argument.required or draw(st.booleans())]
    return Command(act.name, {argument.name: draw(VALUES[argument.kind]) for argument in chosen}, "socket")


@given(commands())
def test_a_valid_command_survives_the_wire_and_a_second_trip_changes_nothing(command: Command) -> None:
    line = encode_command(command, "r1") if _encodable(command) else b""
    if not line:
        return
    request_id, once = decode_request(line, "socket")
    assert request_id == "r1"
    assert isinstance(once, Command)
    assert once.arguments.keys() == command.arguments.keys()
    assert decode_request(encode_command(once, "r1"), "socket")[1] == once


def _encodable(command: Command) -> bool:
    return not any("\ud800" <= character <= "\udfff" for text in command.arguments.values() for character in text)


@given(st.binary(max_size=300))
def test_whatever_comes_over_the_wire_is_a_command_or_a_refusal(line: bytes) -> None:
    _, read = decode_request(line, "socket")
    assert isinstance(read, Command | Look | Refusal)


@given(JSON, JSON, JSON)
def test_whatever_json_comes_is_a_command_or_a_refusal(request_id: object, act: object, arguments: object) -> None:
    line = orjson.dumps({"id": request_id, "act": act, "arguments": arguments})
    _, read = decode_request(line, "socket")
    assert isinstance(read, Command | Look | Refusal)


@given(st.text(st.characters(codec="utf-8")), JSON)
def test_what_was_done_survives_the_wire(says: str, data: object) -> None:
    assert decode_answer(encode_answer(Done(says, data), "a")) == ("a", Done(says, data))


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_survives_the_wire(code: str) -> None:
    refusal = refuse(code, limit=5)
    assert decode_answer(encode_answer(refusal, "b")) == ("b", refusal)


@given(st.binary(max_size=200))
def test_an_answer_that_is_none_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode_answer(line)


@pytest.mark.parametrize(
    ("text", "lasts"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("8h", timedelta(hours=8)),
        ("7d", timedelta(days=7)),
        ("365d", LONGEST),
    ],
)
def test_durations_are_a_number_and_a_unit(text: str, lasts: timedelta) -> None:
    assert duration(text) == lasts


@pytest.mark.parametrize("text", ["", "0m", "m", "1", "-1m", "1.5h", "1 h", "366d", "999999999w", "1m1s", "١m", "+1m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 30m"):
        duration(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1e3", "NaN", "Infinity", "1_000", "1,5", " 1", "1" * 16, ".5", "٣"])
def test_what_is_no_number_above_zero_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="above zero"):
        decimal(text)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "2147483648", "99999999999", "²"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        number(text)


def test_numbers_and_scopes_get_one_spelling() -> None:
    checked = arguments_of(APPROVE_ORDER, {"order_id": " o-1 ", "version": "007", "quantity": "10.50"})
    assert checked == {"order_id": "o-1", "version": "7", "quantity": "10.5"}
    scopes = arguments_of(ACTS["client.scopes"], {"client": "a", "add": "write:orders,read:market"})
    assert scopes == {"client": "a", "add": "read:market write:orders"}


def test_text_that_steers_a_terminal_is_made_harmless() -> None:
    checked = arguments_of(KILL, {"reason": "\x1b]0;owned\x07"})
    assert isinstance(checked, dict)
    assert checked["reason"].isprintable()


@pytest.mark.parametrize(
    ("given_arguments", "says"),
    [
        ({}, "needs order_id"),
        ({"order_id": "o-1", "by": "me"}, "takes no argument"),
        ({"order_id": "x" * 201}, "200 characters"),
        ({"order_id": "o-1", "quantity": "-1"}, "quantity must be"),
        ({"order_id": ""}, "some text"),
    ],
)
def test_wrong_arguments_are_refused_by_name(given_arguments: dict[str, str], says: str) -> None:
    refusal = arguments_of(APPROVE_ORDER, given_arguments)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "BAD_ACT_ARGUMENTS"
    assert says in refusal.message


def test_the_longest_valid_request_fits_into_a_line() -> None:
    arguments = {argument.name: "\U000e0001" * MAX_TEXT for argument in _widest().arguments}
    assert len(encode_command(Command(_widest().name, arguments), "x" * 64)) < MAX_REQUEST_BYTES


def _widest() -> Act:
    return max(ACTS.values(), key=lambda act: len(act.arguments))


def test_every_kind_of_argument_can_be_read() -> None:
    kinds: set[Kind] = {argument.kind for act in ACTS.values() for argument in act.arguments}
    assert kinds == set(VALUES)
    assert all(isinstance(argument, Argument) for act in ACTS.values() for argument in act.arguments)


def test_who_sends_is_not_what_the_line_says() -> None:
    line = encode_command(Command("status", {}, by="screen"), "1")
    assert decode_request(line, "socket")[1] == Command("status", {}, by="socket")


@given(st.sampled_from(list(Subject)), st.text("ABCo-123", min_size=1, max_size=MAX_TEXT))
def test_a_look_survives_the_wire(subject: Subject, key: str) -> None:
    assert decode_request(encode_look(Look(subject, key), "1"), "socket") == ("1", Look(subject, key))


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":"1","look":"house","key":"a"}',
        b'{"id":"1","look":["order"],"key":"a"}',
        b'{"id":"1","look":"order"}',
        b'{"id":"1","look":"order","key":""}',
        b'{"id":"1","look":"order","key":"a","act":"kill"}',
    ],
)
def test_what_is_no_look_is_refused(line: bytes) -> None:
    _, read = decode_request(line, "socket")
    assert isinstance(read, Refusal)
    assert read.code == "BAD_ACT_ARGUMENTS"


def test_the_code_of_an_authenticator_goes_beside_the_arguments_and_never_into_words() -> None:
    command = Command("resume", {}, "socket", "123 456")
    assert decode_request(encode_command(command, "1"), "socket") == ("1", command)
    assert "123 456" not in repr(command)
    assert b"totp" not in encode_command(Command("resume"), "1")


@pytest.mark.parametrize("code", [123456, None, ["123456"], "1" * 41])
def test_a_code_that_is_none_is_refused(code: object) -> None:
    line = orjson.dumps({"id": "1", "act": "resume", "arguments": {}, "totp": code})
    refused = decode_request(line, "socket")[1]
    assert isinstance(refused, Refusal)
    assert refused.code == "BAD_ACT_ARGUMENTS"
