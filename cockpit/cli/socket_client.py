"""One command to the running cockpit: connect to its socket, send, read the answer. Blocking, and light to import."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

from cockpit.operator.act import Answer, Command
from cockpit.operator.looks import Look
from cockpit.operator.wire import MAX_ANSWER_BYTES, decode_answer, encode_command, encode_look

PATIENCE_SECONDS: Final = 600
"""How long an answer may take: checking a long audit is the slowest."""


class NotRunning(Exception):
    """No cockpit listens on the socket."""


class LostContact(Exception):
    """The cockpit took the command, and no answer came: what became of it is not known."""


def ask(path: Path, request: Command | Look) -> Answer:
    """Have the running cockpit carry out one command, or look. Raises NotRunning or LostContact."""
    said = encode_look(request, "1") if isinstance(request, Look) else encode_command(request, "1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(PATIENCE_SECONDS)
        try:
            line.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise NotRunning from None
        except OSError as error:
            raise LostContact(f"can't reach {path}: {error.strerror or error}") from None
        try:
            line.sendall(said)
            return _answer(line)
        except (OSError, ValueError) as error:
            raise LostContact(f"the cockpit did not answer: {error}") from None


def _answer(line: socket.socket) -> Answer:
    received = bytearray()
    while not received.endswith(b"\n"):
        part = line.recv(65_536)
        if not part:
            raise ValueError("it closed the line")
        received += part
        if len(received) > MAX_ANSWER_BYTES:
            raise ValueError("its answer is too long")
    return decode_answer(bytes(received))[1]
