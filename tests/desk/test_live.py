"""Real money: nothing opens a position before the operator arms the connection, and for no longer than he said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.arming import Armed
from cockpit.desk.by_hand import ByHand
from cockpit.desk.closure import Close
from cockpit.desk.groups import Leg, basket
from cockpit.desk.limits import Holder
from cockpit.model.events import Notice
from cockpit.model.identity import Caller
from cockpit.model.orders import LinkLost, Order, OrderRequest, OrderState, Role, Side
from cockpit.model.refusals import Refusal, Refused
from cockpit.model.text import Safe
from cockpit.model.trading import Link, Mode, TradingState
from cockpit.settings.approval import Do, OperatorLost, RuleSettings, WhenSettings
from cockpit.settings.model import ApprovalSettings
from cockpit.store.writes import StoreUnavailable
from tests.desk.desks import NOON, Desk, limit, market, open_desk, place
from tests.desk.live_broker import LiveBroker, live_settings

HOURS = timedelta(hours=8)


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose one connection, of the name paper, has real money."""
    async with open_desk(tmp_path / "data", settings=live_settings(), make=LiveBroker) as opened:
        yield opened


@pytest.fixture
def client(real: Desk) -> Caller:
    return real.grants.give("claude")


def broker(desk: Desk) -> LiveBroker:
    found = desk.connections.need("paper").broker
    assert isinstance(found, LiveBroker)
    return found


async def arm(desk: Desk, lasts: timedelta = HOURS) -> Armed:
    armed = await desk.arming.arm(desk.connections.need("paper"), lasts, "screen")
    assert isinstance(armed, Armed), armed
    return armed


async def arm_refused(desk: Desk) -> str:
    answer = await desk.arming.arm(desk.connections.need("paper"), HOURS, "screen")
    assert isinstance(answer, Refusal), answer
    return answer.code


async def code_of(desk: Desk, client: Caller, request: OrderRequest, key: str = "key-00000001") -> str:
    with pytest.raises(Refused) as found:
        await place(desk, client, request, key)
    return found.value.refusal.code


async def sent(desk: Desk, client: Caller, request: OrderRequest, key: str) -> Order | Refusal:
    order = await place(desk, client, request, key)
    return await desk.decisions.approve(order.order_id, None, None, None, "screen")


async def hold(desk: Desk, client: Caller, quantity: str = "5") -> None:
    await arm(desk)
    filled = await sent(desk, client, market("ALFA", quantity), f"key-to-hold-{quantity}")
    assert isinstance(filled, Order)
    assert filled.state is OrderState.FILLED
    desk.arming.disarm("paper", "screen")


async def held(desk: Desk) -> Decimal:
    return sum((one.quantity for one in await broker(desk).positions()), Decimal(0))


def notices(desk: Desk) -> list[str]:
    return [event.text for event in desk.events if isinstance(event, Notice)]


async def test_a_live_connection_starts_unarmed_and_refuses_what_opens(real: Desk, client: Caller) -> None:
    assert await code_of(real, client, market()) == "LIVE_DISABLED"
    assert not await broker(real).orders()


async def test_once_armed_an_order_opens_with_the_operators_approval(real: Desk, client: Caller) -> None:
    await arm(real)
    order = await place(real, client, market())
    assert order.state is OrderState.PENDING
    filled = await real.decisions.approve(order.order_id, None, None, None, "screen")
    assert isinstance(filled, Order)
    assert filled.state is OrderState.FILLED


async def test_unarmed_what_reduces_passes_and_no_more_than_is_held(real: Desk, client: Caller) -> None:
    await hold(real, client, "5")
    assert await code_of(real, client, market("ALFA", "6", Side.SELL)) == "LIVE_DISABLED"
    sold = await sent(real, client, market("ALFA", "5", Side.SELL), "key-to-sell-5")
    assert isinstance(sold, Order)
    assert sold.state is OrderState.FILLED
    assert await held(real) == 0
    assert await code_of(real, client, market("ALFA", "1", Side.SELL), "key-to-sell-1") == "LIVE_DISABLED"


async def test_unarmed_no_bought_option_is_sold_from_under_a_sold_one(tmp_path: Path) -> None:
    bought, sold = "ALFA260306P00340000", "ALFA260306P00350000"
    policy = {"asset_classes": ["option"], "allowed_symbols": [bought, sold], "max_spread_options": "0.5", "allow_short": True,
              "max_notional": "1000000", "max_concentration": "1", "max_position": "100"}  # fmt: skip
    async with open_desk(tmp_path / "data", settings=live_settings(policy), make=LiveBroker) as desk:
        client = desk.grants.give("claude")
        await arm(desk)
        legs = [Leg(market(bought, "1"), Role.LEG), Leg(market(sold, "1", Side.SELL), Role.LEG)]
        group = await desk.orders.place_group(desk.admitted(client), basket(legs), "key-spread-001")
        assert isinstance(await desk.decisions.approve(group[0].order_id, None, None, None, "screen"), Order)
        assert {one.symbol: one.quantity for one in await broker(desk).positions()} == {bought: 1, sold: -1}
        desk.arming.disarm("paper", "screen")
        assert await code_of(desk, client, market(bought, "1", Side.SELL)) == "LIVE_DISABLED"
        for order in (market(sold, "1"), market(bought, "1", Side.SELL)):
            filled = await sent(desk, client, order, f"key-close-{order.side}")
            assert isinstance(filled, Order)
            assert filled.state is OrderState.FILLED
        assert await broker(desk).positions() == ()


async def test_armed_the_sale_of_a_bought_option_from_under_a_sold_one_is_under_every_limit_and_no_rule_of_closing(
    tmp_path: Path,
) -> None:
    bought, sold = "ALFA260306P00340000", "ALFA260306P00350000"
    policy = {"asset_classes": ["option"], "allowed_symbols": [bought, sold], "max_spread_options": "0.5", "allow_short": True,
              "max_notional": "1000000", "max_concentration": "1", "max_position": "100", "allow_auto": True,
              "max_daily_notional": "1000000", "connection_daily_notional": "1000000"}  # fmt: skip
    closing = RuleSettings(name="closing", do=Do.APPROVE, when=WhenSettings(reducing=True))
    approval = ApprovalSettings(rules=(closing,))
    settings = live_settings(policy)
    async with open_desk(tmp_path / "data", settings=settings, make=LiveBroker, approval=approval) as desk:
        client = desk.grants.give("claude")
        desk.presence.attached()
        desk.presence.touched()
        await arm(desk)
        legs = [Leg(market(bought, "1"), Role.LEG), Leg(market(sold, "1", Side.SELL), Role.LEG)]
        group = await desk.orders.place_group(desk.admitted(client), basket(legs), "key-spread-001")
        assert isinstance(await desk.decisions.approve(group[0].order_id, None, None, None, "screen"), Order)
        sale = market(bought, "1", Side.SELL)
        waits = await place(desk, client, sale, "key-uncover-1")
        assert (waits.state, waits.rule) == (OrderState.PENDING, "")
        broker(desk).warning = "MARGIN: short of margin"
        small = desk.oversight.limits.change(
            Holder.CONNECTION, "paper", "max_notional", "2000", desk.connections.need("paper").settings.policy
        )
        assert not isinstance(small, Refusal)
        assert await desk.oversight.limits.apply(*small, "screen") is None
        connection = desk.connections.need("paper")
        for by_operator in (False, True):
            judged = await desk.observer.judge(connection, sale, by_operator=by_operator)
            found = {one.code for one in judged.checks if not one.ok}
            assert found == (set() if by_operator else {"MAX_NOTIONAL", "WHATIF_WARNING"})


async def test_what_was_approved_before_the_end_is_not_sent_after_it(
    real: Desk, client: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arm(real, timedelta(minutes=1))
    order = await place(real, client, market())
    add = real.book.move_all

    async def slow(*given: object, **more: object) -> object:
        done = await add(*given, **more)  # type: ignore[arg-type]
        real.clock.seconds += 61
        return done

    monkeypatch.setattr(real.book, "move_all", slow)
    answer = await real.decisions.approve(order.order_id, None, None, None, "screen")
    assert isinstance(answer, Order)
    assert answer.state is OrderState.REFUSED
    assert answer.reason.startswith("LIVE_DISABLED")
    assert not await broker(real).orders()


async def test_what_waits_when_the_time_is_over_is_refused_at_the_approval_and_goes_on_waiting(
    real: Desk, client: Caller
) -> None:
    await arm(real, timedelta(minutes=1))
    order = await place(real, client, market())
    real.clock.pass_time(60)
    answer = await real.decisions.approve(order.order_id, None, None, None, "screen")
    assert isinstance(answer, Refusal)
    assert answer.code == "LIVE_DISABLED"
    now = real.book.get(order.order_id)
    assert now is not None
    assert now.state is OrderState.PENDING


async def test_a_cancel_works_unarmed(real: Desk, client: Caller) -> None:
    await arm(real)
    price = round(await real.touch("ALFA", Side.BUY) * Decimal("0.98"), 2)
    resting = await sent(real, client, limit(price), "key-resting-01")
    assert isinstance(resting, Order)
    assert resting.state is OrderState.WORKING
    real.arming.disarm("paper", "screen")
    assert (await real.orders.cancel(real.admitted(client), resting.order_id)).state is OrderState.CANCELLED


async def test_unarmed_a_change_may_lower_the_risk_and_not_raise_it(real: Desk, client: Caller) -> None:
    await arm(real)
    price = round(await real.touch("ALFA", Side.BUY) * Decimal("0.98"), 2)
    resting = await sent(real, client, limit(price, quantity="4"), "key-resting-01")
    assert isinstance(resting, Order)
    real.arming.disarm("paper", "screen")
    with pytest.raises(Refused) as found:
        await real.orders.modify(real.admitted(client), resting.order_id, Decimal(5), None)
    assert found.value.refusal.code == "LIVE_DISABLED"
    lowered = await real.orders.modify(real.admitted(client), resting.order_id, Decimal(3), None)
    assert lowered.request.quantity == 3


async def test_unarmed_the_operator_closes_by_hand_at_market_whatever_types_the_policy_allows(tmp_path: Path) -> None:
    settings = live_settings({"order_types": ["limit"]})
    async with open_desk(tmp_path / "data", settings=settings, make=LiveBroker) as desk:
        client = desk.grants.give("claude")
        await arm(desk)
        price = round(await desk.touch("ALFA", Side.BUY) * Decimal("1.005"), 2)
        filled = await sent(desk, client, limit(price, quantity="5"), "key-to-hold-5")
        assert isinstance(filled, Order)
        assert filled.state is OrderState.FILLED
        desk.arming.disarm("paper", "screen")
        hand = ByHand(
            desk.book, desk.observer, desk.sender, desk.orders.closing, desk.decisions, desk.connections,
            desk.decisions._undisturbed, desk.switch, desk.clock,
        )  # fmt: skip
        look = await hand.look(Close("paper", "ALFA"))
        assert (await hand.close(Close("paper", "ALFA"), look.seen, "screen")).state is OrderState.FILLED
        assert await held(desk) == 0


@pytest.mark.parametrize(
    ("mode", "account", "code"), [(Mode.PAPER, "U7654321", "MODE_MISMATCH"), (Mode.LIVE, "U1", "ACCOUNT_NOT_ALLOWED")]
)
async def test_a_close_by_hand_goes_to_no_other_account_than_it_was_judged_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode, account: str, code: str
) -> None:
    async with open_desk(tmp_path / "data", settings=live_settings(account="U7654321"), make=LiveBroker) as desk:
        await hold(desk, desk.grants.give("claude"))
        hand = ByHand(
            desk.book, desk.observer, desk.sender, desk.orders.closing, desk.decisions, desk.connections,
            desk.decisions._undisturbed, desk.switch, desk.clock,
        )  # fmt: skip
        add = desk.book.add

        async def meanwhile(*given: object) -> object:
            broker(desk).mode, broker(desk).reported = mode, account
            return await add(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(desk.book, "add", meanwhile)
        order = await hand.close(Close("paper", "ALFA"), "", "screen")
        assert (order.state, order.reason.partition(":")[0]) == (OrderState.REFUSED, code)
        assert await held(desk) == 5


@pytest.mark.parametrize("moved", ["wall", "steady"])
async def test_it_ends_by_whichever_clock_comes_first(real: Desk, client: Caller, moved: str) -> None:
    await arm(real, timedelta(hours=1))
    real.clock.pass_time(3599)
    assert real.arming.armed("paper") is not None
    if moved == "steady":
        real.clock.at -= timedelta(hours=5)
        real.clock.seconds += 1
    else:
        real.clock.at += timedelta(seconds=1)
    assert real.arming.armed("paper") is None
    assert await code_of(real, client, market()) == "LIVE_DISABLED"


async def test_it_ends_on_the_minute_that_is_shown(real: Desk) -> None:
    real.clock.pass_time(30.5)
    armed = await arm(real, timedelta(hours=1))
    assert armed.until == NOON + timedelta(hours=1)
    real.clock.pass_time(3569)
    assert real.arming.armed("paper") is not None
    real.clock.pass_time(0.5)
    assert real.arming.armed("paper") is None
    assert (await arm(real, timedelta(seconds=90))).until == NOON + timedelta(hours=1, seconds=90)


async def test_its_end_is_told_some_minutes_before_and_when_it_comes(real: Desk) -> None:
    await arm(real, timedelta(hours=1))
    real.clock.pass_time(3600 - 601)
    await real.arming.look()
    assert len(notices(real)) == 1
    real.clock.pass_time(1)
    await real.arming.look()
    await real.arming.look()
    assert notices(real)[1:] == ["paper is armed for 10 min more; then nothing is opened."]
    real.clock.pass_time(600)
    await real.arming.look()
    assert notices(real)[2:] == ["paper is no longer armed: its time is over. Only what reduces a position passes."]


async def test_the_shown_end_is_the_true_one_where_the_wall_clock_is_put_back(real: Desk) -> None:
    armed = await arm(real, timedelta(hours=1))
    real.clock.pass_time(600)
    real.clock.at -= timedelta(minutes=30)
    await real.arming.look()
    now = real.arming.armed("paper")
    assert now is not None
    assert now.until == armed.until - timedelta(minutes=30)


@pytest.mark.parametrize("state", [TradingState.KILLED, TradingState.HALTED, TradingState.REDUCE_ONLY])
async def test_every_stop_disarms_and_going_on_arms_nothing(real: Desk, client: Caller, state: TradingState) -> None:
    await arm(real)
    real.switch.lower(state, "test")
    assert real.arming.armed("paper") is None
    assert await arm_refused(real) in {"KILL_SWITCH", "HALTED", "REDUCE_ONLY"}
    await real.switch.resume("test", "screen")
    assert real.arming.armed("paper") is None
    assert await code_of(real, client, market()) == "LIVE_DISABLED"


async def test_a_stop_while_it_is_being_recorded_calls_it_off(real: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = real.store.commit

    async def stopped(*given: object) -> object:
        monkeypatch.setattr(real.store, "commit", commit)
        real.switch.lower(TradingState.HALTED, "meanwhile")
        await real.switch.resume("and on again", "screen")
        return await commit(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(real.store, "commit", stopped)
    assert await arm_refused(real) == "ALREADY_DECIDED"
    assert real.arming.armed("paper") is None


async def test_a_restart_forgets_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with open_desk(folder, settings=live_settings(), make=LiveBroker) as desk:
        await arm(desk)
    async with open_desk(folder, settings=live_settings(), make=LiveBroker) as desk:
        assert desk.arming.armed("paper") is None
        assert await code_of(desk, desk.grants.give("claude"), market()) == "LIVE_DISABLED"


async def test_another_account_behind_the_same_line_ends_it(real: Desk) -> None:
    await arm(real)
    broker(real).link, broker(real).mode = Link.DOWN, Mode.PAPER
    assert real.arming.armed("paper") is not None
    broker(real).link = Link.READY
    assert real.arming.armed("paper") is None
    broker(real).mode = Mode.LIVE
    assert real.arming.armed("paper") is None
    await arm(real)
    broker(real).reported = "U1111111"
    assert real.arming.armed("paper") is None


async def test_without_an_authenticator_it_ends(real: Desk) -> None:
    await arm(real)
    real.arming.enrolled = lambda: False
    assert real.arming.armed("paper") is None
    assert await arm_refused(real) == "TOTP_NOT_ENROLLED"


async def test_it_is_refused_while_the_account_or_its_line_is_not_as_it_should_be(real: Desk) -> None:
    one = broker(real)
    one.link = Link.DEGRADED
    assert await arm_refused(real) == "BROKER_NOT_READY"
    one.link, one.mode = Link.READY, Mode.PAPER
    assert await arm_refused(real) == "MODE_MISMATCH"


async def test_it_is_refused_for_another_account_than_the_named_one(tmp_path: Path) -> None:
    settings = live_settings(account="U0000001")
    async with open_desk(tmp_path / "data", settings=settings, make=LiveBroker) as desk:
        assert await arm_refused(desk) == "ACCOUNT_NOT_ALLOWED"


async def test_it_is_refused_where_nothing_may_be_traded_and_on_paper(tmp_path: Path, desk: Desk) -> None:
    assert await arm_refused(desk) == "NOT_LIVE"
    async with open_desk(tmp_path / "other", settings=live_settings(trade=False), make=LiveBroker) as closed:
        assert await arm_refused(closed) == "TRADING_DISABLED"


async def test_it_is_refused_while_nobody_knows_what_became_of_an_order(real: Desk, client: Caller) -> None:
    await arm(real)
    price = round(await real.touch("ALFA", Side.BUY) * Decimal("0.98"), 2)
    resting = await sent(real, client, limit(price), "key-resting-01")
    assert isinstance(resting, Order)
    real.sender.facts.sink()(LinkLost(resting.reference, real.clock.now(), Safe("test")))
    await real.sender.facts.settled()
    assert await arm_refused(real) == "RECONCILING"


async def test_what_is_not_in_the_audit_is_not_armed_and_disarming_needs_no_disk(
    real: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*given: object) -> object:
        raise StoreUnavailable("full")

    def fuller(*given: object) -> int:
        raise StoreUnavailable("full")

    with monkeypatch.context() as patch:
        patch.setattr(real.store, "commit", full)
        with pytest.raises(StoreUnavailable):
            await arm(real)
    assert real.arming.armed("paper") is None
    await arm(real)
    monkeypatch.setattr(real.store, "record", fuller)
    assert real.arming.disarm("paper", "screen")
    assert real.arming.armed("paper") is None


async def test_both_are_in_the_audit_with_who_and_how_long(real: Desk) -> None:
    await arm(real)
    real.arming.disarm("paper", "socket")
    found = [one for one in await real.store.audit_tail(20) if one.tool in {"arm", "disarm"}]
    assert [(one.tool, one.outcome, one.detail["by"]) for one in found] == [
        ("arm", "armed", "screen"),
        ("disarm", "disarmed", "socket"),
    ]
    assert found[0].detail["seconds"] == 8 * 3600


async def test_a_preview_that_warns_or_is_silent_refuses_what_opens_and_not_what_reduces(
    real: Desk, client: Caller
) -> None:
    await hold(real, client, "5")
    await arm(real)
    for says in ("margin call near", None):
        broker(real).warning = says
        assert await code_of(real, client, market()) == "WHATIF_WARNING"
    sold = await sent(real, client, market("ALFA", "5", Side.SELL), "key-to-sell-5")
    assert isinstance(sold, Order)
    assert sold.state is OrderState.FILLED


async def test_an_account_that_turns_out_to_be_real_gets_nothing_from_a_connection_in_paper_mode(
    tmp_path: Path,
) -> None:
    async with open_desk(tmp_path / "data", make=LiveBroker) as desk:
        broker(desk).mode = Mode.PAPER
        order = await place(desk, desk.grants.give("claude"), market())
        look = desk.sender.last_look.refusal(order, desk.connections.need("paper"), opens=False)
        assert look is None
        broker(desk).mode = Mode.LIVE
        look = desk.sender.last_look.refusal(order, desk.connections.need("paper"), opens=False)
        assert look is not None
        assert look.code == "MODE_MISMATCH"


async def test_what_an_arming_lasts_is_told_in_words(real: Desk) -> None:
    await arm(real, timedelta(minutes=90))
    assert "for 1 h 30 min" in notices(real)[0]


@pytest.mark.parametrize(("on_lost", "stays"), [("halt", False), ("queue", True), ("keep", True)])
async def test_the_loss_of_the_operator_disarms_where_it_halts(tmp_path: Path, on_lost: str, stays: bool) -> None:
    approval = ApprovalSettings(on_operator_lost=OperatorLost(on_lost))
    async with open_desk(tmp_path / "data", settings=live_settings(), make=LiveBroker, approval=approval) as desk:
        desk.presence.attached()
        desk.presence.touched()
        await arm(desk)
        desk.clock.pass_time(16 * 60)
        await desk.presence.look()
        assert (desk.arming.armed("paper") is not None) is stays


async def test_while_the_operator_is_lost_no_rule_opens_with_real_money(tmp_path: Path) -> None:
    rule = RuleSettings(name="small", do=Do.APPROVE, when=WhenSettings(clients=("claude",)))
    settings = live_settings({"allow_auto": True})
    approval = ApprovalSettings(rules=(rule,))
    async with open_desk(tmp_path / "data", settings=settings, make=LiveBroker, approval=approval) as desk:
        client = desk.grants.give("claude")
        await arm(desk)
        assert (await place(desk, client, market())).state is OrderState.PENDING
        desk.presence.commanded()
        assert (await place(desk, client, market(), "key-00000002")).state is OrderState.FILLED
        desk.clock.pass_time(16 * 60)
        assert (await place(desk, client, market(), "key-00000003")).state is OrderState.PENDING
