"""Arming real money through the operator's own door: the code, the conditions, what everybody is told, and every end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp.totp
import pytest

from cockpit.brokers.base import Broker
from cockpit.model.clock import Clock
from cockpit.model.refusals import Refusal
from cockpit.model.trading import Link, Mode
from cockpit.operator.act import Answer, Command, Done
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.desk.live_broker import LiveBroker
from tests.operator.houses import House, open_house
from tests.operator.test_enrolling import SteppingClock

TOML = """
[connections.real]
arm_hours = 4
[connections.real.policy]
allowed_symbols = ["ALFA"]
[connections.training]
"""


@dataclass
class Live:
    """A house with a connection of real money and one on paper."""

    house: House
    clock: SteppingClock
    broker: LiveBroker
    wrong: list[str]
    secret: str = ""
    key: str = field(default="", repr=False)

    async def enrol(self) -> None:
        """Enrol an authenticator."""
        begun = await self.house.done("totp.enroll")
        self.secret = begun["secret"]
        await self.house.done("totp.confirm", code=self.code())

    def code(self) -> str:
        """Return a code that was not used yet."""
        self.clock.step()
        return pyotp.totp.TOTP(self.secret).at(int(self.clock.now().timestamp()))

    async def arm(self, connection: str = "real", by: str = "socket", **more: str) -> Answer:
        """Arm with a good code."""
        return await self.house.face.run(Command("connection.arm", {"connection": connection, **more}, by, self.code()))

    async def armed(self, **more: str) -> Any:
        """Arm, which must succeed."""
        answer = await self.arm(**more)
        assert isinstance(answer, Done), answer
        return answer.data

    async def session(self) -> dict[str, Any]:
        """Ask as a client who it is."""
        self.key = self.key or await self._key()
        return await self.house.call(self.key, "get_session")

    async def order(self, number: int = 1, **terms: object) -> dict[str, Any]:
        """Place an order as a client."""
        self.key = self.key or await self._key()
        return await self.house.order(self.key, number, **terms)

    async def _key(self) -> str:
        scope = "read:market read:account read:orders preview:orders write:orders"
        arguments = {"name": "script", "scope": scope, "connection": "real"}
        answer = await self.house.face.run(Command("key.create", arguments, "socket", self.code()))
        assert isinstance(answer, Done), answer
        assert isinstance(answer.data, dict)
        return str(answer.data["key"])

    async def ended(self) -> None:
        """Wait until whoever watches the time has noticed that it is over."""
        async with asyncio.timeout(5):
            while (await self.connection())["armed_until"] is not None:
                await asyncio.sleep(0.02)

    async def connection(self) -> dict[str, Any]:
        """Return what status says of it."""
        return next(one for one in (await self.house.done("status"))["connections"] if one["name"] == "real")


@asynccontextmanager
async def open_live(folder: Path) -> AsyncIterator[Live]:
    clock, made, wrong = SteppingClock(), dict[str, LiveBroker](), list[str]()

    def make(name: str, settings: ConnectionSettings, store: Store, clock: Clock) -> Broker:
        made[name] = LiveBroker(name, settings, store, clock, tick_seconds=0.5)
        made[name].mode = settings.mode
        return made[name]

    def examined() -> Sequence[str]:
        return wrong

    async with open_house(folder, TOML, live="real", clock=clock, brokers=make, examined=examined) as house:
        yield Live(house, clock, made["real"], wrong)


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with open_live(tmp_path) as opened:
        yield opened


def code_of(answer: Answer) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


async def test_without_an_authenticator_nothing_is_armed(live: Live) -> None:
    answer = await live.house.act("connection.arm", connection="real")
    assert code_of(answer) == "TOTP_NOT_ENROLLED"
    assert "enrol" in answer.message  # type: ignore[union-attr]


@pytest.mark.parametrize("by", ["screen", "socket"])
async def test_a_code_is_due_wherever_it_is_asked_for_and_counts_once(live: Live, by: str) -> None:
    await live.enrol()
    bare = await live.house.face.run(Command("connection.arm", {"connection": "real"}, by))
    assert code_of(bare) == "TOTP_NEEDED"
    wrong = await live.house.face.run(Command("connection.arm", {"connection": "real"}, by, "000000"))
    assert code_of(wrong) == "TOTP_WRONG"
    assert (await live.connection())["armed_until"] is None
    assert isinstance(await live.arm(by=by), Done)
    assert (await live.connection())["armed_until"] is not None


async def test_an_order_opens_only_between_arm_and_disarm(live: Live) -> None:
    await live.enrol()
    assert (await live.order(1))["code"] == "LIVE_DISABLED"
    armed = await live.armed()
    assert (armed["connection"], armed["armed"]) == ("real", True)
    waiting = await live.order(2, order_type="limit", limit_price=str(await live_price(live)))
    assert waiting["state"] == "pending", waiting
    sent = await live.house.face.run(Command("order.approve", {"order_id": waiting["order_id"]}, "screen"))
    assert isinstance(sent, Done), sent
    assert (await live.house.done("connection.disarm", connection="real"))["armed"] is False
    assert (await live.order(3))["code"] == "LIVE_DISABLED"


async def live_price(live: Live) -> object:
    (instrument,) = await live.broker.find("ALFA")
    quote = await live.broker.quote(instrument)
    assert quote is not None
    return quote.ask


async def test_clients_status_and_screen_are_told_whether_anything_may_open(live: Live) -> None:
    await live.enrol()
    before = await live.session()
    assert (before["mode"], before["may_trade"], before["may_open"]) == ("live", True, False)
    assert "has not armed it" in before["says"]
    assert "real: LIVE MONEY, not armed." in (await live.house.act("status")).says  # type: ignore[union-attr]
    assert (await live.connection())["may_open"] is False
    await live.armed()
    after = await live.session()
    assert (after["may_open"], "REAL" in after["says"]) == (True, True)
    now = await live.connection()
    assert now["may_open"] is True
    assert f"ARMED until {now['armed_until'][11:16]} UTC" in (await live.house.act("status")).says  # type: ignore[union-attr]
    seen = next(one for one in live.house.face.snapshot().connections if one.name == "real")
    assert seen.opens
    await live.house.act("reduce")
    assert ((await live.session())["may_open"], (await live.connection())["may_open"]) == (False, False)


async def test_a_paper_connection_has_nothing_to_arm_and_an_unknown_one_is_named(live: Live) -> None:
    await live.enrol()
    assert code_of(await live.arm("training")) == "NOT_LIVE"
    assert code_of(await live.arm("nowhere")) == "CONNECTION_UNKNOWN"
    assert code_of(await live.house.act("connection.disarm", connection="nowhere")) == "CONNECTION_UNKNOWN"
    answer = await live.house.act("connection.disarm", connection="real")
    assert isinstance(answer, Done)
    assert answer.says == "real was not armed."


async def test_it_lasts_as_long_as_was_asked_and_never_longer_than_the_settings_say(live: Live) -> None:
    await live.enrol()
    assert code_of(await live.arm(**{"for": "5h"})) == "LIFE_BOUNDED"
    await live.armed(**{"for": "90m"})
    live.clock.idle_for(90 * 60)
    await live.ended()
    await live.armed()
    live.clock.idle_for(4 * 3600 - 90)
    assert (await live.connection())["armed_until"] is not None
    live.clock.idle_for(90)
    await live.ended()


async def test_what_doctor_finds_wrong_is_mended_first(live: Live) -> None:
    await live.enrol()
    live.wrong[:] = ["Other users may write the settings file. chmod go-w it", "and more"]
    answer = await live.arm()
    assert code_of(answer) == "DOCTOR_NOT_CLEAN"
    assert "Other users may write" in answer.message  # type: ignore[union-attr]
    live.wrong.clear()
    await live.armed()


@pytest.mark.parametrize("what", ["kill", "halt", "reduce"])
async def test_every_stop_disarms_and_resuming_arms_nothing(live: Live, what: str) -> None:
    await live.enrol()
    await live.armed()
    await live.house.act(what)
    assert (await live.connection())["armed_until"] is None
    assert code_of(await live.arm()) in {"KILL_SWITCH", "HALTED", "REDUCE_ONLY"}
    resumed = await live.house.face.run(Command("resume", {}, "screen", live.code()))
    assert isinstance(resumed, Done), resumed
    assert (await live.connection())["armed_until"] is None


async def test_a_line_that_is_not_ready_or_another_account_can_not_be_armed(live: Live) -> None:
    await live.enrol()
    live.broker.link = Link.CONNECTING
    assert code_of(await live.arm()) == "BROKER_NOT_READY"
    live.broker.link, live.broker.mode = Link.READY, Mode.PAPER
    assert code_of(await live.arm()) == "MODE_MISMATCH"


async def test_removing_the_authenticator_disarms(live: Live) -> None:
    await live.enrol()
    await live.armed()
    removed = await live.house.face.run(Command("totp.remove", {}, "screen", live.code()))
    assert isinstance(removed, Done), removed
    assert (await live.connection())["armed_until"] is None


async def test_its_end_is_a_notice_that_the_screen_counts(live: Live) -> None:
    await live.enrol()
    await live.armed(**{"for": "1h"})
    live.clock.idle_for(3600)
    await live.ended()
    (ended,) = [one for one in live.house.face.snapshot().notices if "no longer armed" in one.text]
    assert ended.bad
    assert ended.text == "real is no longer armed: its time is over. Only what reduces a position passes."
