"""How a command and its answer become one line of JSON and back, and which arguments an act takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from cockpit.model.identity import Scope, scope_text, scopes_of
from cockpit.model.money import plain
from cockpit.model.refusals import Refusal, read_refusal, refusal_json, refuse
from cockpit.model.text import safe
from cockpit.operator.act import Act, Answer, Argument, Command, Done, Kind
from cockpit.operator.acts import ACTS
from cockpit.operator.looks import Look, Subject

MAX_REQUEST_BYTES: Final = 16_384
MAX_ANSWER_BYTES: Final = 64 * 1_048_576
MAX_TEXT: Final = 200
"""Characters of one text argument."""
MAX_CODE: Final = 40
"""Characters of an authenticator's code, or of a backup code."""
MAX_NUMBER: Final = 2**31 - 1
LONGEST: Final = timedelta(days=365)
"""Longest duration that may be asked for."""

_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_DECIMAL: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?")
_SECONDS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WORDS: Final[Mapping[Kind, tuple[str, ...]]] = {Kind.FORMAT: ("jsonl", "csv"), Kind.FLAG: ("yes",)}
_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
_ID: Final = re.compile(r"[A-Za-z0-9_\-]{0,64}")


def duration(text: str) -> timedelta:
    """Read ``90s``, ``30m``, ``8h``, ``7d`` or ``2w``; ValueError says what is allowed."""
    found = _DURATION.fullmatch(text)
    seconds = int(found.group(1)) * _SECONDS[found.group(2)] if found else 0
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError(f"a number and s, m, h, d or w, such as 30m, at most {LONGEST.days}d")
    return timedelta(seconds=seconds)


def decimal(text: str) -> Decimal:
    """Read a number above zero without exponent; ValueError says what is allowed."""
    try:
        value = Decimal(text) if _DECIMAL.fullmatch(text) else Decimal(0)
    except InvalidOperation:
        value = Decimal(0)
    if value <= 0:
        raise ValueError("a number above zero, such as 100 or 0.05")
    return value


def number(text: str) -> int:
    """Read a whole number; ValueError says what is allowed."""
    if not _NUMBER.fullmatch(text) or int(text) > MAX_NUMBER:
        raise ValueError(f"a whole number, at most {MAX_NUMBER}")
    return int(text)


def moment(text: str, now: datetime) -> datetime:
    """Read a time of ISO 8601, UTC unless it says otherwise, or how long ago; ValueError says what is allowed."""
    try:
        if _DURATION.fullmatch(text):
            return now - duration(text)
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("a time such as 2026-03-02T14:30 (UTC), or how long ago, such as 30m, 2h or 7d") from error


def argument_text(argument: Argument, text: str) -> str:
    """Return an argument's value in its one spelling; ValueError says what is allowed."""
    if argument.kind is Kind.TEXT:
        if not text.strip():
            raise ValueError("some text")
        if len(text) > MAX_TEXT:
            raise ValueError(f"at most {MAX_TEXT} characters")
        return safe(text.strip(), MAX_TEXT)
    if len(text) > MAX_TEXT:
        raise ValueError(f"at most {MAX_TEXT} characters")
    if argument.kind is Kind.SECRET:
        if not text or not text.isprintable():
            raise ValueError("some text without control characters")
        return text
    if argument.kind is Kind.SCOPES:
        return _scopes(text)
    if argument.kind is Kind.DECIMAL:
        return plain(decimal(text))
    if argument.kind is Kind.NUMBER:
        return str(number(text))
    if argument.kind is Kind.MOMENT:
        moment(text, _SOME_DAY)
        return text
    if argument.kind in _WORDS:
        if text not in _WORDS[argument.kind]:
            raise ValueError(" or ".join(_WORDS[argument.kind]))
        return text
    duration(text)
    return text


def arguments_of(act: Act, given: Mapping[str, str]) -> dict[str, str] | Refusal:
    """Check arguments against what the act takes; each value comes back in its one spelling."""
    known = {argument.name: argument for argument in act.arguments}
    for name in given:
        if name not in known:
            return _bad(f"{act.command} takes no argument {safe(name, 40)!r}.", argument=safe(name, 40))
    for argument in act.arguments:
        if argument.required and argument.name not in given:
            return _bad(f"{act.command} needs {argument.name}.", argument=argument.name)
    checked: dict[str, str] = {}
    for name, text in given.items():
        try:
            checked[name] = argument_text(known[name], text)
        except ValueError as error:
            return _bad(f"{name} must be {error}.", argument=name)
    return checked


def encode_command(command: Command, request_id: str) -> bytes:
    """Write a request line."""
    said = {"id": request_id, "act": command.act, "arguments": dict(command.arguments), "by": command.by}
    if command.totp:
        said["totp"] = command.totp
    return orjson.dumps(said) + b"\n"


def encode_look(look: Look, request_id: str) -> bytes:
    """Write a request line that only looks."""
    return orjson.dumps({"id": request_id, "look": look.subject, "key": look.key}) + b"\n"


def decode_request(line: bytes, by: str) -> tuple[str, Command | Look | Refusal]:
    """Read a request line: its id, and the command or look, or why it is neither.

    ``by`` is who really sends it; what the line says about that is not believed.
    """
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "", _bad("The request is not a line of JSON.")
    if not isinstance(said, dict):
        return "", _bad("The request is not a JSON object.")
    request_id = said.get("id")
    if not isinstance(request_id, str) or not _ID.fullmatch(request_id):
        return "", _bad("The request's id must be at most 64 letters, digits, dashes or underscores.")
    unknown = said.keys() - ({"id", "look", "key"} if "look" in said else {"id", "act", "arguments", "by", "totp"})
    if unknown:
        return request_id, _bad(f"The request has an unknown member {safe(min(unknown), 40)!r}.")
    if "look" in said:
        return request_id, _look(said["look"], said.get("key"))
    name, given = said.get("act"), said.get("arguments", {})
    if not isinstance(name, str) or name not in ACTS:
        return request_id, refuse("ACT_UNKNOWN", act=safe(name, 40) if isinstance(name, str) else None)
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        return request_id, _bad("Arguments must be a JSON object of texts.")
    code = said.get("totp", "")
    if not isinstance(code, str) or len(code) > MAX_CODE:
        return request_id, _bad(f"The code of an authenticator must be a text of at most {MAX_CODE} characters.")
    checked = arguments_of(ACTS[name], given)
    return request_id, checked if isinstance(checked, Refusal) else Command(name, checked, by, code)


def encode_answer(answer: Answer, request_id: str) -> bytes:
    """Write an answer line. Raises TypeError where the answer's data is not plain JSON."""
    if isinstance(answer, Done):
        said: dict[str, Any] = {"id": request_id, "done": {"says": answer.says, "data": answer.data}}
    else:
        said = {"id": request_id, "refusal": refusal_json(answer)}
    return orjson.dumps(said) + b"\n"


def decode_answer(line: bytes) -> tuple[str, Answer]:
    """Read an answer line; ValueError where it is none."""
    said = orjson.loads(line)
    if not isinstance(said, dict) or not isinstance(said.get("id"), str):
        raise ValueError("not an answer")
    done, refusal = said.get("done"), said.get("refusal")
    if isinstance(done, dict) and isinstance(done.get("says"), str):
        return said["id"], Done(done["says"], done.get("data"))
    if not isinstance(refusal, dict):
        raise ValueError("not an answer")
    return said["id"], read_refusal(refusal)


def _look(subject: object, key: object) -> Look | Refusal:
    if (
        not isinstance(subject, str)
        or subject not in set(Subject)
        or not isinstance(key, str)
        or not 0 < len(key) <= MAX_TEXT
    ):
        return _bad(f"A look names one of {', '.join(Subject)} and a key of 1 to {MAX_TEXT} characters.")
    return Look(Subject(subject), safe(key.strip(), MAX_TEXT))


def _scopes(text: str) -> str:
    words = text.replace(",", " ")
    try:
        scopes = scopes_of(words)
    except ValueError:
        scopes = frozenset()
    if not scopes:
        raise ValueError(f"one or more of {', '.join(Scope)}")
    return scope_text(scopes)


def _bad(message: str, **details: object) -> Refusal:
    return refuse("BAD_ACT_ARGUMENTS", message, **details)
