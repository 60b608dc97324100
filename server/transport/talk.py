"""The way to a client while one of its requests is answered: progress, log messages, and questions where the era has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast, get_args

from mcp.server.connection import allowed_log_levels
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp_types import CLIENT_CAPABILITIES_META_KEY, ClientCapabilities, LoggingLevel
from pydantic import ValidationError

from server.transport.running import Exchange
from server.transport.wire import notification_body

_LEVELS: Final[tuple[LoggingLevel, ...]] = get_args(LoggingLevel)
_UNASKED: Final[LoggingLevel] = "info"
"""The lowest level that a client of the handshake era hears of if it never said what it wants."""


class Line:
    """Implements ``server.host.Talk`` for one exchange."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def version(self) -> str:
        """The version of the protocol that the request is made in."""
        return self._exchange.version

    @property
    def capabilities(self) -> ClientCapabilities | None:
        """What the client says that it can."""
        exchange = self._exchange
        if not exchange.modern:
            hello = None if exchange.session is None else exchange.session.hello.params
            return None if hello is None else hello.capabilities
        try:
            return ClientCapabilities.model_validate(self._meta.get(CLIENT_CAPABILITIES_META_KEY), by_name=False)
        except ValidationError:
            return None

    @property
    def answers(self) -> Mapping[str, Any]:
        """What the client answers to an ``InputRequiredResult``."""
        found = self._params.get("inputResponses") if self._exchange.modern else None
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}

    @property
    def state(self) -> str | None:
        """The state of an ``InputRequiredResult`` that the client gives back."""
        found = self._params.get("requestState") if self._exchange.modern else None
        return found if isinstance(found, str) else None

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress to a client that asked for it."""
        token = progress_token_from_params(self._exchange.message.params)
        if token is None:
            return
        params: dict[str, Any] = {"progressToken": token, "progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        await self.notify("notifications/progress", params)

    async def log(self, level: LoggingLevel, data: Any, logger: str | None = None) -> None:
        """Send a log message to a client that wants that level."""
        exchange = self._exchange
        if exchange.modern:
            if level not in allowed_log_levels(exchange.version, self._meta):
                return
        else:
            lowest = _UNASKED if exchange.session is None else exchange.session.log_level
            if _LEVELS.index(level) < _LEVELS.index(lowest):
                return
        params = {"level": level, "data": data}
        await self.notify("notifications/message", params if logger is None else params | {"logger": logger})

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the client and wait for its result."""
        exchange = self._exchange
        if exchange.modern or exchange.session is None:
            raise NoBackChannelError(method)
        return await exchange.session.ask(exchange, method, params)

    async def hang_up(self) -> None:
        """End the connection but not the request, where the client can come back for the rest."""
        if self._exchange.may_stream:
            await self._exchange.as_stream().hang_up()

    async def notify(self, method: str, params: Mapping[str, Any] | None) -> None:
        """Send a notification that belongs to this request; nothing to a client that takes no streams."""
        if self._exchange.may_stream:
            await self._exchange.as_stream().send(notification_body(method, params))

    @property
    def _params(self) -> Mapping[str, Any]:
        return self._exchange.message.params or {}

    @property
    def _meta(self) -> Mapping[str, Any]:
        meta = self._params.get("_meta")
        return cast("dict[str, Any]", meta) if isinstance(meta, dict) else {}
