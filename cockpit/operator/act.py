"""What an act of the operator is: its command, its arguments, its danger, and how it is given and answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cockpit.model.refusals import Refusal

SCREEN: Final = "screen"
"""The face that is attached to the operator's own terminal."""


class Danger(StrEnum):
    """How an act is confirmed. What lowers risk is instant."""

    SAFE = "safe"
    TWO_STEPS = "two_steps"
    """Adds risk: asks once (the screen: then ``y``; the command line: a question unless ``--yes``)."""
    TYPED = "typed"
    """Adds the most risk: a word is typed (the command line: the same word, or ``--yes``)."""


class TotpDue(StrEnum):
    """When an act takes a code of the operator's authenticator, once one is enrolled. What lowers risk never does."""

    OVER_SOCKET = "over the socket"
    """Where it adds risk and comes over the control socket; at the screen its own confirmation is enough."""
    FOR_WRITES = "for writes"
    """At the screen too, where its scopes hold one that writes. Without named scopes it must give none that writes."""
    FOR_RISK = "for risk"
    """At the screen too, wherever it adds risk."""
    ALWAYS = "always"
    """However it is asked for: it is about the authenticator itself."""


class When(StrEnum):
    """Where an act makes sense."""

    ALWAYS = "always"
    WAITING_ORDER = "waiting order"
    WAITING_CLIENT = "waiting client"
    CLIENT = "client"
    OPEN_ORDER = "open order"
    POSITION = "position"
    LATCH = "latch"
    UNKNOWN_ORDER = "unknown order"
    STOPPED = "stopped"
    COMMAND_LINE = "command line"


class Kind(StrEnum):
    """What an argument is, so that the command line and the prompt can read it."""

    TEXT = "text"
    SCOPES = "scopes"
    DECIMAL = "decimal"
    NUMBER = "number"
    DURATION = "duration"
    """``30m``, ``2h``, ``7d``."""
    MOMENT = "moment"
    """``2026-03-02T14:30`` in UTC, or ``30m``, ``2h``, ``7d`` ago."""
    FORMAT = "format"
    """``jsonl`` or ``csv``."""
    FLAG = "flag"
    """``yes``, or not given."""
    SECRET = "secret"  # noqa: S105 - a kind
    """Typed where nobody sees it, never given on the command line; not kept in any history."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: positional when required, else an option of the same name."""

    name: str
    kind: Kind
    help: str
    required: bool = False


def need(name: str, help: str, kind: Kind = Kind.TEXT) -> Argument:
    """Declare an argument that must be given."""
    return Argument(name, kind, help, required=True)


def may(name: str, help: str, kind: Kind = Kind.TEXT) -> Argument:
    """Declare an argument that may be given."""
    return Argument(name, kind, help)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that the operator can do or ask."""

    name: str
    """``group.verb``: unique, stable, and what the wire carries."""
    command: str
    """The words on the command line and in the ``:`` prompt, such as ``key create``."""
    help: str
    danger: Danger = Danger.SAFE
    arguments: tuple[Argument, ...] = ()
    key: str = ""
    """The key in the screen, in Textual's spelling; empty where there is none."""
    when: When = When.ALWAYS
    changes: bool = True
    """Whether it changes anything; what doesn't is allowed to a read-only screen."""
    word: str = ""
    """What has to be typed, for TYPED acts."""
    adds_risk_with: tuple[str, ...] = ()
    """Arguments, or values of them as in ``connection=off``, without which the act is SAFE; empty where it always has
    its danger."""
    local: bool = False
    """Whether the command line does it by itself in the data folder, whether or not a cockpit runs there."""
    totp: TotpDue = TotpDue.OVER_SOCKET
    """When a code of the operator's authenticator is due."""
    only_closes: bool = False
    """Whether it is confirmed for its weight and opens nothing: no setting keeps it to the screen, which may be lost."""
    finished_by: str = ""
    """The act that finishes what this one begins; its one argument is asked for beside this one's answer."""


def danger_of(act: Act, arguments: Mapping[str, str]) -> Danger:
    """Return how an act is confirmed with these arguments."""
    if act.adds_risk_with and not any(_is_given(one, arguments) for one in act.adds_risk_with):
        return Danger.SAFE
    return act.danger


def _is_given(risk: str, arguments: Mapping[str, str]) -> bool:
    name, _, value = risk.partition("=")
    return name in arguments and (not value or arguments[name].strip() == value)


@dataclass(frozen=True, slots=True)
class Command:
    """An act with its arguments, as a face sends it. Values are text; ``scopes`` are space-separated."""

    act: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    by: str = SCREEN
    """Which face sends it: ``screen`` or ``socket``; for the record, and for what it takes."""
    totp: str = field(default="", repr=False)
    """The code of the operator's authenticator, where one was typed."""


@dataclass(frozen=True, slots=True)
class Done:
    """An act that was carried out: a sentence for people, and what ``--json`` prints."""

    says: str
    data: object = None
    """Plain JSON values alone."""


Answer = Done | Refusal
