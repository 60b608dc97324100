"""What the cockpit's HTTP answers mean as messages: streams of events, single objects, and refusals before a message."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import aiohttp
import orjson

from cockpit.cli.stdio.messages import INVALID_REQUEST, Line, error_line, refusal_line
from cockpit.model.refusals import refuse


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, bytes]]:
    """Yield the messages of a stream, each with the id of its event."""
    event_id, data = "", bytearray()
    rest = bytearray()
    async for piece in answer.content.iter_any():
        rest += piece
        *lines, last = rest.split(b"\n")
        rest = bytearray(last)
        for line in (line.removesuffix(b"\r") for line in lines):
            if line.startswith(b"data:"):
                data += line[5:].lstrip(b" ")
            elif line.startswith(b"id:"):
                event_id = line[3:].strip().decode("ascii", "replace")
            elif not line and data:
                yield event_id, bytes(data)
                data.clear()


def ends(said: bytes) -> bool:
    """Whether a message answers the request, and is none that comes before the answer."""
    try:
        body = orjson.loads(said)
    except orjson.JSONDecodeError:
        return False
    return isinstance(body, dict) and "method" not in body and ("result" in body or "error" in body)


def ends_well(said: bytes) -> bool:
    """Whether a message answers the request with a result."""
    return ends(said) and "result" in orjson.loads(said)


def answer_of(status: int, said: bytes, message: Line) -> bytes:
    """Return an answer that isn't a stream as the program reads it: with its id, whatever the cockpit could read of it."""
    assert message.request_id is not None
    try:
        body = orjson.loads(said)
    except orjson.JSONDecodeError:
        body = None
    if isinstance(body, dict) and body.get("jsonrpc") == "2.0":
        return said if body.get("id") is not None else orjson.dumps({**body, "id": message.request_id})
    if isinstance(body, dict) and isinstance(body.get("message"), str) and isinstance(body.get("code"), str):
        with contextlib.suppress(KeyError):
            details = body.get("details")
            kept = {str(name): value for name, value in details.items()} if isinstance(details, dict) else {}
            return refusal_line(message.request_id, refuse(body["code"], body["message"], **kept))
    if status in {429, 503}:
        return refusal_line(message.request_id, refuse("BUSY"))
    return error_line(message.request_id, INVALID_REQUEST, f"The cockpit answered with HTTP status {status}")
