"""How orders wait for the operator, which rules decide instead of him, and when he counts as present."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from cockpit.model.identity import CLIENT_NAME
from cockpit.model.instruments import SYMBOL_PATTERN
from cockpit.model.orders import OrderType, Side
from cockpit.settings.policy import ClientPolicySettings
from cockpit.settings.section import Section

RuleName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]{0,39}$")]
_Client = Annotated[str, Field(pattern=f"^(?:{CLIENT_NAME.pattern})$")]
_Connection = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]{0,31}$")]
_Symbol = Annotated[str, Field(pattern=f"^(?:{SYMBOL_PATTERN})$")]
_HOURS: Final = r"^(([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])?$"


class Do(StrEnum):
    """What a rule does with an order that fits it."""

    ASK = "ask"
    APPROVE = "approve"
    DENY = "deny"
    CONFIRM = "confirm"
    """The client confirms it first; then the operator is asked."""


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class OperatorLost(StrEnum):
    """What happens once the operator isn't present any more."""

    QUEUE = "queue"
    """Rules approve nothing until he is back; what they would have approved waits for him."""
    HALT = "halt"
    KEEP = "keep"
    """Rules go on: for a host without a screen."""


class WhenSettings(Section):
    """Which orders a rule is for: all that is said must fit; what isn't said fits everything."""

    clients: tuple[_Client, ...] = Field(default=(), max_length=100, description="Names of clients.")
    connections: tuple[_Connection, ...] = Field(default=(), max_length=100, description="Names of connections.")
    symbols: tuple[_Symbol, ...] = Field(default=(), max_length=500, description="Symbols.")
    sides: tuple[Side, ...] = Field(default=(), max_length=2, description="Sides.")
    order_types: tuple[OrderType, ...] = Field(default=(), max_length=10, description="Order types.")
    max_notional: Decimal | None = Field(
        default=None,
        gt=0,
        le=Decimal("1e12"),
        description="Worst-case value that the order has at most, with all the orders of its group.",
    )
    reducing: bool = Field(
        default=False,
        description="Only orders that reduce a position, whatever else fills, and leave no sold option less covered.",
    )
    hours: str = Field(
        default="", pattern=_HOURS, description="Time of day, such as 09:30-16:00; may go over midnight."
    )
    time_zone: str = Field(default="UTC", min_length=1, max_length=64, description="Time zone of hours and days.")
    days: tuple[Day, ...] = Field(
        default=(), max_length=7, description="Days of the week; hours over midnight belong to the day they begin on."
    )

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("must be the name of a time zone, such as America/New_York") from None
        return value

    @field_validator("hours")
    @classmethod
    def _some_time(cls, value: str) -> str:
        begins, _, ends = value.partition("-")
        if value and begins == ends:
            raise ValueError("must begin and end at different times")
        return value

    @property
    def says_something(self) -> bool:
        """Whether any order doesn't fit."""
        return bool(self.model_dump(exclude={"time_zone"}, exclude_defaults=True))


class RuleSettings(Section):
    """A rule. The first whose `when` fits an order decides; where none fits, the operator is asked."""

    name: RuleName = Field(description="Name of the rule, as record and screen show it.")
    do: Do = Field(description="What is done with an order that fits.")
    when: WhenSettings = Field(default_factory=WhenSettings)

    @model_validator(mode="after")
    def _bounded(self) -> RuleSettings:
        if self.do is Do.APPROVE and not self.when.says_something:
            raise ValueError("a rule that approves must say in `when` which orders it is for")
        return self


class ApprovalSettings(Section):
    """How orders wait for the operator."""

    max_pending: int = Field(default=20, ge=1, le=200, description="Orders that may wait at a time.")
    max_pending_per_client: int = Field(default=5, ge=1, le=200, description="Orders of one client that may wait.")
    presence_minutes: float = Field(
        default=15, gt=0, le=1440, description="You are present this long after a key press or a command."
    )
    on_operator_lost: OperatorLost = Field(
        default=OperatorLost.QUEUE, description="What happens once you aren't present: rules pause, halt, or go on."
    )
    confirm_seconds: int = Field(
        default=120, ge=5, le=3600, description="How long a client may take to confirm an order where a rule wants it."
    )
    rules: tuple[RuleSettings, ...] = Field(default=(), max_length=100, description="Rules, the first that fits wins.")

    @field_validator("rules")
    @classmethod
    def _names_differ(cls, value: tuple[RuleSettings, ...]) -> tuple[RuleSettings, ...]:
        twice = [name for name, count in Counter(rule.name for rule in value).items() if count > 1]
        if twice:
            raise ValueError(f"two rules are named {twice[0]}")
        return value


class ClientSettings(Section):
    """What holds for one client, by the name that it was given."""

    policy: ClientPolicySettings = Field(default_factory=ClientPolicySettings)

    shadow: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9_\-]{0,31})?$",
        description="Connection in paper mode that gets all of its orders, while it reads its own.",
    )
    read_only: bool = Field(
        default=False, description="Whether it only reads: scopes that write don't count, whatever was granted."
    )
