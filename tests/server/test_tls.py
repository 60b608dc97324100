"""The host's own certificate: what is taken, what is refused, and how a renewed one comes into use."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pexpect
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from cockpit.app.process import run
from cockpit.app.wiring import running
from cockpit.model.clock import SystemClock
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.connection import Patience
from server.connections import Connections
from server.listener import bind
from server.tls import BadCertificate, Certificate
from tests.server.parts import House, house
from tests.server.raw import raw, until


@dataclass
class Pair:
    """A certificate for this computer, with its key."""

    folder: Path
    cert: Path
    key: Path

    def write(self, name: str, password: bytes | None = None) -> None:
        """Write the pair anew, as a renewal does."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        cert = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        sealed = BestAvailableEncryption(password) if password else NoEncryption()
        self.cert.write_bytes(cert.public_bytes(Encoding.PEM))
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed))
        self.key.chmod(0o600)

    def trusting(self) -> ssl.SSLContext:
        """Return what a client trusts that trusts this certificate."""
        return ssl.create_default_context(cafile=str(self.cert))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    made = Pair(tmp_path, tmp_path / "cert.pem", tmp_path / "key.pem")
    made.write("first")
    return made


@pytest.fixture
def seconds() -> list[float]:
    return [1000.0]


@pytest.fixture
def told() -> list[tuple[str, bool]]:
    return []


@pytest.fixture
def certificate(pair: Pair, seconds: list[float], told: list[tuple[str, bool]]) -> Certificate:
    return Certificate(pair.cert, pair.key, lambda: seconds[0], lambda *what: told.append(what))


async def shown(port: int) -> str:
    """Return the name in the certificate that the host shows to a new connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    name = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return str(name)


async def test_calls_over_tls_are_answered(pair: Pair) -> None:
    certificate = Certificate(pair.cert, pair.key, lambda: 0.0)
    async with house(tls=certificate.context) as here, aiohttp.ClientSession() as http:
        headers = {"Authorization": "Bearer ann"}
        body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        url = here.url.replace("http://", "https://")
        async with http.post(url, json=body, headers=headers, ssl=pair.trusting()) as answer:
            assert answer.status == 200
            assert (await answer.json())["result"] == {}


@pytest.mark.parametrize(
    ("version", "works"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_nothing_older_than_tls_1_2_is_spoken(pair: Pair, version: ssl.TLSVersion, works: bool) -> None:
    certificate = Certificate(pair.cert, pair.key, lambda: 0.0)
    context = pair.trusting()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    async with house(tls=certificate.context) as here, aiohttp.ClientSession() as http:
        asked = http.get(here.origin.replace("http://", "https://") + "/healthz", ssl=context)
        if works:
            async with asked as answer:
                assert answer.status == 200
        else:
            with pytest.raises(aiohttp.ClientConnectorError):
                await asked


def test_a_context_takes_1_2_at_least_whatever_the_system_allows(pair: Pair) -> None:
    context = Certificate(pair.cert, pair.key, lambda: 0.0).context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def _missing(pair: Pair) -> None:
    pair.key.unlink()


def _loose_key(pair: Pair) -> None:
    pair.key.chmod(0o644)


def _key_of_the_group(pair: Pair) -> None:
    pair.key.chmod(0o660)


def _loose_certificate(pair: Pair) -> None:
    pair.cert.chmod(0o666)


def _other_key(pair: Pair) -> None:
    other = Pair(pair.folder, pair.folder / "other.pem", pair.key)
    other.write("other")


def _locked_key(pair: Pair) -> None:
    pair.write("locked", b"a password")


def _garbage(pair: Pair) -> None:
    pair.cert.write_text("no certificate")


def _folder(pair: Pair) -> None:
    pair.cert.unlink()
    pair.cert.mkdir()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_missing, "server.tls_key: "),
        (_loose_key, "server.tls_key: others may read or write"),
        (_key_of_the_group, "server.tls_key: others may read or write"),
        (_loose_certificate, "server.tls_cert: everybody may write"),
        (_other_key, "no pair"),
        (_locked_key, "no pair"),
        (_garbage, "no pair"),
        (_folder, "server.tls_cert: "),
    ],
)
def test_a_pair_that_can_not_be_used_is_told_by_its_setting(pair: Pair, spoil, says: str) -> None:
    spoil(pair)
    with pytest.raises(BadCertificate) as caught:
        Certificate(pair.cert, pair.key, lambda: 0.0)
    assert says in caught.value.sentence
    assert caught.value.mend


def test_a_locked_key_does_not_ask_at_the_terminal(pair: Pair) -> None:
    _locked_key(pair)
    script = (
        "import sys; from pathlib import Path; from server.tls import BadCertificate, Certificate\n"
        "try: Certificate(Path(sys.argv[1]), Path(sys.argv[2]), lambda: 0.0)\n"
        "except BadCertificate as bad: print(bad)"
    )
    terminal = pexpect.spawn(sys.executable, ["-c", script, str(pair.cert), str(pair.key)], timeout=20)
    terminal.expect(pexpect.EOF)
    assert b"no pair of certificate and unencrypted key" in terminal.before
    assert b"pass phrase" not in terminal.before


def test_a_key_that_the_group_may_read_is_taken(pair: Pair) -> None:
    pair.key.chmod(0o640)  # as packages keep it for the group ssl-cert
    assert Certificate(pair.cert, pair.key, lambda: 0.0).context()


async def test_a_renewed_pair_is_used_for_new_connections(
    pair: Pair, certificate: Certificate, seconds: list[float], told: list[tuple[str, bool]]
) -> None:
    async with house(tls=certificate.context) as here:
        assert await shown(here.port) == "first"
        pair.write("second")
        assert await shown(here.port) == "first"  # it isn't looked at for every connection
        seconds[0] += 10
        assert await shown(here.port) == "second"
        seconds[0] += 10
        assert await shown(here.port) == "second"
    assert told == [("The TLS certificate has changed and is used from now on.", False)]


async def test_a_renewal_that_is_half_done_keeps_the_old_pair_and_is_told_once(
    pair: Pair, certificate: Certificate, seconds: list[float], told: list[tuple[str, bool]]
) -> None:
    async with house(tls=certificate.context) as here:
        whole = pair.key.read_bytes()
        _other_key(pair)
        for _ in range(3):
            seconds[0] += 10
            assert await shown(here.port) == "first"
        pair.key.unlink()
        seconds[0] += 10
        assert await shown(here.port) == "first"
        pair.key.write_bytes(whole)
        pair.key.chmod(0o600)
        pair.write("second")
        seconds[0] += 10
        assert await shown(here.port) == "second"
    assert [bad for _, bad in told] == [True, True, False]
    assert "the old one stays" in told[0][0]


async def test_a_handshake_that_does_not_end_has_a_place_and_loses_it(pair: Pair) -> None:
    places = Connections(10, Patience(handshake=0.05))
    certificate = Certificate(pair.cert, pair.key, lambda: 0.0)
    async with house(tls=certificate.context, connections=places) as here, raw(here.port) as silent:
        await until(lambda: len(places) == 1)
        assert await silent.rest() == b""
        await until(lambda: len(places) == 0)


async def test_handshakes_that_do_not_end_keep_nobody_out(pair: Pair) -> None:
    places = Connections(3)
    certificate = Certificate(pair.cert, pair.key, lambda: 0.0)
    async with (
        house(tls=certificate.context, connections=places) as here,
        raw(here.port, "127.0.0.2") as first,
        raw(here.port, "127.0.0.2"),
        raw(here.port, "127.0.0.2"),
    ):
        await until(lambda: len(places) == 3)
        assert await shown(here.port) == "first"
        assert await first.rest() == b""
        assert len(places) <= 3


async def test_plain_http_to_a_tls_port_is_closed_and_logged_by_nobody(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = Certificate(pair.cert, pair.key, lambda: 0.0)
    async with house(tls=certificate.context) as here, raw(here.port) as plain:
        plain.send("GET /healthz?token=secret HTTP/1.1\nHost: 127.0.0.1\n\n")
        assert b"200" not in await plain.rest()
        assert await _still_serves(here)
    assert caplog.text == ""


async def _still_serves(here: House) -> bool:
    return bool(await shown(here.port))


def _variables(pair: Pair) -> dict[str, str]:
    return {"COCKPIT_SERVER__TLS_CERT": str(pair.cert), "COCKPIT_SERVER__TLS_KEY": str(pair.key)}


async def test_a_whole_cockpit_with_a_certificate_is_reached_by_https_alone(pair: Pair) -> None:
    settings = load(Given(data_dir=pair.folder / "data", port=0, ignore_file=True), _variables(pair))
    taken = bind("127.0.0.1", 0)
    async with running(settings, taken, SystemClock(), asyncio.Event()) as opened, aiohttp.ClientSession() as http:
        assert opened.url.startswith("https://127.0.0.1:")
        origin = opened.url.removesuffix("/mcp")
        path = "/.well-known/oauth-authorization-server"
        async with http.get(origin + path, ssl=pair.trusting()) as answer:
            told = await answer.json()
            assert told["issuer"] == origin
            assert told["token_endpoint"] == f"{origin}/oauth/token"
        with pytest.raises(aiohttp.ClientError):
            await http.get(origin.replace("https://", "http://") + path)


def test_a_cockpit_with_a_bad_pair_does_not_start_and_says_why(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    os.chmod(pair.key, 0o644)
    settings = load(Given(data_dir=pair.folder / "data", port=0, ignore_file=True), _variables(pair))
    assert run(settings, screen=False, demo=False) == 1
    said = capsys.readouterr()
    assert "server.tls_key" in said.err
    assert "chmod 600" in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
