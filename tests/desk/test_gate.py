"""The gate: nothing gets past it unseen, and nothing gets past it that may not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cockpit.desk import gate
from cockpit.desk.gate import Admitted, Rule, Served
from cockpit.model.events import CallFinished, Outcome
from cockpit.model.identity import Caller, Scope
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.trading import TradingState
from cockpit.settings.model import BudgetSettings, ConnectionSettings
from tests.desk.desks import Desk, open_desk

QUOTE = Rule("get_quote", Scope.READ_MARKET)
PLACE = Rule("place_order", Scope.WRITE_ORDERS, is_order=True, writes=True)
CANCEL = Rule("cancel_order", Scope.WRITE_ORDERS, writes=True)


class Counted:
    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self, admitted: Admitted) -> Served[str]:
        self.runs += 1
        return Served("fine")


async def call(desk: Desk, caller: Caller, rule: Rule | None, tool: Counted) -> Served[str] | Refusal:
    return await desk.gate.run(caller, rule, rule.name if rule else "nothing", {"symbol": "ALFA"}, tool)


async def test_a_good_call_runs_is_recorded_and_published(desk: Desk, claude: Caller) -> None:
    tool = Counted()
    assert isinstance(await call(desk, claude, QUOTE, tool), Served)
    (event,) = [one for one in desk.events if isinstance(one, CallFinished)]
    (record,) = [one for one in await desk.store.audit_tail(10) if one.kind == "call"]
    assert (event.number, event.outcome, event.tool) == (record.number, Outcome.OK, "get_quote")
    assert record.detail["arguments"] == {"symbol": "ALFA"}
    assert record.client == "claude"


async def test_a_killed_grant_is_refused_before_the_tool_runs(desk: Desk, claude: Caller) -> None:
    tool = Counted()
    desk.grants.grants.clear()
    answer = await call(desk, claude, QUOTE, tool)
    assert isinstance(answer, Refusal)
    assert answer.code == "GRANT_ENDED"
    assert tool.runs == 0
    assert [one.code for one in await desk.store.audit_tail(1)] == ["GRANT_ENDED"]


async def test_scopes_are_the_grants_the_settings_and_the_tokens_together(tmp_path: Path) -> None:
    settings = ConnectionSettings(scopes=frozenset({Scope.READ_MARKET, Scope.READ_ORDERS}))
    async with open_desk(tmp_path / "data", settings=settings) as desk:
        caller = desk.grants.give("claude", frozenset({Scope.READ_MARKET, Scope.WRITE_ORDERS}))
        assert desk.gate.scopes(caller) == {Scope.READ_MARKET}
        assert desk.gate.scopes(replace(caller, narrowed=frozenset({Scope.READ_ORDERS}))) == frozenset()
        tool = Counted()
        answer = await call(desk, caller, PLACE, tool)
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.details["scope"], tool.runs) == ("SCOPE_MISSING", "write:orders", 0)


async def test_scopes_change_at_the_next_call(desk: Desk) -> None:
    caller = desk.grants.give("claude", frozenset({Scope.READ_MARKET}))
    tool = Counted()
    assert isinstance(await call(desk, caller, PLACE, tool), Refusal)
    grant = desk.grants.grants[caller.grant.grant_id]
    desk.grants.grants[grant.grant_id] = replace(grant, scopes=frozenset(Scope))
    assert isinstance(await call(desk, caller, PLACE, tool), Served)


async def test_a_halt_stops_orders_and_lets_reads_and_cancels_pass(desk: Desk, claude: Caller) -> None:
    desk.switch.lower(TradingState.HALTED, "test")
    tool = Counted()
    answer = await call(desk, claude, PLACE, tool)
    assert isinstance(answer, Refusal)
    assert answer.code == "HALTED"
    assert isinstance(await call(desk, claude, CANCEL, tool), Served)
    assert isinstance(await call(desk, claude, QUOTE, tool), Served)


async def test_a_kill_stops_everything(desk: Desk, claude: Caller) -> None:
    desk.switch.lower(TradingState.KILLED, "test")
    tool = Counted()
    for rule in (QUOTE, PLACE, CANCEL):
        answer = await call(desk, claude, rule, tool)
        assert isinstance(answer, Refusal)
        assert answer.code == "KILL_SWITCH"
    assert tool.runs == 0


async def test_budgets_hang_on_the_name_and_fill_with_time(tmp_path: Path) -> None:
    budget = BudgetSettings(calls_per_second=1, burst=2, orders_per_minute=60, order_burst=1)
    async with open_desk(tmp_path / "data", budget=budget) as desk:
        tool = Counted()
        first, second = desk.grants.give("claude"), desk.grants.give("claude")
        assert isinstance(await call(desk, first, QUOTE, tool), Served)
        assert isinstance(await call(desk, second, QUOTE, tool), Served)
        answer = await call(desk, first, QUOTE, tool)
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.retryable, tool.runs) == ("RATE_LIMITED", True, 2)
        desk.clock.pass_time(1.1)
        assert isinstance(await call(desk, first, PLACE, tool), Served)
        desk.clock.pass_time(0.5)
        assert isinstance(await call(desk, first, PLACE, tool), Refusal)


async def test_what_nobody_planned_tells_the_client_nothing(desk: Desk, claude: Caller) -> None:
    async def broken(admitted: Admitted) -> Served[str]:
        raise RuntimeError("the secret is 42")

    answer = await desk.gate.run(claude, QUOTE, "get_quote", {}, broken)
    assert isinstance(answer, Refusal)
    assert answer.code == "INTERNAL"
    assert "42" not in answer.message + str(answer.details)


async def test_a_refused_tool_and_an_unknown_one_are_recorded(desk: Desk, claude: Caller) -> None:
    async def refusing(admitted: Admitted) -> Served[str]:
        raise Refused(refuse("INSTRUMENT_UNRESOLVED", symbol="XXXX"))

    await desk.gate.run(claude, QUOTE, "get_quote", {}, refusing)
    await desk.gate.run(claude, None, "no\x1bsuch", {}, refusing)
    codes = [(one.tool, one.code) for one in await desk.store.audit_tail(2)]
    assert codes == [("get_quote", "INSTRUMENT_UNRESOLVED"), ("no\\x1bsuch", "UNKNOWN_TOOL")]


async def test_a_call_whose_client_went_away_is_recorded(desk: Desk, claude: Caller) -> None:
    entered = asyncio.Event()

    async def slow(admitted: Admitted) -> Served[str]:
        entered.set()
        await asyncio.Event().wait()
        return Served("never")

    task = asyncio.create_task(desk.gate.run(claude, QUOTE, "get_quote", {}, slow))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [one.code for one in await desk.store.audit_tail(1)] == ["CANCELLED"]


async def test_huge_arguments_are_not_kept(desk: Desk, claude: Caller) -> None:
    await desk.gate.run(claude, QUOTE, "get_quote", {"symbol": "A" * 10_000}, Counted())
    (record,) = await desk.store.audit_tail(1)
    assert record.detail["arguments"] == {"too_long": 10_013}


async def test_a_flood_beyond_the_budget_is_one_record_a_second(tmp_path: Path) -> None:
    budget = BudgetSettings(calls_per_second=1, burst=1)
    async with open_desk(tmp_path / "data", budget=budget) as desk:
        caller, tool = desk.grants.give("claude"), Counted()
        for rule in (QUOTE, PLACE, None):
            for _ in range(50):
                await call(desk, caller, rule, tool)
        assert [one.code for one in await desk.store.audit_tail(10) if one.kind == "call"] == ["", "RATE_LIMITED"]
        desk.clock.pass_time(0.99)
        await call(desk, caller, QUOTE, tool)
        desk.clock.pass_time(0.005)
        await call(desk, caller, QUOTE, tool)
        (last,) = await desk.store.audit_tail(1)
        assert last.code in {"", "RATE_LIMITED"}
        desk.clock.pass_time(1.0)
        await call(desk, caller, QUOTE, tool)
        desk.clock.pass_time(0.01)
        await call(desk, caller, QUOTE, tool)
        assert any("more before" in str(one.detail.get("says")) for one in await desk.store.audit_tail(3))


async def test_a_flood_that_ends_leaves_its_whole_number_in_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_ONE_RECORD", 0.05)
    async with open_desk(tmp_path / "data", budget=BudgetSettings(calls_per_second=1, burst=1)) as desk:
        caller, tool = desk.grants.give("claude"), Counted()
        for number in range(9):
            if number == 6:
                await asyncio.sleep(0.1)
            answer = await call(desk, caller, QUOTE, tool)
        assert isinstance(answer, Refusal)
        assert "wait 0.0 s" not in answer.message
        await asyncio.sleep(0.1)
        says = [str(one.detail.get("says")) for one in await desk.store.audit_tail(10) if one.code == "RATE_LIMITED"]
        assert says[1:] == ["4 more before", "3 more before"]


async def test_calls_that_never_came_to_the_gate_take_from_the_budget_too(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data", budget=BudgetSettings(calls_per_second=1, burst=2)) as desk:
        caller = desk.grants.give("claude")
        for _ in range(50):
            desk.gate.turned_away(caller, "get_quote", refuse("BAD_ARGUMENTS"))
        codes = [one.code for one in await desk.store.audit_tail(60) if one.kind == "call"]
        assert codes == ["BAD_ARGUMENTS", "BAD_ARGUMENTS", "RATE_LIMITED"]


async def test_a_call_cut_by_the_end_of_its_authority_says_so(desk: Desk, claude: Caller) -> None:
    entered = asyncio.Event()

    async def slow(admitted: Admitted) -> Served[str]:
        entered.set()
        await asyncio.Event().wait()
        return Served("never")

    task = asyncio.create_task(desk.gate.run(claude, QUOTE, "get_quote", {}, slow))
    await entered.wait()
    desk.grants.grants.clear()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [one.code for one in await desk.store.audit_tail(1)] == ["GRANT_ENDED"]
