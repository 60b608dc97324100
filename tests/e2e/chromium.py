"""A real Chromium without a window, driven over its debugging protocol: pages are opened, read, and listened to."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp

_LISTENING: Final = re.compile(rb"DevTools listening on (ws://\S+)")
_DOMAINS: Final = ("Page", "Runtime", "Log", "Network", "Audits")
_SWITCHES: Final = (
    "--headless=new", "--remote-debugging-port=0", "--no-first-run", "--no-default-browser-check", "--disable-gpu",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio",
)  # fmt: skip


class Tab:
    """One tab, with everything that it complained about."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self._changed = asyncio.Event()
        self.violations: list[str] = []
        """Breaches of a content security policy and other errors in the console, but for answers like 410."""
        self.asked: list[str] = []
        """Addresses of documents that the tab asked for, or was sent to."""

    async def open(self, url: str) -> None:
        """Go to an address."""
        await self.call("Page.navigate", url=url)

    async def value(self, script: str) -> Any:
        """Evaluate an expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    async def text(self) -> str:
        """Return what a person reads on the page."""
        return str(await self.value("document.body ? document.body.innerText : ''"))

    async def wait(self, wanted: Callable[[str, str], bool], seconds: float = 20) -> str:
        """Wait until address and text of the page are as wanted; return the text."""
        address = text = ""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._changed.clear()
                    with contextlib.suppress(_Gone):  # it was on its way to another page
                        address, text = str(await self.value("location.href")), await self.text()
                        if wanted(address, text):
                            return text
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"never came; at {address}: {text}") from None

    async def asked_for(self, start: str) -> str:
        """Wait until the tab was sent to an address that begins so, wherever that leads; return the address."""
        return await self._among(self.asked, lambda address: address.startswith(start), start)

    async def complained_of(self, what: str) -> str:
        """Wait for a complaint that holds these words."""
        return await self._among(self.violations, lambda violation: what in violation, what)

    async def _among(self, told: list[str], wanted: Callable[[str], bool], what: str) -> str:
        try:
            async with asyncio.timeout(20):
                while True:
                    self._changed.clear()
                    found = next(filter(wanted, told), None)
                    if found is not None:
                        return found
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"{what} never came: {told}") from None

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the protocol to this tab."""
        return await self._browser.call(method, parameters, self._session)

    def happened(self, method: str, told: dict[str, Any]) -> None:
        """Take an event of the protocol."""
        match method:
            case "Log.entryAdded" if told["entry"]["level"] == "error" and told["entry"]["source"] != "network":
                self.violations.append(f"{told['entry']['source']}: {told['entry']['text']}")
            case "Audits.issueAdded" if told["issue"]["code"] == "ContentSecurityPolicyIssue":
                self.violations.append(str(told["issue"]["details"]))
            case "Network.requestWillBeSent" if told.get("type") == "Document":
                self.asked.append(told["request"]["url"])
            case _:
                pass
        self._changed.set()


class _Gone(Exception):
    """The page that was asked is there no more."""


class Browser:
    """One Chromium with one profile: its tabs share cookies."""

    def __init__(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self._line = line
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}

    async def tab(self) -> Tab:
        """Open an empty tab."""
        target = (await self.call("Target.createTarget", {"url": "about:blank"}))["targetId"]
        attached = await self.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        session = attached["sessionId"]
        tab = self._tabs[session] = Tab(self, session)
        for domain in _DOMAINS:
            await tab.call(f"{domain}.enable")
        return tab

    async def call(self, method: str, parameters: dict[str, Any], session: str = "") -> dict[str, Any]:
        """Send one command of the protocol and return its result."""
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        told = {"id": number, "method": method, "params": parameters}
        await self._line.send_json(told | ({"sessionId": session} if session else {}))
        return await asyncio.wait_for(answer, 20)

    async def listen(self) -> None:
        """Take everything that the browser says, until it ends."""
        async for message in self._line:
            said = message.json()
            if "id" in said:
                answer = self._asked.pop(said["id"], None)
                if answer is None or answer.done():
                    continue
                if "error" in said:
                    answer.set_exception(_Gone(said["error"]["message"]))
                else:
                    answer.set_result(said["result"])
            elif (tab := self._tabs.get(said.get("sessionId", ""))) is not None:
                tab.happened(said["method"], said["params"])


@contextlib.asynccontextmanager
async def chromium(program: str, profile: Path) -> AsyncIterator[Browser]:
    """Start a Chromium with an own profile; it is gone with all of its processes when this is left."""
    # As root Chromium refuses to start with its sandbox.
    unconfined = ("--no-sandbox",) if os.geteuid() == 0 else ()
    process = await asyncio.create_subprocess_exec(
        program, *_SWITCHES, *unconfined, f"--user-data-dir={profile}", "about:blank",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        address = await asyncio.wait_for(_address(process), 30)
        drained = asyncio.create_task(_drain(process))
        async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as line:
            browser = Browser(line)
            listening = asyncio.create_task(browser.listen())
            try:
                yield browser
            finally:
                listening.cancel()
                drained.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if (found := _LISTENING.search(line)) is not None:
            return found[1].decode()
    raise AssertionError(f"the browser ended with {await process.wait()}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    while await process.stderr.read(65_536):
        pass
