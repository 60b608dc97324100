"""A terminal for a program under measurement: a pseudo-terminal that is always read, and that counts what it reads."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

PATIENCE: Final = 30.0
_KEPT: Final = 65_536


class Terminal:
    """A program on a terminal of its own, and the HTTP that it has beside."""

    def __init__(self, arguments: list[str], size: tuple[int, int], shows: bytes) -> None:
        """Start ``python -m arguments`` and the file that it shall write its port to; its first painting ``shows`` that."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.read = 0
        """Bytes so far."""
        self._kept = b""
        self._sought = b""
        self._found_at = 0.0
        self._found = threading.Event()
        told, telling = os.pipe()
        began = time.monotonic()
        found = self._seek(shows)
        environment = os.environ | {
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "TEXTUAL_DISABLE_KITTY_KEY": "1",
        }
        self._program = subprocess.Popen(
            [sys.executable, "-m", *arguments, str(telling)],
            stdin=slave, stdout=slave, stderr=slave, pass_fds=[telling], env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        os.close(telling)
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()
        with os.fdopen(told) as heard:
            port = int(heard.readline() or "0")
        if not found.wait(PATIENCE):
            raise SystemExit(f"{arguments} painted nothing: {self._kept[-2000:].decode('utf-8', 'replace')}")
        self.first_painted = self._found_at - began
        """Seconds from the start of the process."""
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def _drain(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65_536):
                now = time.monotonic()
                self.read += len(data)
                self._kept = (self._kept + data)[-_KEPT:]
                if self._sought and self._sought in self._kept:
                    self._sought, self._found_at = b"", now
                    self._found.set()

    def _seek(self, text: bytes) -> threading.Event:
        self._kept = b""
        self._found.clear()
        self._sought = text
        return self._found

    def key_to_paint(self, sign: str) -> float:
        """Type a sign that is shown nowhere else; return the seconds until it arrives. It is deleted again."""
        found = self._seek(sign.encode())
        began = time.monotonic()
        os.write(self._master, sign.encode())
        if not found.wait(PATIENCE):
            raise SystemExit("a key was never shown")
        took = self._found_at - began
        os.write(self._master, b"\x7f")
        return took

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def ask(self, path: str) -> dict[str, Any]:
        """Ask the program's HTTP."""
        self._http.request("GET", path)
        return json.loads(self._http.getresponse().read())

    def probe(self, seconds: float) -> list[float]:
        """Ask for health a hundred times a second; return how long each answer took."""
        took: list[float] = []
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            self.ask("/healthz")
            took.append(time.monotonic() - began)
            time.sleep(max(0.0, 0.01 - took[-1]))
        return took

    def close(self) -> None:
        """End the program."""
        self._http.close()
        self._program.send_signal(signal.SIGKILL)
        self._program.wait()
        os.close(self._master)


@contextlib.contextmanager
def terminal(arguments: list[str], size: tuple[int, int], shows: bytes) -> Iterator[Terminal]:
    """Run a program on a terminal, and end both."""
    made = Terminal(arguments, size, shows)
    try:
        yield made
    finally:
        made.close()
