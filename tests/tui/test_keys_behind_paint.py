"""A key never acts on another item than the one on the terminal when it was pressed, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.operator.act import Act
from cockpit.operator.acts import APPROVE_ORDER, CANCEL, DENY_ORDER, RELEASE, REVOKE
from tests.tui.behind import Behind
from tui import acting, controls, decisions
from tui.asking import Question
from tui.screen_acts import EDIT
from tui.shown import Shown
from tui.stable_rows import StableRows

CHANGES = ("order comes", "order goes", "another takes its place", "order changes", "client comes", "client goes",
           "client is revoked", "order ends", "order is lost", "position goes", "latch goes")  # fmt: skip
KEYS = ("j", "k", "g", "G", "a", "y", "n", "d", "D", "x", "e", "s", "r", "5", "enter", "escape", "tab", "o", "c", "l",
        "p", "q", "space", "slash", "colon", "ctrl+k")  # fmt: skip
_ACTING_KEYS = ("a", "y", "d", "x", "D", "enter", "j")

Step = tuple[Any, ...]

steps = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(CHANGES), st.integers(0, 5)),
    st.tuples(st.just("change"), st.sampled_from(CHANGES[:4]), st.integers(0, 3)),
    st.just(("take",)),
    st.just(("answers",)),
    st.just(("paint",)),
    st.just(("reach",)),
    st.just(("drop",)),
    st.just(("show",)),
    st.just(("show",)),
    st.just(("client ticket",)),
    st.tuples(st.just("wait"), st.sampled_from((0.01, 0.1, 0.3, 0.45))),
    st.tuples(st.just("block"), st.sampled_from((0.1, 0.4, 1.0))),
    st.tuples(st.just("key"), st.sampled_from(KEYS), st.sampled_from((0.0, 0.0, 0.02, 0.3))),
    st.tuples(st.just("key"), st.sampled_from(_ACTING_KEYS), st.just(0.0)),
    st.tuples(st.just("calmly"), st.sampled_from(KEYS)),
    st.tuples(st.just("calmly"), st.sampled_from(_ACTING_KEYS)),
    st.tuples(
        st.just("astray"),
        st.sampled_from(("", "o", "c", "l", "p")),
        st.sampled_from(("j", "k", "G")),
        st.sampled_from(("a", "d", "D", "x", "e", "r", "s")),
    ),
)


async def play(script: list[Step]) -> Behind:
    """Play a script, beginning with a screen that the operator has had before him for a while."""
    rig = Behind()
    show(rig)
    rig.wait(1)
    for what, *given_ in script:
        match what:
            case "change":
                rig.change(*given_)
            case "take":
                rig.take()
            case "answers":
                await rig.answers()
            case "paint":
                rig.paint()
            case "reach":
                rig.reach()
            case "drop":
                rig.reach(dropped=True)
            case "show":
                show(rig)
            case "client ticket":
                await rig.open_client()
            case "wait":
                rig.wait(*given_)
            case "block":
                rig.block(*given_)
            case "key":
                rig.press(*given_)
            case "calmly":
                rig.take()
                show(rig)
                rig.wait(0.45)
                rig.press(*given_)
                await rig.answers()
            case "astray":
                await go_astray(rig, *given_)
    return rig


async def go_astray(rig: Behind, place: str, move: str, key: str) -> None:
    """Look at a place for a while; then move to another row, and act before that has been painted."""
    for one in ("escape", "escape", *place, move):
        rig.take()
        show(rig)
        rig.wait(0.45)
        rig.press(one)
        await rig.answers()
    show(rig)
    rig.wait(0.45)
    rig.press({"j": "k", "k": "j", "G": "g"}[move])
    rig.press(key)
    await rig.answers()


def show(rig: Behind) -> None:
    """Paint, and let everything reach the terminal."""
    rig.paint()
    while rig.on_its_way:
        rig.reach()


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=5, max_size=40))
def test_a_key_acts_on_nothing_but_what_was_on_the_terminal_when_it_was_pressed(script: list[Step]) -> None:
    asyncio.run(play(script))


def test_what_the_operator_does_calmly_is_done() -> None:
    """Nothing is hindered that was looked at: otherwise the search below would find nothing to judge."""
    script: list[Step] = [("calmly", key) for key in ("a", "y", "d", "c", "x", "escape", "o", "x", "ctrl+k")]
    rig = asyncio.run(play(script))
    assert {"order.approve", "client.revoke", "kill"} <= set(rig.acts)
    script = [("client ticket",), *[("calmly", key) for key in ("a", "y", "l", "r", "y")]]
    assert asyncio.run(play(script)).acts == ["client.approve", "latch.release"]


def by_index(rows: StableRows[Any], now: Any) -> frozenset[str]:
    """Take rows as a list that keeps its cursor at a place."""
    place, known = rows.place, {rows._key(item) for item in rows.items}
    rows.items = tuple(now)
    if place is not None:
        rows.chosen_key = rows._key(rows.items[min(place, len(rows.items) - 1)]) if rows.items else None
    return frozenset(rows._key(item) for item in rows.items if rows._key(item) not in known)


def without_version(hinders: Callable[..., str]) -> Callable[..., str]:
    """Make a judge of keys that looks at ids alone."""
    return lambda self, version=False, at_once=True: hinders(self, at_once=at_once)


def rebinding(make: Callable[..., Question]) -> Callable[..., Question]:
    """Make questions whose command is about what stands first by then."""

    def asks(state: Any, order: Any, changed: Any = None) -> Question:
        asked = make(state, order, changed)
        asked.command = make(state, state.snapshot.pending_orders[0].order).command
        return asked

    return asks


def unhindered(act: Act) -> Callable[[pytest.MonkeyPatch], object]:
    """Carry out one act whatever the screen shows."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        do = acting.Acting.do

        def does(self: acting.Acting, one: Act) -> None:
            with pytest.MonkeyPatch.context() as free:
                if one is act:
                    free.setattr(acting.Acting, "is_hindered", lambda self, version=False, at_once=True: False)
                do(self, one)

        patch.setattr(acting.Acting, "do", does)

    return plant


Plant = Callable[[pytest.MonkeyPatch], object]

FAULTS: dict[str, tuple[Plant, list[Step]]] = {
    "the cursor is a place": (
        lambda patch: patch.setattr(StableRows, "take", by_index),
        [("change", "order goes", 0), ("take",)] * 3,
    ),
    "keys are judged by the state": (
        lambda patch: patch.setattr(Shown, "hinders", lambda self, version=False, at_once=True: ""),
        [("key", "j", 0.0), ("key", "d", 0.0)],
    ),
    "a key counts from when the loop takes it up": (
        lambda patch: patch.setattr(Shown, "press", lambda self, at: setattr(self, "_pressed_at", float("inf"))),
        [("key", "j", 0.0), ("wait", 0.3), ("show",), ("wait", 0.01), ("key", "d", 0.3)],
    ),
    "no version is looked at": (
        lambda patch: [patch.setattr(room, "still_holds", lambda state, asked, now: "") for room in (controls, acting)],
        [("calmly", "a"), *[("change", "order changes", at) for at in range(3)], ("calmly", "y")],
    ),
    "the version under the cursor is not looked at": (
        lambda patch: patch.setattr(Shown, "hinders", without_version(Shown.hinders)),
        [*[("change", "order changes", at) for at in range(3)], ("take",), ("key", "a", 0.0)],
    ),
    "y counts at once": (
        lambda patch: patch.setattr(Question, "takes_yes", lambda self, at: True),
        [("calmly", "a"), ("show",), ("key", "y", 0.0)],
    ),
    "a frame counts before it is written": (
        lambda patch: patch.setattr(
            Shown, "draw_question", lambda self: self._state.question and self._state.question.painted(0)
        ),
        [("calmly", "a"), ("paint",), ("wait", 0.45), ("key", "y", 0.0)],
    ),
    "a blocked loop counts": (
        lambda patch: patch.setattr(Question, "painted_again", lambda self, at: None),
        [("calmly", "a"), ("show",), ("block", 1.0), ("key", "y", 0.0)],
    ),
    "the prompt is bound anew": (
        lambda patch: patch.setattr(acting, "order_question", rebinding(decisions.order_question)),
        [("calmly", "a"), ("calmly", "y")],
    ),
    "reject looks at nothing": (unhindered(DENY_ORDER), [("astray", "", "j", "d")]),
    "cancel looks at nothing": (unhindered(CANCEL), [("astray", "o", "j", "x")]),
    "revoke looks at nothing": (unhindered(REVOKE), [("astray", "c", "j", "x")]),
    "approve looks at nothing": (unhindered(APPROVE_ORDER), [("astray", "", "j", "a")]),
    "edit looks at nothing": (unhindered(EDIT), [("astray", "", "j", "e")]),
    "release looks at nothing": (unhindered(RELEASE), [("astray", "l", "j", "r")]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_judge_sees_each_fault_that_is_planted(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, script = FAULTS[fault]
    asyncio.run(play(script))
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        asyncio.run(play(script))
