"""``tail``: what happens in the running cockpit, a line each, until somebody stops it, the pipe closes or the host ends."""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from cockpit.cli.processes import DONE, REFUSED, say_mistakes
from cockpit.cli.tail_lines import json_of, line_of, missed_line, waiting_json, waiting_lines
from cockpit.model.events import CallFinished, Outcome
from cockpit.operator.remote.codec import Unreadable, write
from cockpit.operator.remote.messages import Hello, News, TurnedAway, decode_from_cockpit, encode_hello
from cockpit.operator.remote.program import program_version
from cockpit.operator.view import Snapshot
from cockpit.operator.wire import MAX_ANSWER_BYTES
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import SOCKET_NAME, Given, data_folder

_GREETING_SECONDS: Final = 10.0
_COLOURS: Final = {Outcome.DENIED: "red", Outcome.ERROR: "red", Outcome.WAIT: "yellow"}


def run_tail(given: Given, *, is_plain: bool, as_json: bool) -> int:
    """Print what happens; return the exit code once it is over."""
    try:
        folder = data_folder(given, os.environ)
    except BadSettings as bad:
        return say_mistakes(bad)
    coloured = not (is_plain or as_json) and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    try:
        return _follow(folder / SOCKET_NAME, coloured=coloured, as_json=as_json)
    except BrokenPipeError:
        # Nobody reads any more. What is left in the buffer must not fail once more at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return DONE


def _follow(path: Path, *, coloured: bool, as_json: bool) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(_GREETING_SECONDS)
        try:
            line.connect(os.fspath(path))
            line.sendall(encode_hello(Hello(program_version(), read_only=True)))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            click.echo(f"No cockpit is running on {path.parent}.", err=True)
            return REFUSED
        except OSError as error:
            click.echo(f"can't reach {path}: {error.strerror or error}", err=True)
            return REFUSED
        seen: Snapshot | None = None
        try:
            for said in _lines(line):
                heard = decode_from_cockpit(said, seen)
                if isinstance(heard, TurnedAway):
                    click.echo(heard.says, err=True)
                    return REFUSED
                if isinstance(heard, News):
                    is_first, seen = seen is None, heard.snapshot or seen
                    if seen is not None:
                        _say(heard, seen, is_first=is_first, coloured=coloured, as_json=as_json)
        except Unreadable as problem:
            click.echo(f"The cockpit said what this program can't read: {problem}.", err=True)
            return REFUSED
    click.echo("The cockpit has ended.", err=True)
    return DONE


def _lines(line: socket.socket) -> Iterator[bytes]:
    """Read lines until the host ends. Raises BrokenPipeError as soon as nobody reads what is printed."""
    watch = select.poll()
    watch.register(line, select.POLLIN)
    watch.register(sys.stdout.fileno(), 0)
    held = bytearray()
    while True:
        ready = dict(watch.poll())
        if ready.get(sys.stdout.fileno(), 0) & (select.POLLERR | select.POLLHUP):
            raise BrokenPipeError
        if line.fileno() not in ready:
            continue
        try:
            part = line.recv(65_536)
        except ConnectionError:
            return
        if not part:
            return
        held += part
        if len(held) > MAX_ANSWER_BYTES:
            raise Unreadable("a line without end")
        if b"\n" in part:
            *whole, rest = bytes(held).split(b"\n")
            held = bytearray(rest)
            yield from whole


def _say(news: News, seen: Snapshot, *, is_first: bool, coloured: bool, as_json: bool) -> None:
    if as_json:
        some = [*(waiting_json(seen) if is_first else ()), *(json_of(event) for event in news.events)]
        if news.missed:
            some.insert(0, {"event": "Missed", "is": {"count": news.missed}})
        out = b"".join(write(one) + b"\n" for one in some).decode()
    else:
        lines = list(waiting_lines(seen)) if is_first else []
        if news.missed:
            lines.append(missed_line(news.missed, datetime.now(UTC)))
        for event in news.events:
            colour = _COLOURS.get(event.outcome) if coloured and isinstance(event, CallFinished) else None
            said = line_of(event, seen)
            lines.append(click.style(said, fg=colour) if colour else said)
        out = "".join(f"{one}\n" for one in lines)
    if out:
        sys.stdout.write(out)
        sys.stdout.flush()
