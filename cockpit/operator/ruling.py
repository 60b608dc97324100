"""The rules of approval, where a client's orders go, and what becomes of orders that nobody can say anything about."""

from __future__ import annotations

from typing import Final

from cockpit.desk.resolving import RESOLVED
from cockpit.desk.shadow import OFF
from cockpit.model.identity import Grant
from cockpit.model.orders import AT_BROKER, Order, OrderId
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import counted, safe
from cockpit.model.trading import Mode
from cockpit.operator.act import Answer, Done
from cockpit.operator.listing import order_json
from cockpit.operator.meant import grants_meant
from cockpit.operator.rooms import OperatorRooms
from cockpit.settings.approval import RuleSettings

_MOST_NAMED: Final = 10
_RESOLVED: Final = {state.value: state for state in RESOLVED}


class Ruling:
    """The acts about rules, shadows, routes and unknown orders."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms

    async def show(self, given: dict[str, str], by: str) -> Answer:
        """Every rule in its order, whether it is on, and whether rules approve now."""
        book, presence = self._rooms.rulebook, self._rooms.presence
        rows = [_rule_json(place, rule, book.off) for place, rule in enumerate(book.rules, 1)]
        if not rows:
            return Done("There are no rules: every order asks you.", rows)
        pause = "" if presence.lets_rules_approve else " None approves anything now: you count as away."
        return Done(f"{counted(len(rows), 'rule')}; the first that fits decides.{pause}", rows)

    async def switch_off(self, given: dict[str, str], by: str) -> Answer:
        """Let a rule ask the operator instead of deciding."""
        refusal = await self._rooms.rulebook.switch(given["name"], False, by)
        return refusal or Done(
            f"The rule {given['name']} is off: its orders ask you.", {"rule": given["name"], "on": False}
        )

    async def switch_on(self, given: dict[str, str], by: str) -> Answer:
        """Let a rule decide again."""
        refusal = await self._rooms.rulebook.switch(given["name"], True, by)
        return refusal or Done(f"The rule {given['name']} is on.", {"rule": given["name"], "on": True})

    async def shadow(self, given: dict[str, str], by: str) -> Answer:
        """Send a client's orders to a paper connection, or to its own again. What waited goes nowhere any more."""
        rooms, name = self._rooms, given["connection"].strip()
        client = self._client(given["client"])
        if isinstance(client, Refusal):
            return client
        if name != OFF:
            found = rooms.connections.get(name)
            if found is None:
                return self._unknown_connection(name)
            if found.settings.mode is not Mode.PAPER:
                return refuse("NOT_PAPER", connection=name)
        elif (fixed := rooms.shadows.may_lift(client)) is not None:
            return fixed
        refusal = await rooms.shadows.set(client, "" if name == OFF else name, by)
        voided = await self._void(client, by)
        if refusal is not None:
            return refusal
        where = "its own connection, for real" if name == OFF else f"{name}, as a shadow; it still reads its own"
        data = {"client": client, "shadow": "" if name == OFF else name, "voided": voided}
        return Done(f"Orders of {safe(client, 60)} go to {where}.{_ended(voided)}", data)

    async def route(self, given: dict[str, str], by: str) -> Answer:
        """Bind every grant of a client to another connection. What waited goes nowhere any more."""
        rooms, name = self._rooms, given["connection"].strip()
        if rooms.connections.get(name) is None:
            return self._unknown_connection(name)
        grants = self._grants(given["client"])
        if not grants:
            return refuse("CLIENT_UNKNOWN", client=safe(given["client"], 60))
        client, before = grants[0].client, {grant.connection for grant in grants} - {name}
        voided = 0
        for grant in grants:
            if grant.connection == name:
                continue
            moved = await rooms.authority.set_connection(grant.grant_id, name, by)
            if isinstance(moved, Refusal):
                return moved
            voided += await rooms.decisions.void_waiting("REROUTED", by, grant.grant_id)
        if not before:
            return Done(f"{client} is on {name} already.", {"client": client, "connection": name, "voided": 0})
        left = [
            one
            for one in rooms.book.open()
            if one.client == client and one.connection in before and one.state in AT_BROKER
        ]
        still = (
            f" {len(left)} orders of it still work on {', '.join(sorted(before))}; cancel them here." if left else ""
        )
        data = {"client": client, "connection": name, "voided": voided, "left": [one.order_id for one in left]}
        return Done(f"{client} is on {name} now.{_ended(voided)}{still}", data)

    async def reconcile(self, given: dict[str, str], by: str) -> Answer:
        """Compare all orders with the brokers' books."""
        name = given.get("connection")
        if name is not None and self._rooms.connections.get(name) is None:
            return self._unknown_connection(name)
        rows = [
            {
                "connection": one.connection,
                "compared": not one.problem,
                "problem": one.problem,
                "unknown": list(one.unknown),
                "foreign": [order.request.words() for order in one.foreign],
            }
            for one in await self._rooms.decisions.reconcile(name)
        ]
        unknown = sum(len(row["unknown"]) for row in rows)
        failed = sum(not row["compared"] for row in rows)
        says = (
            "Every order is as the brokers say."
            if not unknown
            else f"{counted(unknown, 'order is', 'orders are')} unknown."
        )
        if failed:
            says = f"{counted(failed, 'connection')} could not be asked. {says if unknown else ''}".strip()
        others = [f"{words} on {row['connection']}" for row in rows for words in row["foreign"]]
        if others:
            says += f" Open and not from here: {'; '.join(others[:_MOST_NAMED])}"
            says += f" and {len(others) - _MOST_NAMED} more." if len(others) > _MOST_NAMED else "."
        return Done(says, rows)

    async def resolve(self, given: dict[str, str], by: str) -> Answer:
        """End an unknown order as the operator says; the broker's books overrule it."""
        state = _RESOLVED.get(given["state"].strip().lower())
        if state is None:
            return refuse("BAD_ACT_ARGUMENTS", f"An unknown order is resolved to one of {', '.join(_RESOLVED)}.")
        result = await self._rooms.decisions.resolve(OrderId(given["order_id"]), state, by)
        if not isinstance(result, Order):
            return result
        return Done(f"{result.request.words()}: {result.state}.", order_json(result))

    def _grants(self, client: str) -> list[Grant]:
        return grants_meant(self._rooms.authority.grants(), client)

    def _client(self, client: str) -> str | Refusal:
        """Return the name of a client that was let in once, or that the settings know."""
        grants = self._grants(client)
        if grants:
            return grants[0].client
        known = [*(one.name for one in self._rooms.authority.names()), *self._rooms.settings.clients]
        for name in known:
            if name.casefold() == client.strip().casefold():
                return name
        return refuse("CLIENT_UNKNOWN", client=safe(client, 60))

    async def _void(self, client: str, by: str) -> int:
        voided = 0
        waiting = [*self._rooms.book.waiting(), *self._rooms.book.unconfirmed()]
        for grant_id in {one.grant_id for one in waiting if one.client.casefold() == client.casefold()}:
            voided += await self._rooms.decisions.void_waiting("REROUTED", by, grant_id)
        return voided

    def _unknown_connection(self, name: str) -> Refusal:
        return refuse("CONNECTION_UNKNOWN", connection=safe(name, 40), known=", ".join(self._rooms.connections.names()))


def _ended(voided: int) -> str:
    return f" {voided} waiting orders ended." if voided else ""


def _rule_json(place: int, rule: RuleSettings, off: frozenset[str]) -> dict[str, object]:
    when = rule.when.model_dump(mode="json", exclude_defaults=True)
    if rule.when.hours or rule.when.days:
        when["time_zone"] = rule.when.time_zone
    said = [f"{name} {' '.join(value) if isinstance(value, list) else value}" for name, value in when.items()]
    return {
        "place": place,
        "name": rule.name,
        "do": rule.do,
        "on": rule.name not in off,
        "when": "; ".join(said) or "always",
    }
