"""What the operator sees of a request at the web page, and what was ticked there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cockpit.model.identity import READ_SCOPES, Scope, may_be_client
from cockpit.model.text import Safe, safe
from oauth.waiting import WaitingClient
from oauth.web.forms import Form

LIVES: Final = (
    ("1h", "one hour", timedelta(hours=1)),
    ("8h", "eight hours", timedelta(hours=8)),
    ("1d", "a day", timedelta(days=1)),
    ("7d", "a week", timedelta(days=7)),
    ("", "as long as the settings allow", None),
)
_USUAL_LIFE: Final = "8h"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the operator decides on it, with what may be chosen for it."""

    waiting: WaitingClient
    name: str
    """A free name, or the known name whose host and claim fit."""
    known: bool
    """Whether the name was given to such a client before."""
    warnings: tuple[Safe, ...]
    connections: tuple[tuple[str, frozenset[Scope]], ...]
    """What settings allow on each."""

    @property
    def offered(self) -> tuple[Scope, ...]:
        """The asked scopes that some connection allows; nothing else can be granted here."""
        allowed = frozenset[Scope]().union(*(scopes for _, scopes in self.connections))
        return tuple(scope for scope in self.waiting.asked if scope in allowed)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the operator ticked."""

    scopes: frozenset[Scope]
    connection: str
    name: str
    life: str

    @classmethod
    def at_first(cls, seen: Seen) -> Chosen:
        """Return what is ticked at first: what only reads, and no connection where there is a choice."""
        only = seen.connections[0][0] if len(seen.connections) == 1 else ""
        return cls(frozenset(seen.offered) & READ_SCOPES, only, seen.name, _USUAL_LIFE)

    @property
    def lives(self) -> timedelta | None:
        """How long the grant lives; None takes all that the settings allow."""
        return next(lasts for key, _, lasts in LIVES if key == self.life)


def chosen_in(form: Form) -> Chosen:
    """Read what was ticked; whether it may be is looked at by `fault_of`."""
    ticked = frozenset(scope for scope in Scope if form.get(f"scope:{scope.value}"))
    return Chosen(ticked, form.get("connection")[:40], form.get("name").strip()[:60], form.get("lives")[:8])


def fault_of(chosen: Chosen, seen: Seen) -> str:
    """Say what is wrong with a choice: nothing is granted but what was asked, and what settings allow there."""
    allowed = dict(seen.connections).get(chosen.connection)
    if allowed is None:
        return "Choose a connection."
    if not chosen.scopes:
        return "Choose what it may."
    if not chosen.scopes <= frozenset(seen.waiting.asked):
        return "It did not ask for that."
    if not chosen.scopes <= allowed:
        return f"The settings don't allow that on {safe(chosen.connection, 40)}."
    if not may_be_client(chosen.name):
        return "Give it a name of letters, digits, spaces, dots, dashes and underscores, other than the operator's own."
    return "" if chosen.life in {key for key, _, _ in LIVES} else "Choose how long."
