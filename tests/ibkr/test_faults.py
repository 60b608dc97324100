"""Each fault of a gateway alone, through the whole cockpit: orders end as they truly are, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from cockpit.model.orders import Order as Known
from cockpit.model.orders import OrderState, TimeInForce
from cockpit.model.trading import Link
from cockpit.operator.act import Command, Done
from tests.gateway import FakeGateway, faults
from tests.gateway.clients import connected
from tests.gateway.orders import Order
from tests.gateway.planned import Fault, Proceed, carry_on
from tests.gateway.session import Session
from tests.ibkr import truth
from tests.ibkr.cockpits import CLIENT_ID, Within, settings_of, within
from tests.outside.desks import WallClock

_LINE: Final = "probe_seconds = 1"
_CODES: Final = (201, 321, 110, 463)
_SOON: Final = 4.0
_FIVE_SECONDS: Final = 6.0


@dataclass
class Scene:
    """A cockpit at a gateway whose market stands still, and somebody else's order in the account."""

    gateway: FakeGateway
    cockpit: Within
    key: str
    clock: WallClock
    stranger: truth.Stranger

    async def place(self, number: int = 1, **changed: Any) -> dict[str, Any]:
        return await self.cockpit.place(self.key, f"the-order-{number:04}", **changed)

    async def working(self, number: int = 1, **changed: Any) -> Order:
        """Place an order, and return it as the gateway has it."""
        placed = await self.place(number, **changed)
        assert placed.get("state") == OrderState.WORKING, placed
        return self.there(placed["order_id"])

    def there(self, order_id: str) -> Order:
        """Return an order as the gateway has it."""
        theirs = truth.of_reference(self.gateway, self.ours(order_id).reference)
        assert theirs is not None
        return theirs

    def ours(self, order_id: str = "") -> Known:
        """Return an order as the cockpit knows it, or the only one."""
        (found,) = [one for one in self.cockpit.known().values() if order_id in ("", one.order_id)]
        return found

    async def modify(self, **changed: Any) -> dict[str, Any]:
        return await self.cockpit.call(self.key, "modify_order", order_id=self.ours().order_id, **changed)

    async def cancel(self) -> dict[str, Any]:
        return await self.cockpit.call(self.key, "cancel_order", order_id=self.ours().order_id)

    async def becomes(self, *states: OrderState, seconds: float = _SOON) -> Known:
        """Wait until the only order is in one of these states."""
        await self.cockpit.until(lambda: self.ours().state in states, seconds)
        return self.ours()

    async def up(self) -> None:
        """Wait until the line is ready."""
        await self.link(Link.READY)

    async def link(self, *links: Link) -> None:
        await self.cockpit.until(lambda: self.cockpit.broker.status().link in links)

    async def never_there(self) -> None:
        """Let the books lack the order twice, five seconds apart."""
        await self.cockpit.do("reconcile")
        self.clock.pass_time(_FIVE_SECONDS)
        await self.cockpit.do("reconcile")

    async def all_true(self, *, books: bool = False) -> None:
        """Wait until the cockpit says of every order what the gateway says; then it stays so when the books are read."""
        if books:
            await self.cockpit.do("reconcile")
        await self.cockpit.until(self._agrees, _SOON)
        await self.up()
        await self.cockpit.do("reconcile")
        truth.agrees(self.gateway, self.cockpit.known(), " ".join(self.cockpit.notices()))
        assert self.stranger.is_untouched()
        sent = truth.sent(self.gateway)
        assert all(times == 1 for times in sent.values()), f"sent twice: {sent}"

    def _agrees(self) -> bool:
        try:
            truth.agrees(self.gateway, self.cockpit.known(), " ".join(self.cockpit.notices()))
        except AssertionError:
            return False
        return True


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with FakeGateway(open_always=True, matching=False) as gateway:
        stranger, clock = truth.Stranger(gateway), WallClock()
        async with within(tmp_path / "data", settings_of(gateway.port, line=_LINE), clock=clock) as cockpit:
            yield Scene(gateway, cockpit, await cockpit.key(), clock, stranger)


# --- what is told comes twice, late, in another order, or never


def _everything(name: str, fault: Fault) -> Callable[[FakeGateway], None]:
    return lambda gateway: gateway.always(name, fault)


def _once(name: str, fault: Fault) -> Callable[[FakeGateway], None]:
    return lambda gateway: gateway.once(name, fault)


_TOLD: Final[dict[str, Callable[[FakeGateway], None]]] = {
    **{f"{name} three times": _everything(name, faults.duplicate(3))
       for name in ("openOrder", "orderStatus", "execDetails", "commissionReport")},
    **{f"{name} late": _everything(name, faults.late(0.1)) for name in ("openOrder", "orderStatus", "execDetails", "commissionReport")},
    "status behind its successor": _once("orderStatus", faults.after("orderStatus")),
    "status before execution": _everything("execDetails", faults.after("orderStatus")),
    "fee before execution": _everything("execDetails", faults.after("commissionReport")),
    "status never": _everything("orderStatus", faults.lose),
    "the first status never": _once("orderStatus", faults.lose),
    "openOrder never": _everything("openOrder", faults.lose),
    "the first execution never": _once("execDetails", faults.lose),
    "the first fee never": _once("commissionReport", faults.lose),
}  # fmt: skip


@pytest.mark.parametrize("told", _TOLD)
async def test_however_it_is_told_an_order_is_filled_once(scene: Scene, told: str) -> None:
    _TOLD[told](scene.gateway)
    placed = await scene.place()
    theirs = scene.there(placed["order_id"])
    scene.gateway.book.fill(theirs, 2)
    scene.gateway.book.fill(theirs)
    await scene.becomes(OrderState.FILLED)
    await scene.all_true(books="never" in told)
    assert scene.ours().filled == 5


@pytest.mark.parametrize("told", _TOLD)
async def test_however_it_is_told_an_order_that_is_cancelled_has_ended(scene: Scene, told: str) -> None:
    theirs = await scene.working()
    _TOLD[told](scene.gateway)
    scene.gateway.book.fill(theirs, 2)
    await scene.cancel()
    await scene.becomes(OrderState.CANCELLED)
    await scene.all_true(books="never" in told)
    assert scene.ours().filled == 2


# --- the gateway says no, or something else


@pytest.mark.parametrize("code", _CODES)
async def test_a_new_order_that_tws_rejects_is_rejected(scene: Scene, code: int) -> None:
    scene.gateway.once("newOrder", faults.reject(code))
    await scene.place()
    await scene.becomes(OrderState.REJECTED)
    await scene.all_true()
    assert str(code) in scene.ours().reason


@pytest.mark.parametrize("code", [*_CODES, 399, 10311, 10349])
async def test_an_order_that_tws_took_lives_whatever_error_follows(scene: Scene, code: int) -> None:
    scene.gateway.once("newOrder", faults.accept_and_say(code))
    placed = await scene.place()
    scene.gateway.book.fill(scene.there(placed["order_id"]), 2)
    await scene.becomes(OrderState.PARTLY_FILLED)
    await scene.all_true()


async def test_an_order_whose_life_tws_presets_lives_with_it(scene: Scene) -> None:
    scene.gateway.once("newOrder", faults.preset_day)
    placed = await scene.place()
    assert placed["state"] == OrderState.WORKING
    await scene.cockpit.do("reconcile")
    await scene.all_true()
    assert scene.ours().request.time_in_force is TimeInForce.DAY


async def test_a_change_that_tws_rejects_leaves_the_order_as_it_was(scene: Scene) -> None:
    await scene.working()
    for quantity, code in enumerate(_CODES, 1):
        scene.gateway.once("modifyOrder", faults.reject(code))
        await scene.modify(quantity=quantity)
        await scene.cockpit.until(lambda: scene.ours().proposed is None)
        await scene.all_true()
        assert (scene.ours().state, scene.ours().request.quantity) == (OrderState.WORKING, 5), code


async def test_a_preview_that_tws_rejects_places_nothing(scene: Scene) -> None:
    for code in _CODES:
        scene.gateway.once("whatIfOrder", faults.reject(code))
        said = await scene.cockpit.call(
            scene.key, "preview_order", symbol="ALFA", side="buy", quantity=5, order_type="limit", limit_price="400"
        )
        assert said.get("code") or said.get("checks"), said
    assert not scene.cockpit.known()
    assert len(scene.gateway.named("placeOrder")) == len(_CODES), "there was no what-if to reject"
    assert not truth.sent(scene.gateway)
    await scene.up()


async def test_a_cancel_that_tws_knows_nothing_of_leaves_the_order_working(scene: Scene) -> None:
    await scene.working()
    scene.gateway.once("cancelOrder", faults.not_found)
    await scene.cancel()
    await scene.all_true()
    assert scene.ours().state is OrderState.WORKING


@pytest.mark.parametrize("fault", [faults.filled_meanwhile, faults.too_late])
async def test_a_cancel_that_comes_too_late_finds_a_filled_order(scene: Scene, fault: Fault) -> None:
    await scene.working()
    scene.gateway.once("cancelOrder", fault)
    await scene.cancel()
    await scene.becomes(OrderState.FILLED)
    await scene.all_true()


# --- the line breaks


_BREAKS: Final[dict[str, Fault]] = {
    "dropped before": faults.drop_before_accept,
    "dropped after": faults.drop_after_accept,
    "dropped after openOrder": faults.drop_after_open_order,
    "dropped after status": faults.drop_after_status,
    "half a frame": faults.half_frame,
    "no answer to what was taken": faults.mute,
}


async def _rate_cut(session: Session, _: list[str], __: Proceed) -> None:
    session.error(-1, 100, "Max rate of messages per second has been exceeded")
    session.close()


_BREAKS["cut for its rate"] = _rate_cut


@pytest.mark.parametrize("how", _BREAKS)
async def test_a_new_order_over_a_line_that_breaks_is_found_again(scene: Scene, how: str) -> None:
    scene.gateway.once("newOrder", _BREAKS[how])
    await scene.place()
    if how in ("dropped before", "cut for its rate"):
        await scene.becomes(OrderState.UNKNOWN)
        await scene.up()
        await scene.never_there()
        assert scene.ours().state is OrderState.REJECTED
    else:
        await scene.becomes(OrderState.WORKING)
    await scene.all_true()


@pytest.mark.parametrize("how", _BREAKS)
async def test_a_change_over_a_line_that_breaks_is_known_again(scene: Scene, how: str) -> None:
    await scene.working()
    scene.gateway.once("modifyOrder", _BREAKS[how])
    await scene.modify(quantity=3)
    await scene.all_true()
    assert scene.ours().state is OrderState.WORKING
    assert scene.ours().proposed is None


@pytest.mark.parametrize("how", _BREAKS)
async def test_a_cancel_over_a_line_that_breaks_is_known_again(scene: Scene, how: str) -> None:
    await scene.working()
    scene.gateway.once("cancelOrder", _BREAKS[how])
    await scene.cancel()
    await scene.all_true()
    assert scene.ours().state in {OrderState.WORKING, OrderState.CANCELLED}


async def test_a_fill_told_over_a_line_that_breaks_is_known_again(scene: Scene) -> None:
    theirs = await scene.working()
    scene.gateway.once("execDetails", faults.lose)
    scene.gateway.book.fill(theirs, 2)
    scene.gateway.cut()
    scene.gateway.book.fill(theirs)
    await scene.becomes(OrderState.FILLED)
    await scene.all_true()


async def test_an_order_that_tws_swallowed_is_unknown_then_never_there(scene: Scene) -> None:
    scene.gateway.once("newOrder", faults.stall)
    await scene.place()
    assert scene.ours().state is OrderState.UNKNOWN
    await scene.never_there()
    assert scene.ours().state is OrderState.REJECTED
    await scene.all_true()


async def test_a_change_that_tws_swallowed_is_known_not_to_have_been_made(scene: Scene) -> None:
    await scene.working()
    scene.gateway.once("modifyOrder", faults.stall)
    await scene.modify(quantity=3)
    await scene.all_true()
    assert (scene.ours().request.quantity, scene.ours().proposed) == (5, None)


async def test_a_gateway_that_hangs_over_an_order_is_asked_again_when_it_wakes(scene: Scene) -> None:
    async def hang(session: Session, _: list[str], proceed: Proceed) -> None:
        session.gateway.hang()
        await carry_on(proceed)

    scene.gateway.once("newOrder", hang)
    await scene.place()
    assert scene.ours().state is OrderState.UNKNOWN
    scene.gateway.wake()
    await scene.becomes(OrderState.WORKING)
    await scene.all_true()


# --- TWS loses Interactive Brokers, restarts, or lets nobody in


@pytest.mark.parametrize("data_lost", [False, True], ids=["1102", "1101"])
async def test_an_order_waits_out_what_tws_lost_and_is_true_after_it(scene: Scene, data_lost: bool) -> None:
    theirs = await scene.working()
    scene.gateway.lost()
    await scene.link(Link.DEGRADED)
    refused = await scene.place(2)
    assert refused.get("code") in {"BROKER_NOT_READY", "RECONCILING", "MARKET_DATA_STALE", "MARKET_DATA_MISSING"}, (
        refused
    )
    assert len(truth.sent(scene.gateway)) == 1
    scene.gateway.book.fill(theirs, 2)
    scene.gateway.restored(data_lost=data_lost)
    await scene.up()
    await scene.becomes(OrderState.PARTLY_FILLED)
    await scene.all_true()
    await scene.working(3, limit_price="401")


async def test_an_order_on_its_way_when_tws_loses_its_line_is_found_again(scene: Scene) -> None:
    async def lost(session: Session, _: list[str], proceed: Proceed) -> None:
        session.gateway.lost()
        await carry_on(proceed)

    scene.gateway.once("newOrder", lost)
    await scene.place()
    assert scene.ours().state is OrderState.UNKNOWN
    await scene.cockpit.until(lambda: any(scene.ours().order_id in text for text in scene.cockpit.notices()))
    scene.gateway.restored()
    await scene.becomes(OrderState.WORKING)
    await scene.all_true()


async def test_a_gateway_that_restarts_gives_numbers_again_and_no_order_is_mistaken(scene: Scene) -> None:
    first = await scene.working(1)
    after_the_restart = first.order_id + 1
    await scene.gateway.restart()
    await scene.link(Link.DOWN, Link.CONNECTING)
    await scene.up()
    second = await scene.working(2, limit_price="401")
    # As many numbers as a restart needs before an order are given out once more, so that the next one meets this one;
    # the client itself leaves out the numbers of orders that are still open.
    await scene.gateway.down()
    scene.gateway.book.fill(second)
    await scene.gateway.up(ids_back=second.order_id - after_the_restart + 1)
    await scene.link(Link.DOWN, Link.CONNECTING)
    await scene.up()
    third = await scene.working(3, limit_price="402")
    assert third.order_id == second.order_id
    scene.gateway.book.fill(third, 3)
    scene.gateway.book.fill(first)
    await scene.all_true()
    said = {str(one.request.limit_price): (one.state, one.filled) for one in scene.cockpit.known().values()}
    assert said == {
        "400": (OrderState.FILLED, 5),
        "401": (OrderState.FILLED, 5),
        "402": (OrderState.PARTLY_FILLED, 3),
    }


async def test_while_another_program_has_the_client_number_nothing_is_sent(tmp_path: Path) -> None:
    async with FakeGateway(open_always=True) as gateway:
        async with (
            connected(gateway, CLIENT_ID),
            within(tmp_path / "data", settings_of(gateway.port)) as cockpit,
        ):
            assert "326" in cockpit.broker.status().note
            refused = await cockpit.place(await cockpit.key())
            assert refused["code"] == "BROKER_NOT_READY", refused
        assert not gateway.named("placeOrder")


async def test_where_the_api_is_read_only_nothing_is_sent(tmp_path: Path) -> None:
    async with FakeGateway(read_only=True, open_always=True) as gateway:
        async with within(tmp_path / "data", settings_of(gateway.port)) as cockpit:
            refused = await cockpit.place(await cockpit.key())
            assert refused["code"] == "BROKER_NOT_READY", refused
            assert "Read-Only" in str(refused["details"])
            assert not cockpit.known()
        assert not gateway.named("placeOrder")


@pytest.mark.parametrize("why", ["Read-Only", "lost Interactive Brokers"])
async def test_nothing_may_open_where_no_order_is_taken_and_everybody_is_told_why(tmp_path: Path, why: str) -> None:
    async with (
        FakeGateway(read_only=why == "Read-Only", open_always=True) as gateway,
        within(tmp_path / "data", settings_of(gateway.port)) as cockpit,
    ):
        if why == "lost Interactive Brokers":
            gateway.lost()
            await cockpit.until(lambda: cockpit.broker.status().link is Link.DEGRADED)
        session = await cockpit.call(await cockpit.key(), "get_session")
        status = await cockpit.cockpit.face.run(Command("status"))
    assert (session["may_trade"], session["may_open"]) == (True, False)
    assert isinstance(status, Done)
    assert isinstance(status.data, dict)
    assert [one["may_open"] for one in status.data["connections"]] == [False]
    assert why in session["says"]
    assert why in status.says
