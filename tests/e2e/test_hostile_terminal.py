"""A client writes hostile text into every field that it can set: only sequences of our own reach the terminal."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.hosts import COMMAND, environment
from tests.e2e.ptys import OnTerminal, on_terminal
from tests.e2e.terminals import ask, screen_command
from tests.tui.test_hostile_text import EVIL, STEERING

pytestmark = pytest.mark.e2e

_SETTINGS = "[budget]\ncalls_per_second = 10000\nburst = 100000\norders_per_minute = 10000\norder_burst = 1000\n"
_OURS = re.compile(
    r"\x1b\[[0-9;]*[mHJK]|\x1b\[(?:\d+;\d+)?r|\x1bD|\x1b\(B\x0f"
    r"|\x1b\[\?[0-9;]+[hl]|\x1b\[\?[0-9;]+\$p|\x1b\[\?u|\x1b\[[<>=][0-9;]*u|\x1b\[>4;[0-9]m|\x1b\[c|\x1b\[>[0-9]*q"
    r"|\x1b\[2[23];0t|\x1b\[1[468]t"
    r"|\x1b\]0;(?:\(\d+\) )?cockpit[ \d:]*\x07"
    r"|\x1b\]52;c;[A-Za-z0-9+/=]*\x07"
    r"|\x1b\]22;[a-z-]*(?:\x1b\\|\x07)"
    r"|\x1b[=>]|\x07|\r\n|\n"
)
_COPIED = re.compile(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")
_SCOPES = ("read:market", "read:account", "read:orders", "preview:orders", "write:orders")


def assert_ours(written: bytes) -> None:
    """Only our own sequences, and otherwise text that steers nothing and hides nothing."""
    text = written.decode("utf-8")  # C1 as a raw byte would not even decode
    rest = _OURS.sub("", text)
    found = sorted(STEERING & set(rest))
    at = rest.index(found[0]) if found else 0
    assert not found, (found, rest[max(0, at - 60) : at + 60])


class Hostile:
    """A client that has read the protocol, and writes what it likes."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url
        self.origin = url.removesuffix("/mcp")

    async def ask(self, method: str, **params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self._session.post(self._url, json=body) as answer:
            return await answer.json(content_type=None)

    async def write_everywhere(self, evil: str) -> int:
        """Write into every argument of every tool, into names of tools and arguments, and into what it says of itself."""
        tools = (await self.ask("tools/list"))["result"]["tools"]
        written = 0
        for tool in tools:
            schema = tool["inputSchema"]
            for name in (*schema.get("properties", {}), evil):
                fit = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "market"}
                fitting = {key: value for key, value in fit.items() if key in schema.get("properties", {})}
                await self.ask("tools/call", name=tool["name"], arguments={**fitting, name: evil})
                written += 1
        await self.ask("tools/call", name=evil, arguments={evil: evil})
        said = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": evil, "version": evil}}
        await self.ask("initialize", **said)
        return written

    async def register(self, evil: str) -> int:
        """Register clients of hostile names, and open their sign-in pages as far as they come."""
        let_through = 0
        for name in (evil, "".join(sign for sign in evil if sign.isprintable())):
            for uri in ("http://127.0.0.1:1/cb", f"https://x.example/{name[:40]}"):
                asked = {"client_name": name, "redirect_uris": [uri], "token_endpoint_auth_method": "none",
                         "client_uri": uri, "software_id": name, "scope": "read:market"}  # fmt: skip
                async with self._session.post(f"{self.origin}/oauth/register", json=asked) as answer:
                    if answer.status != 201:
                        continue
                    made = await answer.json()
                let_through += 1
                wish = {"response_type": "code", "client_id": made["client_id"], "redirect_uri": uri, "state": name,
                        "code_challenge": "x" * 43, "code_challenge_method": "S256", "scope": "read:market"}  # fmt: skip
                head = {
                    "User-Agent": name.encode("ascii", "ignore").decode() or "x",
                    "X-Forwarded-For": "1.2.3.4, \x7f",
                }
                head = {key: "".join(c for c in value if " " <= c <= "~") for key, value in head.items()}
                url = f"{self.origin}/oauth/authorize"
                async with self._session.get(url, params=wish, headers=head, allow_redirects=False) as answer:
                    await answer.read()
        return let_through


async def walk(terminal: OnTerminal) -> None:
    """Look at every place, copy, write, and begin to approve."""
    for keys in ("j", "\r", "Y", "\x1b", "a", "n", "c", "\x1b", "o", "\r", "\x1b", "\x1b", "p", "\x1b", "u", "\r", "Y",
                 "\x1b", "\x1b", "h", "\x1b", "b", "\x1b", "l", "\x1b", "L", "\x1b", "n", "\x1b", "\tk", "\r", "\x1b",
                 "\t", ":deny-order \t\t\x1b", ":audit tail\r", "\x1b"):  # fmt: skip
        for key in keys:
            terminal.key(key.encode())
            await asyncio.sleep(0.06)
        await asyncio.sleep(0.25)


async def test_no_text_of_a_client_reaches_the_terminal_as_a_sequence(tmp_path: Path) -> None:
    (tmp_path / "cockpit.toml").write_text(_SETTINGS)
    folder = tmp_path / "data"
    async with on_terminal(*screen_command(folder)) as terminal:
        await terminal.wait(b"RUNNING")
        url = (await ask(folder, "status"))["url"]
        scopes = [word for scope in _SCOPES for word in ("--scope", scope)]
        key = (await ask(folder, "key", "create", "--name", "outsider", *scopes, "--yes"))["key"]
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
            client = Hostile(session, url)
            for evil in EVIL.values():
                assert await client.write_everywhere(evil) > 40
            await client.register(EVIL["hidden"])
            assert await client.register(EVIL["answers"]) > 0
            fitting = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "market"}
            await client.ask("tools/call", name="place_order", arguments={**fitting, "idempotency_key": "one-order-1"})
        await terminal.wait_shown("BUY 1 ALFA")
        await walk(terminal)
        file = tmp_path / "shown.txt"
        terminal.key(f":write {file}\r".encode())
        async with asyncio.timeout(20):
            while not file.exists():
                await asyncio.sleep(0.05)
        terminal.read()
        assert_ours(terminal.seen)
        assert rb"\x1b" in terminal.seen, "what was hostile is shown, as text"
        copied = _COPIED.findall(terminal.seen.decode())
        assert len(copied) == 2, "the clipboard is written where Y was pressed, and nowhere else"
        for text in (*(base64.b64decode(one).decode() for one in copied), file.read_text()):
            assert not (STEERING - {"\n"}) & set(text)
        for words in (("tail", "--plain"), ("audit", "tail"), ("orders",), ("pending",)):
            assert_ours(await said(folder, *words))
        async with on_terminal(
            *COMMAND, "--config", str(tmp_path / "cockpit.toml"), "--data-dir", str(folder), "attach"
        ) as attached:
            await attached.wait(b"RUNNING")
            await walk(attached)
            attached.read()
            assert_ours(attached.seen)


async def said(folder: Path, *words: str) -> bytes:
    """Run a command for a while, and return what it says."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--data-dir", str(folder), *words, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    out = b""
    try:
        async with asyncio.timeout(4):
            while data := await process.stdout.read(65_536):
                out += data
    except TimeoutError:
        process.terminate()
    await process.wait()
    return out
