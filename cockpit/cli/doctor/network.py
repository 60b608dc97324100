"""The port, and the public address as a client would see it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson
from cryptography import x509

from cockpit.cli.doctor.findings import Finding, bad, good, warning
from cockpit.model.text import Safe, safe
from cockpit.settings.model import ServerSettings
from server.door import METADATA_PATH
from server.listener import CannotListen, PortTaken, bind
from server.tls import BadCertificate, Certificate

PART: Final = "network"
ISSUER_PATH: Final = "/.well-known/oauth-authorization-server"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_PATIENCE: Final = aiohttp.ClientTimeout(total=10)
_LARGEST: Final = 65_536
_SOON: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer, as a client got it."""

    status: int
    challenge: str
    """The WWW-Authenticate header."""
    document: Any
    """What its JSON says; None where there is none."""


def examine_network(server: ServerSettings, control_socket: Path) -> list[Finding]:
    """Look at address and port, and, while a cockpit runs, at what clients get under the public address."""
    runs = is_running(control_socket)
    found = [*_listening(server, runs), *_certificate(server), *judge_proxy(server)]
    if not server.public_url:
        found.append(
            good(PART, "Clients reach it on this computer alone; server.public_url says where it is from outside.")
        )
    elif runs:
        found += asyncio.run(examine_public(server.public_url))
    else:
        found.append(good(PART, f"{server.public_url} is looked at while a cockpit runs; start one and ask again."))
    return found


def is_running(control_socket: Path) -> bool:
    """Whether a cockpit listens on the control socket."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as line:
        line.settimeout(1)
        try:
            line.connect(str(control_socket))
        except OSError:
            return False
    return True


def _listening(server: ServerSettings, runs: bool) -> Iterator[Finding]:
    where = f"{server.host}:{server.port}"
    if runs:
        yield good(PART, "A cockpit is running on this data folder.")
    elif server.port:
        try:
            bind(server.host, server.port).close()
        except PortTaken as taken:
            yield bad(PART, taken.sentence, taken.mend)
        except CannotListen as problem:
            yield bad(PART, problem.sentence, problem.mend)
        else:
            yield good(PART, f"{where} is free.")
    if server.host not in _LOOPBACK and not server.public_url:
        yield warning(
            PART,
            f"It listens on {server.host} without server.public_url: others reach it, and no client can sign in there.",
            "Set server.public_url, or listen on 127.0.0.1.",
        )


def _certificate(server: ServerSettings) -> Iterator[Finding]:
    if not server.tls_cert:
        return
    cert = Path(server.tls_cert).expanduser()
    try:
        Certificate(cert, Path(server.tls_key).expanduser(), monotonic)
        ends = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc
    except BadCertificate as problem:
        yield bad(PART, problem.sentence, problem.mend)
        return
    except (OSError, ValueError):
        yield bad(PART, f"server.tls_cert: {cert} holds no certificate.", "Name a PEM file.")
        return
    yield good(PART, "Certificate and key fit each other.")
    yield from judge_certificate(ends, datetime.now(UTC))


def judge_proxy(server: ServerSettings) -> Iterator[Finding]:
    """Judge what is said of whatever stands between clients and the cockpit."""
    if server.public_url and not server.tls_cert and not server.trusted_proxies:
        yield warning(
            PART,
            "server.public_url is https, and the cockpit itself speaks plain http: a proxy or tunnel stands before it.",
            "Name where its requests come from in server.trusted_proxies, or all clients count as one.",
        )


async def examine_public(url: str) -> list[Finding]:
    """Ask the public address what a client asks first, and judge each answer."""
    async with aiohttp.ClientSession(timeout=_PATIENCE, trust_env=False) as http:
        try:
            resource = await _ask(http, "GET", url + METADATA_PATH)
            issuer = await _ask(http, "GET", url + ISSUER_PATH)
            nobody = await _ask(http, "POST", f"{url}/mcp")
            stranger = await _ask(http, "POST", f"{url}/mcp", Authorization="Bearer doctor")
            ends = await _certificate_ends(url)
        except aiohttp.ClientConnectorCertificateError as error:
            why = safe(str(error.certificate_error), 200)
            return [bad(PART, f"The certificate of {url} isn't good: {why}.", "Renew it, with its whole chain.")]
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            why = safe(str(error) or type(error).__name__, 200)
            return [
                bad(
                    PART, f"{url} can't be reached from here: {why}.", "Look at DNS, the proxy or tunnel, the firewall."
                )
            ]
    return [
        *judge_document(url, METADATA_PATH, resource, "resource", f"{url}/mcp"),
        *judge_document(url, ISSUER_PATH, issuer, "issuer", url),
        *judge_door(url, nobody, stranger),
        *judge_certificate(ends, datetime.now(UTC)),
    ]


def judge_document(url: str, path: str, seen: Seen, member: str, wanted: str) -> Iterator[Finding]:
    """Judge a metadata document: clients compare what it says byte for byte with where they asked."""
    said = seen.document.get(member) if isinstance(seen.document, dict) else None
    if seen.status != 200 or said is None:
        yield bad(
            PART, f"{url}{path} answers {seen.status} instead of the document.",
            "Let the proxy pass /.well-known/ through to the cockpit.",
        )  # fmt: skip
    elif said != wanted:
        yield bad(
            PART, f"{path} names {_shown(said)} where clients expect {wanted}.",
            "Another host answers there, or the running cockpit was started with another server.public_url.",
        )  # fmt: skip
    else:
        yield good(PART, f"{url}{path} says what clients expect.")


def judge_door(url: str, nobody: Seen, stranger: Seen) -> Iterator[Finding]:
    """Judge what /mcp says to nobody, and to somebody with a token that isn't good."""
    if nobody.status != 401 or f"{url}{METADATA_PATH}" not in nobody.challenge:
        yield bad(
            PART, f"{url}/mcp answers {nobody.status} to a client without a token, or without its challenge.",
            "Let the proxy pass /mcp through as it is, with all headers of the answer.",
        )  # fmt: skip
    elif "invalid_token" not in stranger.challenge:
        yield bad(
            PART, "The Authorization header doesn't arrive.", "Let the proxy pass the Authorization header through."
        )
    else:
        yield good(PART, f"{url}/mcp asks clients to sign in, and gets their tokens.")


def judge_certificate(ends: datetime | None, now: datetime) -> Iterator[Finding]:
    """Judge until when the certificate is good."""
    if ends is not None and ends <= now:
        yield bad(PART, f"The certificate ended on {ends:%Y-%m-%d}.", "Renew it; look at what should by itself.")
    elif ends is not None and ends - now < _SOON:
        yield warning(PART, f"The certificate ends on {ends:%Y-%m-%d}.", "Renew it; look at what should by itself.")


async def _ask(http: aiohttp.ClientSession, method: str, url: str, **headers: str) -> Seen:
    async with http.request(method, url, headers=headers, allow_redirects=False) as answer:
        body = bytearray()
        async for part in answer.content.iter_any():
            body += part
            if len(body) > _LARGEST:
                break
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        return Seen(answer.status, answer.headers.get("WWW-Authenticate", "")[:1000], document)


async def _certificate_ends(url: str) -> datetime | None:
    parts = urlsplit(url)
    if parts.scheme != "https":
        return None
    async with asyncio.timeout(_PATIENCE.total):
        _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=ssl.create_default_context())
    try:
        ends = writer.get_extra_info("peercert").get("notAfter", "")
    finally:
        writer.close()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if ends else None


def _shown(said: object) -> Safe:
    return safe(str(said), 120)
