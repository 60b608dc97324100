"""What the doctor says about the port, and about the public address that it asks as a client would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from cockpit.app.wiring import running
from cockpit.cli.doctor.findings import Finding, Level
from cockpit.cli.doctor.network import examine_network, examine_public, is_running, judge_certificate, judge_proxy
from cockpit.model.clock import SystemClock
from cockpit.settings.load import load
from cockpit.settings.model import ServerSettings
from cockpit.settings.where import Given
from server.listener import bind, port_of, serve
from tests.server.test_tls import Pair

Spoiling = Callable[[web.Request, dict[str, str]], Awaitable[web.Response | None]]


def wrong(found: list[Finding]) -> list[str]:
    return [finding.says for finding in found if finding.level is Level.BAD]


@asynccontextmanager
async def cockpit(folder: Path) -> AsyncIterator[str]:
    settings = load(Given(data_dir=folder, port=0, ignore_file=True), {})
    async with running(settings, bind("127.0.0.1", 0), SystemClock(), asyncio.Event()) as opened:
        yield opened.url.removesuffix("/mcp")


@asynccontextmanager
async def proxied(behind: str, spoil: Spoiling, *, named: bool = False) -> AsyncIterator[str]:
    """A proxy that passes everything to the cockpit as it came, but for what ``spoil`` does.

    ``named``: the cockpit knows the proxy's address, so that is what its answers say.
    """
    async with aiohttp.ClientSession() as outside:

        async def passed(request: web.Request) -> web.Response:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
            spoilt = await spoil(request, headers)
            if spoilt is not None:
                return spoilt
            body = await request.read()
            async with outside.request(request.method, behind + request.path, headers=headers, data=body) as answer:
                challenge, text = answer.headers.get("WWW-Authenticate", ""), await answer.text()
                if named:
                    own = f"http://{request.host}"
                    challenge, text = challenge.replace(behind, own), text.replace(behind, own)
                return web.Response(
                    status=answer.status,
                    headers={"WWW-Authenticate": challenge} if challenge else {},
                    text=text,
                    content_type=answer.content_type,
                )

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", passed)
        async with serve(app, bind("127.0.0.1", 0)) as port:
            yield f"http://127.0.0.1:{port}"


async def test_a_cockpit_under_its_own_address_is_as_clients_expect(tmp_path: Path) -> None:
    async with cockpit(tmp_path / "data") as url:
        found = await examine_public(url)
    assert [finding.level for finding in found] == [Level.GOOD] * 3


async def test_an_address_other_than_the_one_in_the_settings_is_wrong(tmp_path: Path) -> None:
    async def passes(_: web.Request, __: dict[str, str]) -> None:
        return None

    async with cockpit(tmp_path / "data") as url, proxied(url, passes) as outer:
        said = wrong(await examine_public(outer))
    assert said[0].endswith(f"names {url}/mcp where clients expect {outer}/mcp.")


async def test_a_proxy_that_keeps_the_authorization_header_is_found(tmp_path: Path) -> None:
    async def strips(_: web.Request, headers: dict[str, str]) -> None:
        headers.pop("Authorization", None)

    async with cockpit(tmp_path / "data") as url, proxied(url, strips, named=True) as outer:
        assert wrong(await examine_public(outer)) == ["The Authorization header doesn't arrive."]


async def test_a_proxy_that_passes_everything_on_is_good(tmp_path: Path) -> None:
    async def passes(_: web.Request, __: dict[str, str]) -> None:
        return None

    async with cockpit(tmp_path / "data") as url, proxied(url, passes, named=True) as outer:
        assert wrong(await examine_public(outer)) == []


async def test_a_proxy_that_answers_by_itself_is_found() -> None:
    async def own(_: web.Request, __: dict[str, str]) -> web.Response:
        return web.Response(text="<html>It works!</html>", content_type="text/html")

    async with proxied("http://127.0.0.1:9", own) as outer:
        said = wrong(await examine_public(outer))
    assert len(said) == 3
    assert all("answers 200" in says for says in said)


async def test_an_address_that_nobody_answers_is_wrong_once() -> None:
    taken = bind("127.0.0.1", 0)
    port = port_of(taken)
    taken.close()
    (says,) = wrong(await examine_public(f"http://127.0.0.1:{port}"))
    assert "can't be reached from here" in says


def test_a_port_that_somebody_else_has_is_wrong(tmp_path: Path) -> None:
    taken = bind("127.0.0.1", 0)
    try:
        server = ServerSettings(port=port_of(taken))
        assert wrong(examine_network(server, tmp_path / "control.sock")) == [
            f"Port {port_of(taken)} of 127.0.0.1 is taken."
        ]
    finally:
        taken.close()
    assert wrong(examine_network(server, tmp_path / "control.sock")) == []


async def test_a_running_cockpit_is_known_by_its_socket(tmp_path: Path) -> None:
    control = tmp_path / "data" / "control.sock"
    async with cockpit(tmp_path / "data"):
        assert await asyncio.to_thread(is_running, control)
    assert not is_running(control)


def test_listening_for_others_without_a_public_address_is_worth_knowing(tmp_path: Path) -> None:
    found = examine_network(ServerSettings(host="0.0.0.0", port=0), tmp_path / "control.sock")
    assert [finding.level for finding in found] == [Level.WARNING, Level.GOOD]


@pytest.mark.parametrize(("days", "levels"), [(-1, [Level.BAD]), (13, [Level.WARNING]), (15, [])])
def test_a_certificate_that_ends_soon_is_worth_knowing(days: int, levels: list[Level]) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert [found.level for found in judge_certificate(now + timedelta(days=days), now)] == levels


def test_a_pair_of_files_is_tried_before_a_start_is(tmp_path: Path) -> None:
    pair = Pair(tmp_path, tmp_path / "cert.pem", tmp_path / "key.pem")
    pair.write("desk")
    server = ServerSettings(port=0, tls_cert=str(pair.cert), tls_key=str(pair.key))
    assert wrong(examine_network(server, tmp_path / "control.sock")) == []
    pair.key.chmod(0o644)
    assert wrong(examine_network(server, tmp_path / "control.sock")) == [
        f"server.tls_key: others may read or write {pair.key}."
    ]


def test_a_public_address_without_a_named_proxy_is_worth_knowing() -> None:
    behind = ServerSettings(public_url="https://desk.example")
    assert [found.level for found in judge_proxy(behind)] == [Level.WARNING]
    assert list(judge_proxy(behind.model_copy(update={"trusted_proxies": ("127.0.0.1/32",)}))) == []
    assert list(judge_proxy(ServerSettings())) == []
