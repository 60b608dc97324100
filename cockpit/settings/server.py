"""Where the host listens, whom it believes about addresses, and how much it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from cockpit.model.networks import read_network
from cockpit.settings.section import Section


class LimitSettings(Section):
    """How often requests that need no authority are answered, each minute: to one address, and in all.

    A minute's worth may come at once. Hosted clients reach the host from a few addresses that all their users share, so
    what one address may is generous.
    """

    register_each: int = Field(default=30, ge=1, le=1_000_000, description="Registrations of one address a minute.")
    register_all: int = Field(default=240, ge=1, le=1_000_000, description="Registrations a minute, in all.")
    authorize_each: int = Field(
        default=60, ge=1, le=1_000_000, description="Authorization requests of one address a minute."
    )
    authorize_all: int = Field(default=600, ge=1, le=1_000_000, description="Authorization requests a minute, in all.")
    wait_each: int = Field(
        default=600, ge=1, le=1_000_000, description="Looks of one address at waiting pages a minute; a page takes 30."
    )
    wait_all: int = Field(default=6000, ge=1, le=1_000_000, description="Looks at waiting pages a minute, in all.")
    token_each: int = Field(default=300, ge=1, le=1_000_000, description="Token requests of one address a minute.")
    token_all: int = Field(default=3000, ge=1, le=1_000_000, description="Token requests a minute, in all.")
    revoke_each: int = Field(default=120, ge=1, le=1_000_000, description="Revocations of one address a minute.")
    revoke_all: int = Field(default=1200, ge=1, le=1_000_000, description="Revocations a minute, in all.")
    metadata_each: int = Field(
        default=600, ge=1, le=1_000_000, description="Looks of one address at metadata and keys a minute."
    )
    metadata_all: int = Field(default=6000, ge=1, le=1_000_000, description="Looks at metadata a minute, in all.")
    bad_tokens_each: int = Field(
        default=600, ge=1, le=1_000_000, description="Tokens that are no good, of one address a minute, at /mcp."
    )
    bad_tokens_all: int = Field(
        default=6000, ge=1, le=1_000_000, description="Tokens that are no good, a minute in all, at /mcp."
    )
    sign_in_each: int = Field(
        default=5, ge=1, le=1_000_000, description="Tries of one address a minute to sign in at the web pages."
    )
    sign_in_all: int = Field(default=60, ge=1, le=1_000_000, description="Tries to sign in a minute, in all.")


class ServerSettings(Section):
    """Where the host listens, and how much it takes."""

    host: str = Field(default="127.0.0.1", min_length=1, max_length=253, description="Address to listen on.")
    port: int = Field(default=8722, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field(default="", max_length=200, description="https address under which clients reach the host.")
    tls_cert: str = Field(
        default="",
        max_length=1000,
        description="Whole path of a certificate with its chain (PEM): the host itself speaks https;"
        " read again when it changes.",
    )
    tls_key: str = Field(
        default="", max_length=1000, description="Whole path of the certificate's private key (PEM), unencrypted."
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="Networks of your reverse proxy or tunnel, such as 127.0.0.1/32: only what they say about a"
        " client's address is believed.",
    )
    proxy_header: Literal["X-Forwarded-For", "Forwarded"] = Field(
        default="X-Forwarded-For", description="Header in which the trusted proxies name the client's address."
    )
    allowed_clients: tuple[str, ...] = Field(
        default=(),
        max_length=256,
        description="Networks from which /mcp may be called; empty: all. Sign-in pages and token requests stay open.",
    )
    allowed_hosts: tuple[str, ...] = Field(default=(), description="Further names that the Host header may carry.")
    allowed_origins: tuple[str, ...] = Field(default=(), description="Web pages' origins that may call from a browser.")
    max_connections: int = Field(
        default=500, ge=10, le=100_000, description="Connections at a time; beyond it the one idle longest gives way."
    )
    max_body_bytes: int = Field(default=1_048_576, ge=4096, le=16_777_216, description="Largest request body.")
    max_sessions: int = Field(default=1000, ge=1, le=100_000, description="Handshake-era sessions kept at a time.")
    session_idle_seconds: int = Field(
        default=1800, ge=10, le=86_400, description="An idle session is forgotten after this."
    )
    max_calls_in_flight: int = Field(default=64, ge=1, le=4096, description="Calls of one client running at a time.")
    call_seconds: float = Field(
        default=240,
        gt=0,
        le=86_400,
        description="How long a call may take; hosted clients wait for 300 seconds at most.",
    )
    max_requests_open: int = Field(
        default=150, ge=2, le=100_000, description="Requests and streams of one client open at a time."
    )
    telemetry: bool = Field(
        default=False,
        description="Tell OpenTelemetry of each request, by its API: a span and how long it took. It does nothing until"
        " an OpenTelemetry SDK is installed and set up beside the cockpit.",
    )
    limits: LimitSettings = Field(default_factory=LimitSettings)

    @field_validator("public_url")
    @classmethod
    def _https(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError("must be an https address without query, fragment or user")
        if parts.path not in {"", "/"}:
            raise ValueError("must have no path")
        return value.rstrip("/")

    @field_validator("tls_cert", "tls_key")
    @classmethod
    def _whole_path(cls, value: str) -> str:
        if value and not Path(value).expanduser().is_absolute():
            raise ValueError("must be a whole path, from / or ~")
        return value

    @field_validator("trusted_proxies", "allowed_clients")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            read_network(text)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _somebody(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(read_network(text).prefixlen == 0 for text in value):
            raise ValueError("names everybody: then any client could claim any address")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parts = urlsplit(text)
            if not parts.scheme or not parts.netloc or parts.path.strip("/") or parts.query or "*" in text:
                raise ValueError(f"{text!r} is no origin, such as https://page.example")
        return value

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("tls_cert and tls_key belong together: give both, or none")
        return self


def local_origin(host: str, port: int, scheme: str) -> str:
    """Return where programs of this computer reach what listens on ``host``."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared
    if ":" in reachable and not reachable.startswith("["):
        reachable = f"[{reachable}]"
    return f"{scheme}://{reachable}:{port}"
