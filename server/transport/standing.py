"""The standing stream of one session: what the server says on its own account, to a client that may read slowly."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from server.transport.running import open_stream
from server.transport.wire import BROKEN, PING, SESSION_HEADER

_QUEUE: Final = 64
"""Frames that may wait for a client that reads slowly."""
_END_SECONDS: Final = 0.5


class GetStream:
    """The standing stream of one session: what the server says on its own account.

    A client that doesn't read lets the queue fill; then the connection is dropped, and the client connects again. It
    gets what is kept of what it missed, and lists anew, which tells it more than the lost frames would.
    """

    def __init__(self, request: web.Request, ping_seconds: float, missed: Sequence[bytes] = ()) -> None:
        self._request = request
        self._ping_seconds = ping_seconds
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE + len(missed))
        self._over = False
        for data in missed:
            self._frames.put_nowait(data)

    def push(self, data: bytes | None) -> None:
        """Queue a frame, or None for the end."""
        try:
            self._frames.put_nowait(data)
        except asyncio.QueueFull:
            self._drop()

    def end(self) -> None:
        """End the stream; one whose client doesn't read, and so never gets to the end, is dropped."""
        self.push(None)
        asyncio.get_running_loop().call_later(_END_SECONDS, self._drop)

    async def serve(self, session_id: str) -> web.StreamResponse:
        """Write frames until the end, or until the client goes."""
        response = await open_stream(self._request, {SESSION_HEADER: session_id})
        with contextlib.suppress(*BROKEN):
            while True:
                try:
                    data = await asyncio.wait_for(self._frames.get(), self._ping_seconds)
                except TimeoutError:
                    data = PING
                if data is None:
                    break
                await response.write(data)
            await response.write_eof()
        self._over = True
        return response

    def _drop(self) -> None:
        if not self._over and self._request.transport is not None:
            self._request.transport.abort()
