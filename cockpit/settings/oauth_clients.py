"""Clients that the settings name: for programs that can't register themselves, or may not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from cockpit.settings.section import Section

_SECRETS = frozenset({"client_secret_basic", "client_secret_post"})


class StaticClientSettings(Section):
    """A client that the settings name. The operator still lets it in by its code."""

    client_id: str = Field(
        # What begins with c- is given here, and what holds a colon is the address of a document.
        pattern=r"^([A-Zabd-z0-9]|c[A-Za-z0-9._~])[A-Za-z0-9._~\-]{0,127}$",
        description="The id that the program uses; it may not begin like one that is given here, with c-.",
    )
    redirect_uris: Annotated[tuple[str, ...], Field(min_length=1, max_length=10)] = Field(
        description="Where its codes may be sent: https, http to this computer, or a known application's scheme."
    )
    auth_method: Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"] = Field(
        default="none", description="How it proves who it is at the token endpoint."
    )
    secret_sha256: str = Field(
        default="",
        pattern=r"^([0-9a-f]{64})?$",
        description="SHA-256 of its secret, in hexadecimal; the secret itself is only the program's.",
    )
    jwks_uri: str = Field(default="", max_length=512, description="https address of its public keys (JWK set).")
    jwks_file: str = Field(default="", max_length=1000, description="Whole path of its public keys (JWK set).")

    @field_validator("jwks_file")
    @classmethod
    def _whole_path(cls, value: str) -> str:
        if value and not Path(value).expanduser().is_absolute():
            raise ValueError("must be a whole path, from / or ~")
        return value

    @model_validator(mode="after")
    def _proves_itself(self) -> Self:
        if bool(self.secret_sha256) != (self.auth_method in _SECRETS):
            raise ValueError(
                "secret_sha256 belongs to client_secret_basic and client_secret_post: give both, or neither"
            )
        keys = bool(self.jwks_uri) + bool(self.jwks_file)
        if keys != (self.auth_method == "private_key_jwt"):
            raise ValueError("private_key_jwt needs jwks_uri or jwks_file, one of them; nothing else takes keys")
        return self
