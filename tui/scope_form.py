"""What the operator changes about a client that was let in: its scopes as toggles, with the difference before it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cockpit.model.identity import WRITE_SCOPES, Scope, scope_text
from cockpit.operator.act import Command
from cockpit.operator.acts import SCOPES
from cockpit.operator.view import ClientView

LASTS: Final = (("", "for good"), ("30m", "30 minutes"), ("2h", "2 hours"), ("8h", "8 hours"))
LIFE: Final = "life"


@dataclass(slots=True)
class ScopeForm:
    """The choices, beginning with what the client may do now. It is bound to what was shown when it was opened."""

    view: ClientView
    chosen: set[Scope] = field(default_factory=set)
    row: int = 0
    life_at: int = 0
    """How long what is added lasts."""

    def __post_init__(self) -> None:
        self.chosen = set(self.view.scopes)

    @property
    def rows(self) -> tuple[str | Scope, ...]:
        """Return what can be changed, from top to bottom."""
        return (*Scope, LIFE)

    @property
    def at(self) -> str | Scope:
        """Return what the keys act on."""
        return self.rows[self.row]

    def move(self, steps: int) -> None:
        """Go to another row."""
        self.row = min(max(0, self.row + steps), len(self.rows) - 1)

    def change(self, steps: int = 1) -> None:
        """Toggle a scope, or take the next length of time."""
        here = self.at
        if isinstance(here, Scope):
            self.chosen ^= {here}
        else:
            self.life_at = (self.life_at + steps) % len(LASTS)

    @property
    def added(self) -> tuple[Scope, ...]:
        """Return what the client could do then and can't now."""
        return tuple(scope for scope in Scope if scope in self.chosen and scope not in self.view.scopes)

    @property
    def dropped(self) -> tuple[Scope, ...]:
        """Return what the client can do now and couldn't then."""
        return tuple(scope for scope in Scope if scope not in self.chosen and scope in self.view.scopes)

    @property
    def difference(self) -> tuple[str, ...]:
        """Say every change: ``+write:orders``, ``-read:audit``."""
        return (*(f"+{scope}" for scope in self.added), *(f"-{scope}" for scope in self.dropped))

    @property
    def adds_writing(self) -> bool:
        """Whether something that writes is added."""
        return any(scope in WRITE_SCOPES for scope in self.added)

    def command(self) -> Command:
        """Return the change of exactly this difference, whatever else has changed meanwhile."""
        arguments = {"client": str(self.view.client)}
        if self.added:
            arguments["add"] = scope_text(frozenset(self.added))
            if life := LASTS[self.life_at][0]:
                arguments["for"] = life
        if self.dropped:
            arguments["drop"] = scope_text(frozenset(self.dropped))
        return Command(SCOPES.name, arguments)
