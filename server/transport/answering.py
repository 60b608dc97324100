"""How a request that was checked comes to its answer: where it runs, what ends it early, what its client then hears."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

from aiohttp import web
from mcp.server.runner import modern_error_data
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, ErrorData
from pydantic import ValidationError

from cockpit.model.identity import Caller, Via, effective, scope_text
from cockpit.model.refusals import Refusal, refusal_json, refuse
from server.door import CHALLENGE_HEADER, Challenge
from server.transport.running import Answer, Ended, Exchange, Running
from server.transport.wire import REQUEST_CANCELLED, error_body, error_status

log = logging.getLogger(__name__)


class Work(Protocol):
    """What answers one kind of request."""

    async def run(self, exchange: Exchange) -> Answer:
        """Answer it. May raise the SDK's errors, and ``Denied``."""
        ...

    def refused(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Say why it isn't answered, or not to the end."""
        ...

    def turned_away(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Say, and record, why it was never begun."""
        ...


class Line(Protocol):
    """Where an answer goes that no handler of aiohttp gives."""

    @property
    def gone(self) -> bool:
        """Whether the client is gone, and its going calls the request off."""
        ...

    def answer(self, exchange: Exchange, answer: Answer) -> None:
        """Write a whole answer."""
        ...


DEAD: Final = frozenset({"GRANT_ENDED", "KILL_SWITCH"})
"""Codes after which the authority is gone: over HTTP a challenge says so."""


class Denied(Exception):
    """Carries a refusal out of a handler of the kernel."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class Answering:
    """Runs what answers requests, bounded for each client, and puts every early end into words of the protocol."""

    def __init__(
        self,
        running: Running,
        challenge: Challenge,
        max_in_flight: int,
        told: Callable[[Work], Work] | None = None,
    ) -> None:
        """``told`` wraps the work of each request, so that somebody hears of it."""
        self._told = told
        self._running = running
        self._challenge = challenge
        self._max_in_flight = max_in_flight

    def has_room(self, caller: Caller) -> bool:
        """Whether one more call of that client may run."""
        return self._running.calls(caller.grant.client) < self._max_in_flight

    def _begin(self, exchange: Exchange) -> Refusal | None:
        if not exchange.is_call or self.has_room(exchange.caller):
            self._running.enter(exchange)
            return None
        return refuse("BUSY", "Too many of your calls are running; wait for one to end.", running=self._max_in_flight)

    async def here(self, exchange: Exchange, work: Work) -> web.StreamResponse:
        """Run it in the task that answers: where the client goes away, it is cancelled with it.

        What came together is read together, then worked on together, then answered together: one kind of work for many
        requests in a row takes a third less time of each than all kinds of work for one request after the other.
        """
        refusal = self._begin(exchange)
        if refusal is not None:
            return exchange.plain(work.turned_away(exchange, refusal))
        if self._told is not None:
            work = self._told(work)
        exchange.task = task = asyncio.current_task()
        try:
            try:
                await asyncio.sleep(0)
                exchange.begun = True
                answer = await work.run(exchange)
            except asyncio.CancelledError:
                if exchange.ended is None or task is None or task.uncancel():
                    raise
                answer = self._cut_short(exchange, work)
            except Exception as problem:  # noqa: BLE001 - the edge: what nobody planned is logged, and nothing of it leaves
                answer = self.failed(exchange, problem)
            if exchange.reply is None:
                answer = await self._at_last(exchange, work, answer)
            return await exchange.finish(answer)
        finally:
            self._running.leave(exchange)

    async def _at_last(self, exchange: Exchange, work: Work, answer: Answer) -> Answer:
        """Let what came together be worked on before any of it is answered, and give nothing to a grant that ends
        meanwhile; whatever else would end the request comes too late.
        """
        task, before = exchange.task, exchange.ended
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            if exchange.ended is before or task is None or task.uncancel():
                raise
        exchange.task = None  # what is answered can't be ended any more
        return self._cut_short(exchange, work) if exchange.ended is Ended.GRANT and before is None else answer

    async def apart(
        self, exchange: Exchange, work: Work, done: Callable[[Exchange], None] | None
    ) -> web.StreamResponse:
        """Run it in a task of its own, which goes on when the client's connection breaks; only
        ``notifications/cancelled`` calls it off (2025-11-25, transports and cancellation).
        """
        refusal = self._begin(exchange)
        if refusal is not None:
            if done is not None:
                done(exchange)
            return exchange.plain(work.turned_away(exchange, refusal))
        if self._told is not None:
            work = self._told(work)
        loop = asyncio.get_running_loop()
        exchange.waiting = waiting = loop.create_future()
        exchange.task = task = loop.create_task(self._to_the_end(exchange, work))
        unbegun: Answer | None = None
        waited_for = False

        def over(_: object) -> None:
            nonlocal unbegun, waited_for
            if done is not None:
                done(exchange)
            if waiting.done():
                self._running.leave(exchange)
            else:
                # It counts as running until its client is answered: its grant may end before that.
                waited_for = True
                waiting.set_result(None)
            if not task.cancelled():
                task.exception()  # marks it as seen: nobody may be left to await it
            elif exchange.ended is not None and not exchange.begun:
                # A task that is cancelled before its first step takes none: nothing inside it could say so.
                unbegun = self._cut_short(exchange, work)

        task.add_done_callback(over)
        try:
            await waiting
        finally:
            if waited_for:
                self._running.leave(exchange)
        if exchange.reply is not None:
            return exchange.reply.response
        if exchange.ended is Ended.GRANT and exchange.begun:
            return exchange.plain(self._cut_short(exchange, work))
        return exchange.plain(task.result() if unbegun is None else unbegun)

    def enter(self, exchange: Exchange) -> None:
        """Count a call for which there is room; ``at_once`` must follow."""
        self._running.enter(exchange)

    async def at_once(self, exchange: Exchange, work: Work, line: Line) -> None:
        """Run it in a task that nobody waits for and that answers itself; here too, what came together is worked on
        together, then answered together.
        """
        try:
            if exchange.ended is not None:
                line.answer(exchange, self._cut_short(exchange, work))
                return
            if line.gone:
                return
            exchange.task = asyncio.current_task()
            answer = await self._to_the_end(exchange, work if self._told is None else self._told(work))
            if exchange.reply is None:
                line.answer(exchange, await self._at_last(exchange, work, answer))
        finally:
            self._running.leave(exchange)
            if exchange.session is not None:
                exchange.session.done(exchange)

    async def _to_the_end(self, exchange: Exchange, work: Work) -> Answer:
        exchange.begun = True
        try:
            answer = await work.run(exchange)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if exchange.ended is None or task is None or task.uncancel():
                raise
            answer = self._cut_short(exchange, work)
        except Exception as problem:  # noqa: BLE001 - the edge: what nobody planned is logged, and nothing of it leaves
            answer = self.failed(exchange, problem)
        if exchange.reply is not None:
            await exchange.reply.finish(answer.body)
        else:
            exchange.may_stream = False  # it is answered as a whole now: a sign of life would be a second answer
        return answer

    def denial(self, exchange: Exchange, refusal: Refusal) -> Answer | None:
        """Return what HTTP has a status of its own for: an authority that has ended, a scope that is missing."""
        if refusal.code in DEAD:
            return self._challenged(exchange, refusal, 401, self._challenge.unauthorized("invalid_token"))
        if refusal.code == "SCOPE_MISSING" and exchange.caller.grant.via is Via.OAUTH:
            return self._challenged(
                exchange, refusal, 403, self._challenge.insufficient(_union(exchange.caller, refusal))
            )
        return None

    def refused(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Say a refusal as an error of the protocol: whatever isn't a tool has no other."""
        denial = self.denial(exchange, refusal)
        if denial is not None:
            return denial
        code = INVALID_PARAMS if refusal.code == "BAD_ARGUMENTS" else INVALID_REQUEST
        data = refusal_json(refusal)
        return _error(exchange, ErrorData(code=code, message=refusal.message, data=data))

    def failed(self, exchange: Exchange, problem: Exception) -> Answer:
        """Say what was raised; of what nobody planned, no text."""
        if isinstance(problem, Denied):
            return self.refused(exchange, problem.refusal)
        if isinstance(problem, MCPError | ValidationError):
            return _error(exchange, modern_error_data(problem))
        log.error("answering %s raised", exchange.message.method, exc_info=problem)
        return _error(exchange, ErrorData(code=INTERNAL_ERROR, message="Internal server error"))

    def _challenged(self, exchange: Exchange, refusal: Refusal, status: int, challenge: str) -> Answer:
        data = refusal_json(refusal)
        error = ErrorData(code=INVALID_REQUEST, message=refusal.message, data=data)
        return Answer(
            error_body(exchange.message.request_id, error), status, {CHALLENGE_HEADER: challenge}, refusal.code
        )

    def _cut_short(self, exchange: Exchange, work: Work) -> Answer:
        say = work.refused if exchange.begun else work.turned_away
        match exchange.ended:
            case Ended.GRANT:
                return say(exchange, refuse("GRANT_ENDED"))
            case Ended.HOST:
                return say(exchange, refuse("BUSY", "The host stops."))
            case Ended.DEADLINE:
                return say(exchange, refuse("DEADLINE"))
            case _:
                return _error(exchange, ErrorData(code=REQUEST_CANCELLED, message="Request cancelled"))


def _error(exchange: Exchange, error: ErrorData) -> Answer:
    status = error_status(error.code) if exchange.modern else 200
    return Answer(error_body(exchange.message.request_id, error), status, error=str(error.code))


def _union(caller: Caller, refusal: Refusal) -> str:
    """Return what to ask for: what is needed beside all that the token has, because the new one replaces it.

    2026-07-28, authorization, "Scope Challenge Handling"; RFC 6750, 3.1.
    """
    grant, narrowed = caller.grant, caller.narrowed
    held = refusal.details.get("held", scope_text(effective(grant, narrowed, grant.scopes)))
    return " ".join(dict.fromkeys([*held.split(), *refusal.details.get("scope", "").split()]))
