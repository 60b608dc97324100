"""A piece of the internet on loopback: hosts with documents, over real TLS, reached through the real fetcher."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import orjson
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from server.fetching import AddressPolicy, DocumentFetcher

HOSTS = ("claude.ai", "chatgpt.com", "vscode.dev", "stranger.example", "other.example")
_NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Internet:
    """Hosts, their pages, and who asked for what."""

    port: int
    tls: ssl.SSLContext = field(repr=False)
    pages: dict[str, Page] = field(default_factory=dict)
    """By whole address."""
    asked: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, url: str, value: object, **headers: str) -> None:
        """Put a JSON document at an address."""
        self.says(url, orjson.dumps(value), 200, **headers)

    def says(self, url: str, body: bytes, status: int = 200, **headers: str) -> None:
        """Put any answer at an address."""
        given = {"Content-Type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}

        async def page(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, body=body, headers=given)

        self.pages[url] = page

    def fetcher(self, may_reach: AddressPolicy = lambda _: True, seconds: float = 5.0) -> DocumentFetcher:
        """Return the product's own fetcher, to which every name of a host leads here."""
        return DocumentFetcher(may_reach, resolver=_Here(self.port), tls=self.tls, seconds=seconds)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        url = f"https://{request.host.partition(':')[0]}{request.raw_path}"
        self.asked.append(url)
        self.headers.append(dict(request.headers))
        self.arrived.set()
        page = self.pages.get(url)
        return web.Response(status=404) if page is None else await page(request)


@asynccontextmanager
async def some_internet(folder: Path) -> AsyncIterator[Internet]:
    """Start it on a free port of loopback."""
    async with AsyncExitStack() as stack:
        listening = socket.create_server(("127.0.0.1", 0))
        certificate = folder / "hosts.pem"
        certificate.write_bytes(_certificate())
        here = Internet(listening.getsockname()[1], ssl.create_default_context(cafile=str(certificate)))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", here.answer)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(certificate)
        await web.SockSite(runner, listening, ssl_context=serving).start()
        yield here


class _Here(AbstractResolver):
    """Every name is a host of this computer, at that port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=self._port, family=socket.AF_INET, proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]  # fmt: skip

    async def close(self) -> None:
        pass


@cache
def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hosts of the tests")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_BEFORE + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + made.public_bytes(Encoding.PEM)
