"""A screen whose paint is behind its state, and an onlooker who knows what stood on the terminal at any moment.

The state, the keys, the errands and the painted lines are the real ones; only the terminal and the clock are played.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from cockpit.model.orders import Order, OrderId, OrderState
from cockpit.operator.act import Command
from cockpit.operator.view import PendingOrder
from tests.tui.fake_face import (
    FakeClock,
    FakeFace,
    client_ticket,
    order_ticket,
    pending_client,
    pending_order,
    troubled_face,
)
from tui.asking import Asks, Question
from tui.calls import CallHistory
from tui.controls import Controls
from tui.errands import Errands
from tui.key_map import KeyMap
from tui.shown import BLOCKED_SECONDS, Frame, Shown
from tui.state import Pane, Place, ScreenState
from tui.views import Views

SETTLES = 0.4
EPSILON = 1e-6
WIDTH, HEIGHT = 100, 12


@dataclass(frozen=True)
class Seen:
    """What stands on the terminal: the thing under the cursor, by its own id, and the question with its words."""

    place: Place | None = None
    id: str = ""
    version: int | None = None
    client: str = ""
    question: Question | None = None


class RecordingErrands(Errands):
    """Tells of every command before it goes to the face."""

    def __init__(self, behind: Behind) -> None:
        super().__init__(behind.face, behind.state, behind.clock, lambda: None)
        self._behind = behind

    def send(self, command: Command, ground: Question | None = None) -> None:
        self._behind.judge(command)
        super().send(command, ground)


class Behind:
    """The rig. Each method is one thing that can happen; ``judge`` holds the rules."""

    def __init__(self) -> None:
        self.face: FakeFace = troubled_face()
        self.clock = FakeClock()
        self.state = ScreenState(self.face.seen, CallHistory(50))
        self.shown = Shown(self.state)
        keys = KeyMap({})
        self.errands = RecordingErrands(self)
        self.controls = Controls(self.state, self.errands, self, self.clock, keys, self.shown)
        self.errands.told = self.controls
        self.views = Views(self.state, keys, self.clock, None, self.shown)
        self.number = 100
        self.on_terminal: list[tuple[float, Seen]] = [(float("-inf"), Seen())]
        self.on_its_way: list[tuple[Frame | None, Seen]] = []
        self.blocked_until: list[float] = []
        self.key = ""
        self.pressed_at = 0.0
        self.before_key: Question | None = None
        self.acts: list[str] = []
        self.take()

    # around

    def leave(self) -> None:
        pass

    def stream_height(self) -> int:
        return 10

    def shown_as_text(self, file: str) -> str:
        return ""

    def redraw(self) -> None:
        pass

    def copy(self, text: str) -> None:
        pass

    def choose_theme(self, name: str) -> str:
        return ""

    # what happens outside

    def change(self, what: str, at: int) -> None:
        """Let something happen that the operator hasn't done."""
        seen, waiting = self.face.seen, self.face.seen.pending_orders
        some = waiting[at % len(waiting)] if waiting else None
        self.number += 1
        if what == "order comes":
            self.offer((*waiting, self.new_order()))
        elif what == "order goes" and some is not None:
            self.offer(tuple(one for one in waiting if one is not some))
        elif what == "another takes its place" and some is not None:
            self.offer(tuple(self.new_order() if one is some else one for one in waiting))
        elif what == "order changes" and some is not None:
            newer = replace(some, order=replace(some.order, version=some.order.version + 1))
            self.offer(tuple(newer if one is some else one for one in waiting))
        elif what == "client comes":
            asking = pending_client(f"r-{self.number}", host=f"h{self.number}.example")
            self.face.client_tickets["KWMRTB"] = client_ticket(asking)
            self.face.seen = replace(seen, pending_clients=(*seen.pending_clients, asking))
        elif what == "client goes" and seen.pending_clients:
            self.face.seen = replace(seen, pending_clients=seen.pending_clients[1:])
        elif what == "client is revoked" and seen.clients:
            gone = seen.clients[at % len(seen.clients)]
            self.face.seen = replace(seen, clients=tuple(one for one in seen.clients if one is not gone))
        elif what == "order ends" and seen.orders:
            ended = seen.orders[at % len(seen.orders)]
            self.face.seen = replace(seen, orders=tuple(one for one in seen.orders if one is not ended))
        elif what == "order is lost" and seen.orders:
            lost = seen.orders[at % len(seen.orders)]
            told = replace(lost, state=OrderState.UNKNOWN, decide_by=None, version=lost.version + 1)
            self.face.seen = replace(seen, orders=tuple(told if one is lost else one for one in seen.orders))
        elif what == "position goes":
            self.face.seen = replace(seen, positions=seen.positions[1:])
        elif what == "latch goes":
            self.face.seen = replace(seen, latches=seen.latches[1:])

    def new_order(self) -> PendingOrder:
        return pending_order(self.number, "claude", f"buy {self.number} ALFA 5", "5", 600, "new", waited=0)

    def offer(self, waiting: tuple[PendingOrder, ...]) -> None:
        """Let these orders wait, in the queue and in the list of orders alike."""
        kept = {one.order.order_id: one.order for one in waiting}
        before = {one.order.order_id for one in self.face.seen.pending_orders}
        ended = before - set(kept)
        old: list[Order] = []
        for one in self.face.seen.orders:
            if one.order_id in ended:
                old.append(replace(one, state=OrderState.EXPIRED, decide_by=None, version=one.version + 1))
            else:
                old.append(kept.pop(one.order_id, one))
        self.face.seen = replace(self.face.seen, pending_orders=waiting, orders=(*kept.values(), *old))
        self.face.order_tickets = {one.order.order_id: order_ticket(one) for one in waiting}

    def take(self) -> None:
        """Take the snapshot, as the screen does soon after an event."""
        chosen = self.state.waiting.chosen_key
        was_empty = not self.state.waiting.items
        self.state.take(self.face.snapshot())
        self.controls.recheck()
        now_chosen = self.state.waiting.chosen_key
        assert was_empty or now_chosen in {chosen, None}, "the cursor moved to another row by itself"

    async def answers(self) -> None:
        """Let what was asked of the face be answered."""
        for _ in range(4):
            await asyncio.sleep(0)

    # the terminal

    def paint(self) -> None:
        """Make a frame of the whole screen."""
        state = self.state
        lines = (self.views.queue if state.place is Place.MAIN else self.views.full)(WIDTH, HEIGHT)
        self.views.prompt(WIDTH, 4)
        target = state.target
        order = target.order if isinstance(target, PendingOrder) else target if isinstance(target, Order) else None
        words = ["".join(span.text for span in line.spans) for line in lines if line.chosen]
        question = state.question if state.entry is None else None
        seen = Seen(state.place, self.id_of_target(), order.version if order else None, "", question)
        if state.place is Place.CLIENTS and (view := state.clients.chosen) is not None:
            seen = replace(seen, client=view.client)
            assert view.client in words[0]
        if state.place is Place.SCOPES and state.scopes is not None:
            seen = replace(seen, client=state.scopes.view.client)
        if state.place is Place.MAIN and order is not None:
            rows = "\n".join("".join(span.text for span in line.spans) for line in lines)
            assert f"{order.order_id[-6:]} v{order.version} " in rows
            assert len(words) == 1
        self.on_its_way.append((self.shown.take_frame(), seen))

    def id_of_target(self) -> str:
        """Say in the test's own words what the cursor stands on."""
        state = self.state
        if state.place is Place.MAIN:
            item = state.waiting.chosen if state.pane is Pane.QUEUE else None
            return "" if item is None else item.order.order_id if isinstance(item, PendingOrder) else item.request_id
        if state.place is Place.ORDER:
            ticket = state.ticket
            return ticket.order.order_id if ticket and ticket.order.order_id == state.order_id else ""
        if state.place is Place.ORDERS:
            return next((one.order_id for one in state.orders.items if one.order_id == state.orders.chosen_key), "")
        if state.place is Place.CLIENT and state.form is not None:
            return state.form.ticket.request.request_id
        if state.place is Place.LIMITS:
            return state.latches.chosen_key or ""
        return ""

    def reach(self, *, dropped: bool = False) -> None:
        """Let the oldest frame on its way reach the terminal, or be dropped."""
        if not self.on_its_way:
            return
        frame, seen = self.on_its_way.pop(0)
        if dropped:
            return
        if frame is not None:
            self.shown.reached(frame, self.clock.monotonic())
        self.on_terminal.append((self.clock.monotonic(), seen))

    def wait(self, seconds: float) -> None:
        """Let time pass while the loop runs free."""
        rest = seconds
        while rest > EPSILON:
            step = min(0.05, rest)
            self.clock.pass_by(step)
            self.shown.beat(self.clock.monotonic())
            rest -= step

    def block(self, seconds: float) -> None:
        """Let the loop be blocked: nothing beats, is painted or reaches anything."""
        self.clock.pass_by(seconds)
        if seconds > BLOCKED_SECONDS + 0.05 and self.state.question is not None:
            self.blocked_until.append(self.clock.monotonic())

    # keys

    def press(self, key: str, waited: float = 0) -> None:
        """Press a key that the loop takes up after it has waited."""
        now = self.clock.monotonic()
        self.key, self.pressed_at, self.before_key = key, now - waited, self.state.question
        self.shown.beat(now)
        entry_before = self.state.entry
        self.controls.press(key, key if len(key) == 1 else None, self.pressed_at)
        self.shown.beat(now)
        question, entry, seen = self.state.question, self.state.entry, self.seen()
        if question is not None and question is not self.before_key:
            self.judge_opening(question, seen)
        if entry is not None and entry is not entry_before and entry.asks in {Asks.REASON, Asks.EDIT}:
            assert entry.about == seen.id, "a line began about another order than the one on the screen"

    def seen(self) -> Seen:
        """Return what stood on the terminal when the key at hand was pressed."""
        return next(seen for at, seen in reversed(self.on_terminal) if at <= self.pressed_at + EPSILON)

    def judge_opening(self, question: Question, seen: Seen) -> None:
        """A question that opens is about what stood on the screen, in the version that stood there."""
        if question.command is None or not question.about:
            return
        assert question.about == seen.id, "the question is about another thing than the one on the screen"
        if question.version is not None:
            assert question.version == seen.version, "the question is about terms that were not on the screen"

    def judge(self, command: Command) -> None:
        """A command is about what stood on the screen; one that adds risk was asked about long enough before."""
        seen, given = self.seen(), command.arguments
        self.acts.append(command.act)
        match command.act:
            case "order.deny" if self.key == "enter":
                pass  # judged when the line began; the id is the line's
            case "order.deny" | "order.cancel":
                assert given["order_id"] == seen.id
            case "client.deny":
                assert given["code"] == seen.id
            case "client.revoke":
                assert given["client"] == seen.client
            case "client.scopes" if self.key == "a":
                assert given["client"] == seen.client
            case "order.approve" | "client.approve" | "latch.release" | "client.scopes":
                self.judge_yes(command, seen)
            case "kill":
                assert self.key == "ctrl+k"

    def judge_yes(self, command: Command, seen: Seen) -> None:
        question = self.before_key
        assert self.key == "y"
        assert question is not None
        assert question is seen.question, "the question's words were not on the screen"
        assert command is question.command
        since = next(at for at, one in self.on_terminal if one.question is question)
        assert self.pressed_at - since >= SETTLES - EPSILON, "the words had only just come"
        assert all(self.pressed_at - end >= SETTLES - EPSILON for end in self.blocked_until if end >= since)
        if command.act == "order.approve":
            pending = self.state.pending_order(OrderId(command.arguments["order_id"]))
            assert pending is not None
            assert command.arguments["order_id"] == question.about
            assert str(pending.order.version) == command.arguments["version"]
            words = "".join(span.text for span in question.says)
            assert str(pending.order.request.quantity) in words

    async def open_client(self) -> None:
        """Type the code of a client that waits."""
        self.errands.look_for_client("KWMRTB")
        await self.answers()
