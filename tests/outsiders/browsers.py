"""A browser for programs that open one: it follows to the page with the code, writes the code down, and goes on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.e2e.hosts import Host

_SCRIPT = '''#!{python}
"""Follow redirects and the page's own refresh, as a browser without script does; write the code of each page down."""
import http.cookiejar, re, sys, time, urllib.error, urllib.parse, urllib.request

opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({{}}),
    urllib.request.HTTPCookieProcessor(
        http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(secure_protocols=("https", "http")))
    ),
)
at = next(word for word in sys.argv[1:] if word.startswith("http"))
while True:
    with opener.open(at, timeout=30) as page:
        text, refresh = page.read().decode("utf-8", "replace"), page.headers.get("Refresh", "")
        at = page.geturl()
    found = re.search(r'id="code"[^>]*>\\s*([A-Z]{{6}})\\s*<', text)
    if found:
        with open({codes!r}, "a") as file:
            file.write(found.group(1) + "\\n")
    if "url=" not in refresh:
        break
    at = urllib.parse.urljoin(at, refresh.partition("url=")[2])
    time.sleep(0.2)
'''


class Browser:
    """Where the script is, and where it writes its codes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._codes = folder / "codes"
        self._codes.touch()
        self._typed: set[str] = set()
        for name in ("xdg-open", "browser"):
            script = folder / name
            script.write_text(_SCRIPT.format(python=sys.executable, codes=str(self._codes)))
            script.chmod(0o755)

    def environment(self, before: dict[str, str]) -> dict[str, str]:
        """Make a program open it, whichever way it looks for one."""
        return {**before, "PATH": f"{self.folder}:{before['PATH']}", "BROWSER": str(self.folder / "browser")}

    async def approve(self, host: Host, *more: str) -> None:
        """Let whoever opens it next in, as the operator does: by typing the code."""
        async with asyncio.timeout(40):
            while not (shown := set(self._codes.read_text().split()) - self._typed):
                await asyncio.sleep(0.05)
        (code,) = shown
        self._typed.add(code)
        await host.ask("approve", code, "--yes", *more)
