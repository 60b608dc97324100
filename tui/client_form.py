"""What the operator chooses for a client that asks to be let in: name, connection, life and scopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cockpit.model.identity import CLIENT_NAME, Scope, may_be_client, scope_text
from cockpit.operator.act import Command
from cockpit.operator.acts import APPROVE_CLIENT
from cockpit.operator.view import ClientTicket

LIVES: Final = (
    ("", "as long as settings allow"),
    ("1h", "1 hour"),
    ("8h", "8 hours"),
    ("7d", "7 days"),
    ("30d", "30 days"),
)

NAME, CONNECTION, LIFE = "name", "connection", "life"


@dataclass(slots=True)
class ClientForm:
    """The choices, beginning with the reading scopes that were asked for. A write is only ever chosen by hand."""

    code: str
    ticket: ClientTicket
    name: str = ""
    connection_at: int = 0
    life_at: int = 0
    chosen: set[Scope] = field(default_factory=set)
    row: int = 0
    """Row that the keys act on."""

    def __post_init__(self) -> None:
        self.name = self.name or self.ticket.suggested_name
        self.chosen = self.chosen or {scope for scope in self.ticket.preselected if scope in self.offered}
        self.row = self.rows.index(next((row for row in self.rows if isinstance(row, Scope)), NAME))

    @property
    def connection(self) -> str:
        """Return the connection that the grant will be bound to."""
        return self.ticket.scopes_by_connection[self.connection_at][0] if self.ticket.scopes_by_connection else ""

    @property
    def offered(self) -> tuple[Scope, ...]:
        """Return what may be granted on that connection: what was asked first, each in the order of declaration."""
        if not self.ticket.scopes_by_connection:
            return ()
        allowed = self.ticket.scopes_by_connection[self.connection_at][1]
        asked = self.ticket.request.asked
        return tuple(sorted((s for s in Scope if s in allowed), key=lambda scope: scope not in asked))

    @property
    def rows(self) -> tuple[str | Scope, ...]:
        """Return what can be changed, from top to bottom."""
        several = (CONNECTION,) if len(self.ticket.scopes_by_connection) > 1 else ()
        return (NAME, *several, LIFE, *self.offered)

    @property
    def at(self) -> str | Scope:
        """Return what the keys act on."""
        return self.rows[min(self.row, len(self.rows) - 1)]

    def move(self, steps: int) -> None:
        """Go to another row."""
        self.row = min(max(0, self.row + steps), len(self.rows) - 1)

    def change(self, steps: int = 1) -> None:
        """Change what the keys act on: toggle a scope, take the next connection or life."""
        here = self.at
        if isinstance(here, Scope):
            self.chosen ^= {here}
        elif here == CONNECTION:
            self.connection_at = (self.connection_at + steps) % len(self.ticket.scopes_by_connection)
            self.chosen = {scope for scope in self.ticket.preselected if scope in self.offered}
        elif here == LIFE:
            self.life_at = (self.life_at + steps) % len(LIVES)

    def complaint(self) -> str:
        """Return what still hinders the approval, or nothing."""
        if not CLIENT_NAME.fullmatch(self.name):
            return "the name takes 1 to 40 letters, digits, spaces, dots, dashes or underscores"
        if not may_be_client(self.name):
            return f"the name {self.name!r} is kept for what you trade by hand"
        if not self.connection:
            return "there is no connection to bind it to"
        return "" if self.chosen else "choose at least one scope, or d denies"

    def command(self) -> Command:
        """Return the approval of exactly these choices."""
        arguments = {
            "code": self.code,
            "as": self.name,
            "scope": scope_text(frozenset(self.chosen)),
            "connection": self.connection,
        }
        life = LIVES[self.life_at][0]
        return Command(APPROVE_CLIENT.name, {**arguments, "for": life} if life else arguments)
