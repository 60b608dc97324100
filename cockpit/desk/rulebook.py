"""The rules of approval with those that the operator has switched off, which a restart doesn't switch on again."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from decimal import Decimal
from typing import Final

from cockpit.desk.groups import EXITS
from cockpit.desk.lowering import Lowering
from cockpit.desk.observer import Judged
from cockpit.desk.rules import Facts, Verdict, decide, strictest
from cockpit.desk.together import JudgedTogether
from cockpit.model.clock import Clock
from cockpit.model.identity import ClientName
from cockpit.model.money import ZERO
from cockpit.model.orders import Linkage
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.settings.approval import Do, RuleSettings
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.times import to_micros
from cockpit.store.writes import Write

_ADDS_UP: Final = frozenset({Linkage.BASKET, Linkage.SPLIT})
"""Groups whose orders may all fill."""


class Rulebook:
    """What the rules say now."""

    def __init__(self, rules: Sequence[RuleSettings], store: Store, clock: Clock) -> None:
        self.rules = tuple(rules)
        self._store = store
        self._clock = clock
        self._off: frozenset[str] = frozenset()
        self._lowering = Lowering()

    async def load(self) -> None:
        """Read which rules are off."""
        self._off = frozenset(row["name"] for row in await self._store.rows("SELECT name FROM rules_off"))

    @property
    def off(self) -> frozenset[str]:
        """Names of the rules that are off."""
        return self._off

    @property
    def approves(self) -> bool:
        """Whether any rule that is on approves by itself."""
        return any(rule.do is Do.APPROVE and rule.name not in self._off for rule in self.rules)

    def symbols(self, connection: str) -> frozenset[str]:
        """Return the symbols that rules of a connection name, those of rules that are off too."""
        here = (rule.when for rule in self.rules if not rule.when.connections or connection in rule.when.connections)
        return frozenset(symbol for when in here for symbol in when.symbols)

    def verdict(self, client: ClientName, connection: str, together: JudgedTogether) -> Verdict:
        """Return what is done with an order, or with several that are decided on together: the strictest of each.

        Exits for which there is no rule go with their entry.
        """
        now, total = self._clock.now(), _value(together)
        verdicts: list[Verdict] = []
        for leg, one in zip(together.wanted.legs, together.judged, strict=True):
            facts = Facts(client, connection, total, _adds_risk(one), now, one.seen.meanings)
            verdict = decide(one.request, facts, self.rules, self._off)
            if verdict.rule or leg.role not in EXITS:
                verdicts.append(verdict)
        return strictest(verdicts)

    async def switch(self, name: str, on: bool, by: str) -> Refusal | None:
        """Switch a rule off, so that it asks instead of deciding, or on again. Off holds before the disk knows it."""
        if name not in {rule.name for rule in self.rules}:
            return refuse("RULE_UNKNOWN", rule=safe(name, 40))
        now = self._clock.now()
        write = (
            Write("DELETE FROM rules_off WHERE name = ?", (name,))
            if on
            else Write("INSERT OR REPLACE INTO rules_off (name, at, by) VALUES (?, ?, ?)", (name, to_micros(now), by))
        )
        entry = AuditEntry(now, "switch", tool=f"rule.{'on' if on else 'off'}", detail={"rule": name, "by": by})

        def apply() -> None:
            self._off = self._off - {name} if on else self._off | {name}

        def commit() -> Awaitable[object]:
            return self._store.commit([write], [entry])

        if on:
            return await self._lowering.rise(name, apply, commit)
        says = "The rule is off until the next start; the database can't be written."
        return await self._lowering.lower(name, apply, commit, says)


def _value(together: JudgedTogether) -> Decimal | None:
    """Return the worst-case value of all of it; None where that of one isn't known."""
    values = [one.notional for one in together.judged]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return sum(known, ZERO) if together.wanted.linkage in _ADDS_UP else max(known)


def _adds_risk(judged: Judged) -> bool | None:
    """Return whether the order adds risk; None where positions aren't known."""
    return judged.seen.adds_risk(judged.request) if judged.seen.held else None
