"""Which limits hold for whom: the settings' for the connection, tightened by the client's and by the operator's own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from cockpit.desk.connections import Connection
from cockpit.desk.lowering import Lowering
from cockpit.model.clock import Clock
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.settings.policy import (
    TIGHTENS,
    ClientPolicySettings,
    PolicySettings,
    Tightens,
    is_looser,
    limit_words,
    said,
    stricter,
    tightened,
)
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.times import to_micros
from cockpit.store.writes import Write

AS_THE_FILE: Final = "file"
"""Value that takes an own limit away again."""
_LISTS: Final = frozenset({Tightens.FEWER, Tightens.MORE})
_OF_SYMBOLS: Final = ("allowed_symbols", "denied_symbols")
_SPLIT: Final = re.compile(r"[,\s]+")

_SET = (
    "INSERT INTO limits_set (holder, name, key, value, at) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (holder, name, key) DO UPDATE SET value=excluded.value, at=excluded.at"
)
_DROP = "DELETE FROM limits_set WHERE holder=? AND name=? AND key=?"


class Holder(StrEnum):
    """Whose limit it is."""

    CONNECTION = "connection"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A limit that was set: what it was and what it is."""

    holder: Holder
    name: str
    key: str
    before: str
    after: str
    loosens: bool


class Limits:
    """Resolves policies. What is set at run time is durable, audited, and never exceeds the file."""

    def __init__(self, store: Store, clock: Clock, clients: Mapping[str, ClientPolicySettings]) -> None:
        self._store = store
        self._clock = clock
        self._clients: dict[str, dict[str, Any]] = {}
        for name, policy in clients.items():
            _tighten(self._clients.setdefault(name.casefold(), {}), said(policy))
        self._set: dict[tuple[Holder, str], dict[str, Any]] = {}
        self._resolved: dict[tuple[str, str], tuple[PolicySettings, PolicySettings]] = {}
        self._lowering = Lowering()

    async def load(self) -> None:
        """Find what the operator has set. A value that no longer fits is left out: the file's holds."""
        for row in await self._store.rows("SELECT holder, name, key, value FROM limits_set"):
            value = read_limit(row["key"], row["value"])
            if not isinstance(value, Refusal):
                own = self._set.setdefault(_holder(Holder(row["holder"]), row["name"]), {})
                _tighten(own, {row["key"]: value})
        self._resolved.clear()

    def policy(self, connection: Connection, client: str = "") -> PolicySettings:
        """Return what holds for a client on a connection: of every limit the strictest."""
        file = connection.settings.policy
        kept = self._resolved.get((connection.name, client))
        if kept is not None and kept[0] is file:
            return kept[1]
        policy = tightened(
            file,
            self._clients.get(client.casefold(), {}),
            self._set.get(_holder(Holder.CONNECTION, connection.name), {}),
            self._set.get(_holder(Holder.CLIENT, client), {}),
        )
        if len(self._resolved) >= 1000:
            self._resolved.clear()
        self._resolved[connection.name, client] = file, policy
        return policy

    def symbols(self, connection: Connection) -> frozenset[str]:
        """Return the symbols that the lists of a connection and of clients name."""
        file, here = connection.settings.policy, (Holder.CONNECTION, connection.name)
        own = [*self._clients.values(), *(own for of, own in self._set.items() if of == here or of[0] is Holder.CLIENT)]
        lists = [file.allowed_symbols, file.denied_symbols, *(one.get(key) for one in own for key in _OF_SYMBOLS)]
        return frozenset(symbol for one in lists for symbol in one or ())

    def own(self, holder: Holder, name: str) -> Mapping[str, Any]:
        """Return what the operator has set at run time."""
        return self._set.get(_holder(holder, name), {})

    def change(
        self, holder: Holder, name: str, key: str, text: str, file: PolicySettings | None
    ) -> tuple[LimitChange, Any] | Refusal:
        """Read a change without making it. ``file`` is the connection's policy in the settings, None for a client."""
        if key not in TIGHTENS:
            return refuse("LIMIT_UNKNOWN", f"There is no limit named {safe(key, 40)}.", limits=", ".join(TIGHTENS))
        bound = getattr(file, key) if file is not None else self._clients.get(name.casefold(), {}).get(key)
        value = None if text.strip().lower() == AS_THE_FILE else read_limit(key, text)
        if isinstance(value, Refusal):
            return value
        if value is not None and bound is not None and is_looser(key, value, bound):
            return refuse("LIMIT_ABOVE_FILE", limit=key, file=limit_words(bound), asked=limit_words(value))
        before = self._set.get(_holder(holder, name), {}).get(key, bound)
        after = bound if value is None else value
        return LimitChange(
            holder, name, key, limit_words(before), limit_words(after), is_looser(key, after, before)
        ), value

    async def apply(self, change: LimitChange, value: Any, by: str) -> Refusal | None:
        """Make a change as it was read just now: one that loosens is durable first, any other in force at once."""
        now = self._clock.now()
        where = (*_holder(change.holder, change.name), change.key)
        write = Write(_DROP, where) if value is None else Write(_SET, (*where, limit_words(value), to_micros(now)))
        entry = AuditEntry(
            now,
            "switch",
            client=change.name if change.holder is Holder.CLIENT else "",
            tool="limits.set",
            outcome="looser" if change.loosens else "tighter",
            detail={
                "by": by,
                "of": f"{change.holder} {change.name}",
                "limit": change.key,
                "old": change.before,
                "new": change.after,
            },
        )

        def put() -> None:
            own = self._set.setdefault(_holder(change.holder, change.name), {})
            if value is None:
                own.pop(change.key, None)
            else:
                own[change.key] = value
            self._resolved.clear()

        def commit() -> Awaitable[object]:
            return self._store.commit([write], [entry])

        if change.loosens:
            return await self._lowering.rise(where, put, commit)
        says = "The limit holds until the next start; the database can't be written."
        return await self._lowering.lower(where, put, commit, says)


def _holder(holder: Holder, name: str) -> tuple[Holder, str]:
    """Return whose limits they are, by one name whatever its case."""
    return holder, name.casefold() if holder is Holder.CLIENT else name


def _tighten(own: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Take the stricter of each limit."""
    for key, value in other.items():
        own[key] = stricter(key, own.get(key), value)


def read_limit(key: str, text: str) -> Any:
    """Read a limit's value as people type it; a list is separated by commas or spaces."""
    if key not in TIGHTENS:
        return refuse("LIMIT_UNKNOWN", f"There is no limit named {safe(key, 40)}.")
    words = text.strip()
    value: object = words.lower()
    if TIGHTENS[key] in _LISTS:
        found = [] if words.lower() in {"", "none"} else [one for one in _SPLIT.split(words) if one]
        value = [one.upper() if key.endswith("_symbols") else one.lower() for one in found]
    try:
        return getattr(ClientPolicySettings.model_validate({key: value}), key)
    except ValidationError as error:
        says = error.errors(include_url=False)[0]["msg"]
        return refuse("LIMIT_UNKNOWN", safe(f"{key}: {says}.", 200), value=safe(text, 60))
