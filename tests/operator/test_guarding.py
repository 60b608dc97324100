from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.identity import READ_SCOPES, WRITE_SCOPES, Scope, scope_text
from cockpit.operator.act import Act, Danger, Kind, TotpDue, danger_of
from cockpit.operator.acts import ACTS
from cockpit.operator.guarding import Before, adds_risk, given_scopes, needs_code

SCREEN = Before(enrolled=True, stopped=True, at_screen=True)
SOCKET = replace(SCREEN, at_screen=False)

READS, WRITES = {"scope": "read:market read:orders"}, {"scope": "read:market write:orders"}
AT_THE_SCREEN = [
    ("client.approve", {"code": "BCDFGH", **WRITES}, True),
    ("client.approve", {"code": "BCDFGH", "scope": "write:alerts"}, True),
    ("client.approve", {"code": "BCDFGH", **READS}, False),
    ("client.approve", {"code": "BCDFGH"}, False),
    ("client.scopes", {"client": "claude", "add": "write:orders"}, True),
    ("client.scopes", {"client": "claude", "add": "read:audit"}, False),
    ("client.scopes", {"client": "claude", "drop": "write:orders"}, False),
    ("client.scopes", {"client": "claude", "add": "read:audit", "drop": "write:orders"}, False),
    ("key.create", {"name": "bot", **WRITES}, True),
    ("key.create", {"name": "bot", **READS}, False),
    ("key.enable", {"name": "bot"}, True),
    ("client.route", {"client": "claude", "connection": "live"}, True),
    ("client.shadow", {"client": "claude", "connection": "off"}, True),
    ("client.shadow", {"client": "claude", "connection": "paper"}, False),
    ("rules.on", {"name": "small"}, True),
    ("rules.off", {"name": "small"}, False),
    ("resume", {}, True),
    ("latch.release", {"latch": "daily_loss:paper"}, True),
    ("limits.set", {"name": "paper", "limit": "max_notional", "value": "9", "raise": "yes"}, True),
    ("limits.set", {"name": "paper", "limit": "max_notional", "value": "9"}, False),
    ("order.approve", {"order_id": "o-1"}, False),
    ("position.close", {"symbol": "ALFA"}, False),
    ("position.flatten", {}, False),
    ("order.resolve", {"order_id": "o-1", "state": "cancelled"}, False),
    ("totp.enroll", {}, True),
    ("totp.backup", {}, True),
    ("totp.remove", {}, True),
    ("totp.confirm", {"code": "123456"}, False),
    ("totp.status", {}, False),
]
LOWERING = ["client.deny", "client.revoke", "order.deny", "order.cancel", "order.cancel_all", "kill", "halt", "reduce"]
LOWERING += ["rules.off", "key.revoke", "reconcile"]

VALUES = {
    Kind.SCOPES: st.frozensets(st.sampled_from(list(Scope)), min_size=1).map(scope_text),
    Kind.FLAG: st.just("yes"),
}


@st.composite
def asked(draw: st.DrawFn) -> tuple[Act, dict[str, str]]:
    act = draw(st.sampled_from(list(ACTS.values())))
    chosen = [one for one in act.arguments if one.required or draw(st.booleans())]
    values = {one.name: draw(VALUES.get(one.kind, st.sampled_from(["off", "paper", "5"]))) for one in chosen}
    return act, values


BEFORES = st.builds(Before, enrolled=st.booleans(), stopped=st.booleans(), at_screen=st.booleans())


@pytest.mark.parametrize(("name", "arguments", "needed"), AT_THE_SCREEN)
def test_at_the_screen_a_code_is_due_for_writes_and_for_what_undoes_a_stop(
    name: str, arguments: dict[str, str], needed: bool
) -> None:
    assert needs_code(ACTS[name], arguments, SCREEN) is needed


@pytest.mark.parametrize("act", ACTS.values(), ids=lambda act: act.name)
def test_over_the_socket_whatever_adds_risk_takes_a_code(act: Act) -> None:
    arguments = {one.name: "off" if one.name == "connection" else "x" for one in act.arguments}
    arguments |= {one.name: "read:market" for one in act.arguments if one.kind is Kind.SCOPES}
    risky = danger_of(act, arguments) is not Danger.SAFE or act.totp is TotpDue.ALWAYS
    assert needs_code(act, arguments, SOCKET) is risky


@pytest.mark.parametrize("name", LOWERING)
def test_what_lowers_risk_never_takes_a_code(name: str) -> None:
    act = ACTS[name]
    arguments = {one.name: "x" for one in act.arguments}
    assert not any(needs_code(act, arguments, before) for before in (SCREEN, SOCKET))


def test_resuming_what_runs_takes_no_code() -> None:
    assert not needs_code(ACTS["resume"], {}, replace(SOCKET, stopped=False))


@given(asked(), BEFORES)
def test_without_an_authenticator_nothing_takes_a_code(asked: tuple[Act, dict[str, str]], before: Before) -> None:
    assert not needs_code(*asked, replace(before, enrolled=False))


@given(asked(), BEFORES)
def test_only_what_adds_risk_or_is_about_the_authenticator_takes_a_code(
    asked: tuple[Act, dict[str, str]], before: Before
) -> None:
    act, arguments = asked
    if needs_code(act, arguments, before):
        assert act.changes
        assert act.totp is TotpDue.ALWAYS or adds_risk(act, arguments, before)


@given(asked(), BEFORES)
def test_the_socket_never_takes_less_than_the_screen(asked: tuple[Act, dict[str, str]], before: Before) -> None:
    act, arguments = asked
    at_screen = needs_code(act, arguments, replace(before, at_screen=True))
    assert needs_code(act, arguments, replace(before, at_screen=False)) >= at_screen


@given(asked(), BEFORES)
def test_nobody_gets_a_scope_that_writes_without_a_code(asked: tuple[Act, dict[str, str]], before: Before) -> None:
    act, arguments = asked
    writes = given_scopes(act, arguments) & WRITE_SCOPES
    if writes and act.danger is not Danger.SAFE:
        assert needs_code(act, arguments, replace(before, enrolled=True))


@given(st.frozensets(st.sampled_from(list(Scope)), min_size=1), st.frozensets(st.sampled_from(list(Scope))))
def test_widening_takes_a_code_exactly_where_it_adds_writes(more: frozenset[Scope], fewer: frozenset[Scope]) -> None:
    arguments = {"client": "claude", "add": scope_text(more), "drop": scope_text(fewer)}
    assert needs_code(ACTS["client.scopes"], arguments, SCREEN) is not (more <= READ_SCOPES)


def test_every_act_that_gives_scopes_says_when_a_code_is_due() -> None:
    for act in ACTS.values():
        gives = [one.name for one in act.arguments if one.kind is Kind.SCOPES]
        if gives and act.danger is not Danger.SAFE:
            assert act.totp is not TotpDue.OVER_SOCKET, act.name


def test_what_begins_an_act_is_finished_by_one_with_one_argument() -> None:
    for act in ACTS.values():
        if act.finished_by:
            (argument,) = ACTS[act.finished_by].arguments
            assert argument.required
