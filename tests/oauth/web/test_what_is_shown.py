"""What the consent page says of a client besides what it asks for."""

from __future__ import annotations

from pathlib import Path

from tests.security.site import open_site
from tests.security.web_browser import WEB, browser, operator


async def test_a_known_client_and_one_of_many_registrations_are_told_apart(tmp_path: Path) -> None:
    """The first of its name is let in; later others register under the same name for the same hosts."""
    async with open_site(tmp_path / "data", settings=WEB) as site:
        phone = await operator(site)
        first = await browser(site)
        page = await first.signed_in(phone)
        assert "a new client" in page.text
        assert "times for the same hosts" not in page.text
        assert (await first.decide(page)).status == 200
        await browser(site)
        last = await browser(site)
        page = await last.look("consent")
        assert "a client that you know" in page.text
        assert "a new client" not in page.text
        alike = site.authority.waiting()[-1].alike
        assert alike >= 1
        assert f"registered {alike + 1} times for the same hosts" in page.text
