"""Every setting, with its default, its bounds and the one line that says what it is for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from cockpit.model.calendars.shipped import names
from cockpit.model.identity import CLIENT_NAME, Scope
from cockpit.model.products import DOCUMENT_HOSTS
from cockpit.model.screen import Notify
from cockpit.model.trading import Mode
from cockpit.settings.approval import ApprovalSettings, ClientSettings
from cockpit.settings.control import ControlSettings
from cockpit.settings.ibkr import IbkrSettings
from cockpit.settings.live import is_live, missing_for_live
from cockpit.settings.oauth_clients import StaticClientSettings
from cockpit.settings.paper import FeeSettings
from cockpit.settings.policy import Money, PolicySettings, for_live_money
from cockpit.settings.section import Section as _Section
from cockpit.settings.server import ServerSettings
from cockpit.settings.stdio import StdioSettings
from cockpit.settings.web import WebSettings

ClientKey = Annotated[str, Field(pattern=f"^(?:{CLIENT_NAME.pattern})$")]
HostName = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9\-]{0,61}[a-z0-9]$")]
ActName = Annotated[str, Field(pattern=r"^[a-z_]{1,20}(\.[a-z_]{1,20})?$")]
KeyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+]{1,30}$")]
ConnectionName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]{0,31}$")]


_SIMULATED: Final = frozenset({"cash", "seed", "session", "replay", "slippage_ticks", "fees"})
"""Settings of a connection that only the paper broker has."""


class OAuthSettings(_Section):
    """How long authorities live."""

    access_seconds: int = Field(default=3600, ge=60, le=86_400, description="Life of an access token.")
    refresh_days: int = Field(default=30, ge=1, le=365, description="Absolute life of a grant's refresh tokens.")
    code_seconds: int = Field(default=60, ge=10, le=600, description="Life of an authorization code.")
    stale_seconds: int = Field(
        default=60,
        ge=0,
        le=3600,
        description="How long a refresh token whose successor was used is only denied; afterwards it ends the grant.",
    )
    refreshes_each_minute: int = Field(
        default=6,
        ge=1,
        le=100_000,
        description="How often a minute one grant or service is given new tokens in the long run.",
    )
    refreshes_at_once: int = Field(
        default=60,
        ge=2,
        le=100_000,
        description="How many of them may come together, such as those of a client's parallel workers.",
    )
    service_seconds: int = Field(default=3600, ge=60, le=3600, description="Life of a service's access token.")
    mint_days: int = Field(default=30, ge=1, le=365, description="Longest life of a minted token.")
    key_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="Longest life of an API key or a service; unset: they may live for ever.",
    )
    rotate_days: int = Field(
        default=90, ge=1, le=3650, description="Age at which the signing key is replaced; at least mint_days."
    )
    ask_seconds: int = Field(
        default=300, ge=30, le=1800, description="How long a browser's code waits for the operator."
    )
    max_waiting: int = Field(default=50, ge=1, le=1000, description="Browsers that may wait at a time.")
    max_waiting_per_address: int = Field(default=5, ge=1, le=1000, description="Browsers of one address that may wait.")
    max_unapproved_clients: int = Field(default=200, ge=1, le=10_000, description="Registrations kept before approval.")
    unapproved_client_hours: int = Field(
        default=24, ge=1, le=720, description="A registration that nobody approved is forgotten after this."
    )
    client_hosts: tuple[HostName, ...] = Field(
        default=DOCUMENT_HOSTS,
        description="Hosts whose documents about clients (CIMD) are fetched at once; those of other hosts only after the"
        " operator has typed their code. Empty: no documents are offered, and clients register.",
    )
    clients: dict[ClientKey, StaticClientSettings] = Field(default_factory=dict)

    @field_validator("rotate_days")
    @classmethod
    def _outlasts_minted_tokens(cls, value: int, info: ValidationInfo) -> int:
        minted = info.data.get("mint_days", 0)
        if value < minted:
            raise ValueError(f"must be at least mint_days ({minted}): two keys are kept, and a token needs its own")
        return value


class ConnectionSettings(_Section):
    """One broker account."""

    broker: Literal["paper", "ibkr"] = Field(default="paper", description="Kind of broker.")
    mode: Mode = Field(default=Mode.PAPER, description="Whether the money is real.")
    account: str = Field(
        default="",
        max_length=32,
        pattern=r"^[A-Za-z0-9\-]*$",
        description="Account that the broker must report; empty takes any that no other connection has.",
    )
    trade: bool = Field(
        default=True, description="Whether orders may be placed at all; where money is real, it has to be said."
    )
    arm_hours: int = Field(
        default=8,
        ge=1,
        le=24,
        description="Where money is real: longest time for which the operator's `arm` lets orders open positions.",
    )
    scopes: frozenset[Scope] = Field(default=frozenset(Scope), description="Scopes that may be granted on it.")
    cash: Money = Field(default=Decimal(100_000), description="Paper: the money that the account starts with.")
    seed: str = Field(default="cockpit", min_length=1, max_length=64, description="Paper: names the invented market.")
    toolsets: tuple[Literal["core", "orders", "options", "research", "all"], ...] = Field(
        default=("core",), description="Sets of tools that its clients are shown; the core always is."
    )
    session: str = Field(
        default="always",
        max_length=16,
        description="Paper: 'always', or the exchange whose hours the market keeps, such as XNYS.",
    )
    replay: str = Field(
        default="",
        max_length=1000,
        description="Paper: CSV file of recorded bars (time,open,high,low,close,volume[,symbol]) to play once;"
        " unset: the invented market.",
    )
    slippage_ticks: int = Field(
        default=1, ge=0, le=100, description="Paper: ticks beyond the touch for what a market order doesn't find there."
    )
    fees: FeeSettings = Field(default_factory=FeeSettings)
    ibkr: IbkrSettings = Field(default_factory=IbkrSettings)
    policy: PolicySettings = Field(default_factory=PolicySettings)

    @property
    def grantable(self) -> frozenset[Scope]:
        """Return what may be granted on it: where nothing may be traded, no client may write orders."""
        return self.scopes if self.trade else self.scopes - {Scope.WRITE_ORDERS}

    @model_validator(mode="before")
    @classmethod
    def _of_its_own_broker(cls, said: Any) -> Any:
        if not isinstance(said, dict):
            return said
        broker = said.get("broker", "paper")
        if broker == "paper" and "ibkr" in said:
            raise ValueError("the table ibkr is for broker = 'ibkr' alone")
        simulated = _SIMULATED & said.keys()
        if broker == "ibkr" and simulated:
            raise ValueError(f"{min(simulated)} is for the paper broker alone: Interactive Brokers simulates nothing")
        return said

    @model_validator(mode="before")
    @classmethod
    def _live_is_stricter(cls, said: Any) -> Any:
        if not isinstance(said, dict) or not is_live(said) or said.get("broker", "paper") == "paper":
            return said
        missing = missing_for_live(said)
        if missing:
            raise ValueError(f"mode = 'live' is real money, and needs: {'; '.join(missing)}")
        policy = said.get("policy", {})
        return {**said, "policy": for_live_money(policy)} if isinstance(policy, dict) else said

    @field_validator("mode")
    @classmethod
    def _paper_is_paper(cls, value: Mode, info: ValidationInfo) -> Mode:
        if info.data.get("broker") == "paper" and value is not Mode.PAPER:
            raise ValueError("the paper broker's mode must be 'paper'")
        return value

    @field_validator("session")
    @classmethod
    def _known_session(cls, value: str) -> str:
        if value != "always" and value not in names():
            raise ValueError(f"must be 'always' or one of {' '.join(names())}")
        return value

    @field_validator("replay")
    @classmethod
    def _whole_path(cls, value: str, info: ValidationInfo) -> str:
        if value and not Path(value).expanduser().is_absolute():
            raise ValueError("must be a whole path, from / or ~")
        if value and info.data.get("session") != "always":
            raise ValueError("a recording is played without gaps, so session must be 'always'")
        return value


class BudgetSettings(_Section):
    """How many calls one client may make."""

    calls_per_second: float = Field(default=50, gt=0, le=100_000, description="Steady rate of calls.")
    burst: int = Field(default=200, ge=1, le=1_000_000, description="Calls at once before the rate counts.")
    orders_per_minute: float = Field(default=20, gt=0, le=10_000, description="Steady rate of new and changed orders.")
    order_burst: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Orders at once before the rate counts; a group takes one for each leg.",
    )


class KillSettings(_Section):
    """What the kill switch does besides stopping."""

    cancel_orders: bool = Field(default=True, description="Cancel all resting orders.")


class AuditSettings(_Section):
    """The record of every call and decision."""

    queue: int = Field(default=20_000, ge=100, le=1_000_000, description="Records that may wait to be written.")
    mirror: bool = Field(default=True, description="Write the clear columns to DATA/audit.jsonl too, for `tail -F`.")
    mirror_mb: int = Field(
        default=64, ge=1, le=10_000, description="Size at which audit.jsonl becomes audit.jsonl.1 and begins anew."
    )
    keep_days: int | None = Field(
        default=None, ge=1, le=36_500, description="Older records are moved to DATA/archive; unset: all stay."
    )
    keep_records: int | None = Field(
        default=None, ge=1000, le=1_000_000_000, description="Only the newest so many stay; unset: all do."
    )


class ScreenSection(_Section):
    """Looks of the screen."""

    theme: str = Field(
        default="cockpit-dark",
        pattern=r"^[A-Za-z0-9_\-]{1,40}$",
        description="Name of the colour theme. Named here, it wins over the one chosen by `:theme`.",
    )
    rate_hz: int | None = Field(default=None, ge=1, le=30, description="Redraws of the stream a second; unset: 8.")
    ssh_rate_hz: int | None = Field(
        default=None, ge=1, le=30, description="The same over SSH; unset: rate_hz where it is set, otherwise 4."
    )
    ascii: bool = Field(default=False, description="Draw with ASCII characters alone.")
    mouse: bool = Field(default=False, description="Take the mouse.")
    bell: bool = Field(default=True, description="Ring the bell for what newly waits, and at its last 20 seconds.")
    notify: Notify = Field(
        default=Notify.AUTO,
        description="Notifications of the desktop while nobody looks: what the terminal is known to read, one by name, or none.",
    )
    history: int = Field(default=10_000, ge=100, le=200_000, description="Calls kept for the stream.")
    keys: dict[ActName, KeyName] = Field(
        default_factory=dict,
        description="Keys of acts by their names, such as halt = 'f9'; the kill switch gets a second one.",
    )


class Settings(_Section):
    """All of it."""

    data_dir: Path = Field(description="Folder of database, keys and socket.")
    config_dir: Path = Field(description="Folder of the settings file and of the operator's themes.")
    server: ServerSettings = Field(default_factory=ServerSettings)
    oauth: OAuthSettings = Field(default_factory=OAuthSettings)
    approval: ApprovalSettings = Field(default_factory=ApprovalSettings)
    control: ControlSettings = Field(default_factory=ControlSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    kill: KillSettings = Field(default_factory=KillSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    screen: ScreenSection = Field(default_factory=ScreenSection)
    connections: dict[ConnectionName, ConnectionSettings] = Field(
        default_factory=lambda: {"paper": ConnectionSettings()}
    )
    clients: dict[ClientKey, ClientSettings] = Field(default_factory=dict)
    stdio: StdioSettings = Field(default_factory=StdioSettings)

    @field_validator("connections")
    @classmethod
    def _some(cls, value: dict[str, ConnectionSettings], info: ValidationInfo) -> dict[str, ConnectionSettings]:
        if not value:
            raise ValueError("name at least one connection")
        _no_client_number_twice(value)
        _no_account_twice(value)
        approval = info.data.get("approval")
        for rule in approval.rules if isinstance(approval, ApprovalSettings) else ():
            unknown = set(rule.when.connections) - value.keys()
            if unknown:
                raise ValueError(f"the rule {rule.name} names {min(unknown)}, and there is no such connection")
        return value

    @field_validator("web")
    @classmethod
    def _reached_safely(cls, value: WebSettings, info: ValidationInfo) -> WebSettings:
        server, control = info.data.get("server"), info.data.get("control")
        if not value.enabled or not isinstance(server, ServerSettings) or not isinstance(control, ControlSettings):
            return value
        if not server.public_url and server.host not in {"127.0.0.1", "localhost", "::1"}:
            raise ValueError("enabled needs server.public_url: browsers sign in over https")
        if control.approvals == "screen":
            raise ValueError("enabled contradicts control.approvals, which lets the screen alone approve")
        return value

    @field_validator("clients")
    @classmethod
    def _shadows_are_paper(cls, value: dict[str, ClientSettings], info: ValidationInfo) -> dict[str, ClientSettings]:
        connections: dict[str, ConnectionSettings] = info.data.get("connections", {})
        for name, client in value.items():
            found = connections.get(client.shadow)
            if client.shadow and (found is None or found.mode is not Mode.PAPER):
                raise ValueError(f"the shadow of {name} must be a connection in paper mode")
        return value

    @field_validator("stdio")
    @classmethod
    def _has_its_connection(cls, value: StdioSettings, info: ValidationInfo) -> StdioSettings:
        connections: dict[str, ConnectionSettings] = info.data.get("connections", {})
        if not value.enabled or not connections:
            return value
        if not value.connection and len(connections) > 1:
            raise ValueError(
                f"there is more than one connection; stdio.connection names one of {' '.join(connections)}"
            )
        name = value.connection or next(iter(connections))
        if name not in connections:
            raise ValueError(f"stdio.connection names {name}, and there is no such connection")
        beyond = value.scopes - connections[name].grantable
        if beyond:
            raise ValueError(f"stdio.scopes: {min(beyond)} may not be granted on the connection {name}")
        return value


def _no_client_number_twice(connections: dict[str, ConnectionSettings]) -> None:
    taken: dict[tuple[str, int, int], str] = {}
    for name, connection in connections.items():
        if connection.broker != "ibkr":
            continue
        line = connection.ibkr
        other = taken.setdefault((line.host, line.port, line.client_id), name)
        if other != name:
            raise ValueError(
                f"{other} and {name} are the same client {line.client_id} at {line.host}:{line.port}; give one another"
                " client_id"
            )


def _no_account_twice(connections: dict[str, ConnectionSettings]) -> None:
    taken: dict[str, str] = {}
    for name, connection in connections.items():
        if connection.broker == "paper" or not connection.account:
            continue
        other = taken.setdefault(connection.account, name)
        if other != name:
            raise ValueError(
                f"{other} and {name} name the same account, and neither would count what the other sends; keep one of them"
            )
