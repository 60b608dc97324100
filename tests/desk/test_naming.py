"""Names in limits and rules: what they stand for, and what holds while nobody knows that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.desk.risk import Meanings
from cockpit.desk.rules import Verdict, decide
from cockpit.model.events import Notice
from cockpit.model.instruments import Instrument
from cockpit.settings.approval import Do
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from tests.desk.desks import Desk, market, open_desk
from tests.desk.risk_scenes import SEEN, failed, order
from tests.desk.test_rules import BUY, FACTS, rule

TOLD = Meanings({"ALFA:XNAS": frozenset({"ALFA"}), "TWIN": frozenset({"TWIN:A", "IB:7"}), "NONE": frozenset()})


@pytest.mark.parametrize(
    ("name", "symbol", "one", "any_"),
    [
        ("ALFA", "ALFA", True, True),
        ("ALFA:XNAS", "ALFA", True, True),
        ("TWIN", "TWIN:A", False, True),
        ("TWIN", "IB:7", False, True),
        ("TWIN", "TWIN:ELSEWHERE/EUR", False, True),
        ("RHEIN:IBIS", "RHEIN:IBIS/EUR", False, True),
        ("RHEIN:IBIS", "RHEIN:IBIS2", False, False),
        ("RHEIN", "RHEINMETALL", False, False),
        ("NONE", "ALFA", False, False),
    ],
)
def test_a_name_stands_for_what_the_broker_lists_and_for_its_listings(
    name: str, symbol: str, one: bool, any_: bool
) -> None:
    assert (TOLD.one_of([name], symbol), TOLD.any_of({name}, symbol)) == (one, any_)


def test_what_a_list_refuses_is_refused_while_nobody_knows_what_its_names_stand_for() -> None:
    untold = replace(SEEN, meanings=Meanings(untold=frozenset({"IB:7"})))
    denies, allows = frozenset({"IB:7"}), frozenset({"IB:7"})
    policy = PolicySettings(denied_symbols=denies)
    assert failed(order(), untold, policy) == {"SYMBOL_RESTRICTED"}
    assert failed(order(), replace(SEEN, meanings=Meanings({"IB:7": frozenset({"BRVO"})})), policy) == set()
    assert failed(order(), untold, PolicySettings(allowed_symbols=allows)) == {"SYMBOL_NOT_ALLOWED"}
    assert failed(order(), untold, PolicySettings(allowed_symbols=allows | {"ALFA"})) == set()


def test_a_rule_holds_back_all_that_goes_by_its_symbol_and_approves_only_what_it_names() -> None:
    twin = replace(BUY, symbol="TWIN:A")
    facts = replace(FACTS, meanings=TOLD)
    rules = rule("never", Do.DENY, symbols=["TWIN"]), rule("twins", Do.APPROVE, symbols=["TWIN"])
    assert decide(twin, facts, rules) == Verdict(Do.DENY, "never")
    assert decide(twin, facts, rules[1:]) == Verdict(Do.ASK)
    assert decide(BUY, facts, (rule("alfa", Do.APPROVE, symbols=["ALFA:XNAS"]),)) == Verdict(Do.APPROVE, "alfa")


def test_nothing_is_approved_behind_a_rule_whose_symbol_nobody_knows_yet() -> None:
    rules = rule("never", Do.DENY, symbols=["IB:7"]), rule("rest", Do.APPROVE, clients=["claude"])
    facts = replace(FACTS, meanings=Meanings(untold=frozenset({"IB:7"})))
    assert decide(BUY, facts, rules) == Verdict(Do.ASK, "never", unsure=True)
    assert decide(BUY, replace(FACTS, meanings=Meanings({"IB:7": frozenset()})), rules) == Verdict(Do.APPROVE, "rest")


async def checks_of(desk: Desk, symbol: str = "ALFA") -> set[str]:
    judged = await desk.observer.judge(desk.connections.need("paper"), market(symbol), client="claude")
    return {one.code for one in judged.checks if not one.ok}


async def test_a_denied_name_is_asked_for_until_the_broker_tells_it_and_never_forgotten(tmp_path, monkeypatch) -> None:
    settings = ConnectionSettings(policy=PolicySettings(denied_symbols=frozenset({"IB:7", "NONESUCH"})))
    async with open_desk(tmp_path, settings=settings) as desk:
        broker = desk.connections.need("paper").broker
        find, asked = broker.find, []
        named: dict[str, str | None] = {"IB:7": None}

        async def by_number(symbol: str) -> Sequence[Instrument]:
            asked.append(symbol)
            if symbol in named and named[symbol] is None:
                raise BrokerUnavailable("no answer")
            return () if named.get(symbol) == "" else await find(named.get(symbol) or symbol)

        monkeypatch.setattr(broker, "find", by_number)
        await desk.oversight.look()
        assert await checks_of(desk) == {"SYMBOL_RESTRICTED"}
        named["IB:7"] = "ALFA"
        assert await checks_of(desk) == {"SYMBOL_RESTRICTED"}
        assert await checks_of(desk, "BRVO") == set()
        named["IB:7"] = ""
        asked.clear()
        desk.clock.pass_time(3601)
        for _ in range(2):
            await desk.oversight.look()
        assert sorted(asked) == ["IB:7", "NONESUCH"]
        assert "SYMBOL_RESTRICTED" in await checks_of(desk)
        told = [one.text for one in desk.events if isinstance(one, Notice)]
        assert told == ["paper: the broker lists nothing under names in limits or rules: NONESUCH."]
