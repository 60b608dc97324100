"""When the operator counts as present, and what happens once he doesn't."""

from __future__ import annotations

import pytest

from cockpit.desk.presence import LOST, Presence
from cockpit.model.events import Event, Notice
from cockpit.settings.approval import ApprovalSettings, OperatorLost
from tests.desk.desks import HandClock

MINUTE = 60.0


class Room:
    """A presence with everything that it does."""

    def __init__(self, on_lost: OperatorLost = OperatorLost.QUEUE) -> None:
        self.clock = HandClock()
        self.halts: list[str] = []
        self.events: list[Event] = []
        settings = ApprovalSettings(presence_minutes=15, on_operator_lost=on_lost)
        self.presence = Presence(settings, self.clock, self._halt, self.events.append)

    async def _halt(self, reason: str) -> None:
        self.halts.append(reason)


def test_a_key_press_on_an_attached_screen_counts_for_fifteen_minutes() -> None:
    room = Room()
    room.presence.attached()
    assert not room.presence.present, "a screen alone proves nobody"
    room.presence.touched()
    room.clock.pass_time(15 * MINUTE - 1)
    assert room.presence.present
    room.clock.pass_time(1)
    assert not room.presence.present


def test_a_screen_that_goes_away_takes_the_operator_with_it() -> None:
    room = Room()
    room.presence.attached()
    room.presence.attached()
    room.presence.touched()
    room.presence.detached()
    assert room.presence.present, "the other screen is still there"
    room.presence.detached()
    assert not room.presence.present
    room.presence.attached()
    assert not room.presence.present, "what was pressed before counts no longer"


def test_a_command_counts_without_a_screen() -> None:
    room = Room()
    room.presence.commanded()
    assert room.presence.present
    room.clock.pass_time(15 * MINUTE)
    assert not room.presence.present


@pytest.mark.parametrize("on_lost", list(OperatorLost))
async def test_the_loss_is_noticed_once_until_he_is_back(on_lost: OperatorLost) -> None:
    room = Room(on_lost)
    room.presence.commanded()
    await room.presence.look()
    assert not room.events
    for _ in range(2):
        room.clock.pass_time(15 * MINUTE)
        await room.presence.look()
        await room.presence.look()
        room.presence.commanded()
        await room.presence.look()
    notices = [event for event in room.events if isinstance(event, Notice)]
    assert len(notices) == (0 if on_lost is OperatorLost.KEEP else 2)
    assert room.halts == ([LOST, LOST] if on_lost is OperatorLost.HALT else [])


async def test_a_host_on_which_nobody_was_seen_yet_has_as_long() -> None:
    room = Room(OperatorLost.HALT)
    room.clock.pass_time(15 * MINUTE - 1)
    await room.presence.look()
    assert room.halts == []
    assert not room.presence.lets_rules_approve
    room.clock.pass_time(1)
    await room.presence.look()
    assert room.halts == [LOST]


@pytest.mark.parametrize(
    ("on_lost", "approve"), [(OperatorLost.QUEUE, False), (OperatorLost.HALT, False), (OperatorLost.KEEP, True)]
)
def test_rules_approve_for_an_absent_operator_only_where_the_settings_keep_them(
    on_lost: OperatorLost, approve: bool
) -> None:
    assert Room(on_lost).presence.lets_rules_approve is approve
