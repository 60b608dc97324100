"""The local client: programs of the same Unix user that come over standard input and output."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from cockpit.model.identity import CLIENT_NAME, Scope, may_be_client
from cockpit.settings.section import Section


class StdioSettings(Section):
    """Who comes by ``cockpit stdio``, and what it may do."""

    enabled: bool = Field(
        default=False, description="Let programs of your Unix user in as a client, by `cockpit stdio`."
    )
    name: Annotated[str, Field(pattern=f"^(?:{CLIENT_NAME.pattern})$")] = Field(
        default="local", description="The client's name: its budgets, limits and history hang on it."
    )
    connection: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9_\-]{0,31})?$",
        description="The connection that it is bound to; empty where there is only one.",
    )
    scopes: frozenset[Scope] = Field(
        default=frozenset({Scope.READ_MARKET, Scope.READ_ACCOUNT, Scope.READ_ORDERS}),
        description="What it may do. You narrow and widen it like any other client.",
    )

    @field_validator("name")
    @classmethod
    def _not_the_operator(cls, value: str) -> str:
        if not may_be_client(value):
            raise ValueError("no client may have the operator's name")
        return value
