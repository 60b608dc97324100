"""The limits and rules in force, as the acts that show them say it: each value with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cockpit.model.text import Safe, safe
from cockpit.operator.act import Command, Done
from cockpit.operator.acts import LIMITS, RULES
from cockpit.operator.view import Snapshot

MOST_CLIENTS: Final = 20
"""Clients whose own limits are asked for."""
_MOST_ROWS: Final = 500
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class LimitValue:
    """One limit of a connection, or as it holds for one client of it."""

    connection: Safe
    client: str
    """Empty for the connection's own."""
    limit: Safe
    value: Safe
    file: Safe
    """What the settings file says for the connection."""
    is_set: bool
    """Whether the operator has set it at run time."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule that decides about orders, in its place."""

    name: Safe
    does: Safe
    when: Safe
    on: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that was found; a complaint where something was not."""

    limits: tuple[LimitValue, ...]
    rules: tuple[Rule, ...]
    complaint: str = ""

    def of(self, connection: str, client: str = "") -> tuple[LimitValue, ...]:
        """Return the limits of a connection, or those that hold otherwise for a client of it."""
        return tuple(one for one in self.limits if (one.connection, one.client) == (connection, client))


def looks_for(snapshot: Snapshot) -> tuple[tuple[str, Command], ...]:
    """Return what to ask: every limit, those of each client, and the rules; each with the client that it is for."""
    clients = list(dict.fromkeys(str(view.client) for view in snapshot.clients))[:MOST_CLIENTS]
    asked = [("", Command(LIMITS.name)), *((name, Command(LIMITS.name, {"client": name})) for name in clients)]
    return (*asked, ("", Command(RULES.name)))


def policy_of(answers: Sequence[tuple[str, Command, Done]], complaint: str) -> Policy:
    """Read the answers. Of a client only what holds otherwise than for its connection is kept."""
    limits: list[LimitValue] = []
    rules: list[Rule] = []
    for client, command, done in answers:
        if command.act == RULES.name:
            rules += [_rule(row) for row in _rows(done.data, "rules")]
        else:
            limits += [_limit(row, client) for row in _rows(done.data, "limits")]
    everybody = {(one.connection, one.limit): one.value for one in limits if not one.client}
    kept = [one for one in limits if not one.client or everybody.get((one.connection, one.limit)) != one.value]
    return Policy(tuple(kept), tuple(rules), complaint)


def _rows(data: object, name: str) -> list[Mapping[str, Any]]:
    rows = data.get(name) if isinstance(data, Mapping) else data
    return [row for row in rows if isinstance(row, Mapping)][:_MOST_ROWS] if isinstance(rows, list) else []


def _limit(row: Mapping[str, Any], client: str) -> LimitValue:
    said = [_text(row, name) for name in ("connection", "limit", "value", "file")]
    return LimitValue(said[0], client, said[1], said[2], said[3], row.get("set_by_you") is True)


def _rule(row: Mapping[str, Any]) -> Rule:
    return Rule(_text(row, "name"), _text(row, "do"), _text(row, "when"), row.get("on") is True)


def _text(row: Mapping[str, Any], name: str) -> Safe:
    return safe(str(row.get(name, "")), _LONGEST)
