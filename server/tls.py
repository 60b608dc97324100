"""The certificate that the host itself shows: read from files, and again when they change."""

from __future__ import annotations

import logging
import os
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from server.listener import CannotListen

_LOOK_SECONDS: Final = 10.0
_LARGEST: Final = 1_048_576
_log = logging.getLogger(__name__)

_Stamp = tuple[tuple[int, int, int], tuple[int, int, int]]


class BadCertificate(CannotListen):
    """The pair of files can't be used."""


class Certificate:
    """A certificate with its key, as the context for the next connection."""

    def __init__(
        self, cert: Path, key: Path, monotonic: Callable[[], float], tell: Callable[[str, bool], None] | None = None
    ) -> None:
        """Read the files; raises BadCertificate. ``tell`` hears of renewals (with False) and failed ones (True)."""
        self._cert = cert
        self._key = key
        self._monotonic = monotonic
        self._tell = tell or (lambda _what, _bad: None)
        self._stamp = self._stamped()
        self._context = self._load()
        self._failed: _Stamp | None = None
        self._look_at = monotonic() + _LOOK_SECONDS

    def context(self) -> ssl.SSLContext:
        """Return what a new connection is made with. At most every ten seconds the files' times are looked at."""
        now = self._monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            self._renew()
        return self._context

    def _renew(self) -> None:
        try:
            stamp = self._stamped()
            if stamp == self._stamp:
                return
            self._context = self._load()
        except BadCertificate as problem:
            # Certificate and key are written one after the other: what doesn't fit now may fit at the next look.
            changed = self._now_or_none()
            if changed != self._failed or changed is None:
                self._failed = changed
                _log.warning("the changed certificate can't be used, the old one stays: %s", problem)
                self._tell(f"The changed TLS certificate can't be used, the old one stays: {problem.sentence}", True)
            return
        self._stamp, self._failed = stamp, None
        _log.info("the certificate was read again")
        self._tell("The TLS certificate has changed and is used from now on.", False)

    def _now_or_none(self) -> _Stamp | None:
        try:
            return self._stamped()
        except BadCertificate:
            return None

    def _stamped(self) -> _Stamp:
        certificate = _read_stat(self._cert, "server.tls_cert")
        key = _read_stat(self._key, "server.tls_key")
        if certificate.st_mode & 0o002:
            raise BadCertificate(f"server.tls_cert: everybody may write {self._cert}.", f"chmod o-w {self._cert}")
        if key.st_mode & (stat.S_IWGRP | stat.S_IRWXO):
            raise BadCertificate(f"server.tls_key: others may read or write {self._key}.", f"chmod 600 {self._key}")
        if key.st_uid not in {0, os.getuid()}:
            raise BadCertificate(
                f"server.tls_key: {self._key} belongs to another user.", "Give it to the user who runs the cockpit."
            )
        return (_stamp(certificate), _stamp(key))

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(["http/1.1"])
        try:
            # An empty password keeps an encrypted key from asking for one at the terminal.
            context.load_cert_chain(self._cert, self._key, password=lambda: "")
        except (ssl.SSLError, OSError, ValueError) as problem:
            why = getattr(problem, "reason", None) or getattr(problem, "strerror", None) or "they can't be read"
            raise BadCertificate(
                f"server.tls_cert and server.tls_key are no pair of certificate and unencrypted key ({why}).",
                "Name the PEM files of one certificate.",
            ) from problem
        return context


def _read_stat(path: Path, setting: str) -> os.stat_result:
    try:
        found = path.stat()
        with path.open("rb"):
            pass
    except OSError as problem:
        raise BadCertificate(
            f"{setting}: {path} can't be read ({problem.strerror or problem}).", "Name a PEM file."
        ) from problem
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
        raise BadCertificate(f"{setting}: {path} is no PEM file.", "Name a PEM file.")
    return found


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return (found.st_mtime_ns, found.st_ino, found.st_size)
