"""How an account at Interactive Brokers is reached: where TWS or IB Gateway listens, and as which client."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from cockpit.settings.section import Section

ClientNumber = Annotated[int, Field(ge=1, le=2_147_483_646)]


class IbkrSettings(Section):
    """One line to TWS or IB Gateway."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        max_length=255,
        pattern=r"^[A-Za-z0-9._:\-]+$",
        description="Interactive Brokers: host that TWS or IB Gateway runs on.",
    )
    port: int = Field(
        default=4002,
        ge=1,
        le=65_535,
        description="Interactive Brokers: its API port; by custom 4002 (Gateway) and 7497 (TWS) on paper, 4001 and 7496"
        " live. Whether the money is real is read from the account, never from the port.",
    )
    client_id: ClientNumber = Field(
        default=17,
        description="Interactive Brokers: number that no other program uses on the same TWS or Gateway. Orders belong to"
        " it, so leave it as it is. Never 0, which adopts what is placed by hand.",
    )
    currency: str = Field(
        default="USD",
        pattern=r"^[A-Z]{3}$",
        description="Interactive Brokers: a plain symbol is the listing in this currency.",
    )
    hours_of: str = Field(
        default="",
        max_length=32,
        pattern=r"^([A-Z0-9][A-Z0-9.\-_:/ ]*)?$",
        description="Interactive Brokers: symbol whose regular hours are the connection's; unset: the first stock by name"
        " that its policy allows, else SPY.",
    )
    market_data: Literal["live", "delayed"] = Field(
        default="live",
        description="Interactive Brokers: prices to ask for; delayed ones come where no live ones are subscribed to.",
    )
    connect_seconds: float = Field(
        default=15,
        ge=1,
        le=120,
        description="Interactive Brokers: how long a connection may take; a start waits no longer for it.",
    )
    request_seconds: float = Field(
        default=10, ge=1, le=120, description="Interactive Brokers: how long an answer may take."
    )
    probe_seconds: float = Field(
        default=30,
        ge=1,
        le=600,
        description="Interactive Brokers: how often the line is tried; one that doesn't answer is made anew.",
    )
    flex_token_file: str = Field(
        default="",
        max_length=1000,
        description="Interactive Brokers: file with the token of the Flex Web Service, for transfers; unset: none.",
    )
    flex_query: str = Field(
        default="",
        max_length=20,
        pattern=r"^[0-9]*$",
        description="Interactive Brokers: number of the Flex query that lists deposits and withdrawals.",
    )

    @field_validator("flex_token_file")
    @classmethod
    def _whole_path(cls, value: str) -> str:
        if value and not Path(value).expanduser().is_absolute():
            raise ValueError("must be a whole path, from / or ~")
        return value

    @field_validator("flex_query")
    @classmethod
    def _belongs_to_a_token(cls, value: str, info: ValidationInfo) -> str:
        token = info.data.get("flex_token_file")
        if value and token == "":
            raise ValueError("needs flex_token_file")
        if token and not value:
            raise ValueError("is missing: flex_token_file is of no use without it")
        return value
