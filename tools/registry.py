"""The catalogue of tools: each declared once, with its scope, its arguments, its result and what it may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from cockpit.brokers.base import Feature
from cockpit.desk.alerts import Alerts
from cockpit.desk.budgets import Budgets
from cockpit.desk.connections import Connection
from cockpit.desk.gate import Admitted, Rule, Served
from cockpit.desk.journal import Journal
from cockpit.desk.market import Market
from cockpit.desk.messages import Messages
from cockpit.desk.offers import Offers
from cockpit.desk.orders import OrderDesk
from cockpit.desk.rates import Rates
from cockpit.desk.switch import Switch
from cockpit.model.clock import Clock
from cockpit.model.identity import Scope
from cockpit.model.orders import Linkage
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.text import safe
from cockpit.settings.model import ApprovalSettings
from cockpit.store.database import Store


class Toolset(StrEnum):
    """Which tools a client is shown: too many of them make it choose badly. The operator adds sets per connection."""

    CORE = "core"
    ORDERS = "orders"
    OPTIONS = "options"
    RESEARCH = "research"
    ALL = "all"


class Arguments(BaseModel):
    """Base of all arguments: what isn't declared is refused, nothing is changed silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Result(BaseModel):
    """Base of all results: plain JSON values, money and prices as decimal strings.

    What is said under a field is its description in the tool's schema: clients read it.
    """

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


A = TypeVar("A", bound=Arguments)
R = TypeVar("R", bound=Result)


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the tools stand on."""

    orders: OrderDesk
    switch: Switch
    budgets: Budgets
    approval: ApprovalSettings
    store: Store
    clock: Clock
    alerts: Alerts
    journal: Journal
    messages: Messages
    closed: Callable[[str], Refusal | None]
    """Returns why no order may open a position on a connection now, as its line, its account and its arming are."""


Progress: TypeAlias = Callable[[float, float | None, str | None], Awaitable[None]]
"""Tells the client how far a call is: how much of how much, and a sentence."""


async def untold(progress: float, total: float | None = None, message: str | None = None) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted call, with everything that a tool may use."""

    admitted: Admitted
    rooms: Rooms
    progress: Progress = untold

    @property
    def market(self) -> Market:
        """Prices of the caller's connection."""
        return Market(self.admitted.connection)

    @property
    def offers(self) -> Offers:
        """What the broker of the caller's connection offers besides."""
        return Offers(self.admitted.connection)

    @property
    def rates(self) -> Rates:
        """What the account's currencies come to in one another now, as its limits count them."""
        return Rates(self.connection, self.rooms.clock, self.connection.settings.policy.max_quote_age_seconds)

    @property
    def connection(self) -> Connection:
        """The connection that the caller's grant is bound to."""
        return self.admitted.connection

    @property
    def orders(self) -> OrderDesk:
        """The client's side of the order path."""
        return self.rooms.orders


@dataclass(frozen=True, slots=True)
class Hints:
    """What a client may show or ask before it calls (MCP tool annotations)."""

    read_only: bool = True
    destructive: bool = False
    idempotent: bool = True
    open_world: bool = True


@dataclass(frozen=True, slots=True)
class Tool(Generic[A, R]):
    """One tool."""

    rule: Rule
    title: str
    description: str
    arguments: type[A]
    result: type[R]
    hints: Hints
    run: Callable[[Call, A], Awaitable[Served[R]]]
    toolset: Toolset = Toolset.CORE
    needs: Linkage | Feature | None = None
    """What the broker must be able to link, or has to offer, for it."""

    def offered(self, connection: Connection) -> bool:
        """Whether the connection's clients are shown it: its set is chosen and the broker can do it."""
        return self.chosen(connection) and self.possible(connection)

    def chosen(self, connection: Connection) -> bool:
        """Whether settings choose its set on that connection; the core always is."""
        chosen = {Toolset(name) for name in connection.settings.toolsets}
        return self.toolset is Toolset.CORE or not chosen.isdisjoint({self.toolset, Toolset.ALL})

    def possible(self, connection: Connection) -> bool:
        """Whether the connection's broker can do it."""
        can = connection.broker.can
        return self.needs is None or self.needs in can.linkages or self.needs in can.features

    def read(self, arguments: Mapping[str, Any]) -> A:
        """Validate what came from outside; Refused with BAD_ARGUMENTS names every mistake."""
        try:
            return self.arguments.model_validate(arguments)
        except ValidationError as error:
            mistakes = {
                safe(".".join(str(part) for part in one["loc"]) or "arguments", 60): safe(one["msg"], 160)
                for one in error.errors(include_url=False, include_context=False, include_input=False)[:12]
            }
            told = "; ".join(f"{name}: {what}" for name, what in mistakes.items())
            raise Refused(refuse("BAD_ARGUMENTS", safe(told, 400), **mistakes)) from None


TOOLS: Final[dict[str, Tool[Any, Any]]] = {}
"""Every tool by name, in the order of declaration."""


def _unchosen(name: str, connection: Connection) -> Refusal | None:
    """Refuse a tool where settings don't choose its set, which only the operator can change."""
    found = TOOLS[name]
    if found.chosen(connection):
        return None
    says = f"The operator's settings don't choose the tools of the set {found.toolset} on this connection."
    return refuse("TOOL_NOT_CHOSEN", says, tool=name, toolset=found.toolset)


def tool(
    name: str,
    *,
    scope: Scope | None,
    title: str,
    arguments: type[A],
    result: type[R],
    hints: Hints = Hints(),
    is_order: bool = False,
    writes: bool = False,
    toolset: Toolset = Toolset.CORE,
    needs: Linkage | Feature | None = None,
) -> Callable[[Callable[[Call, A], Awaitable[Served[R]]]], Callable[[Call, A], Awaitable[Served[R]]]]:
    """Declare a tool; its docstring is what clients read."""

    def declare(run: Callable[[Call, A], Awaitable[Served[R]]]) -> Callable[[Call, A], Awaitable[Served[R]]]:
        description = " ".join((run.__doc__ or "").split())
        withheld = None if toolset is Toolset.CORE else partial(_unchosen, name)
        TOOLS[name] = Tool(
            Rule(name, scope, is_order=is_order, writes=writes, withheld=withheld),
            title,
            description,
            arguments,
            result,
            hints,
            run,
            toolset,
            needs,
        )
        return run

    return declare
