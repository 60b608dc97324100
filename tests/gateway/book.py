"""Orders, executions and positions behind the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway
    from tests.gateway.session import Session


class Book:
    """Everything that belongs to an account."""

    def __init__(self, gateway: FakeGateway) -> None:
        self._gateway = gateway

    def next_id(self, client_id: int) -> int:
        """Return the id that the client may give to its next order."""
        return 1

    def kind_of(self, session: Session, fields: list[str]) -> str:
        """Return newOrder, modifyOrder or whatIfOrder."""
        return "newOrder"

    def roll_back(self, ids: int) -> None:
        """Give ids out once more."""

    def catch_up(self) -> None:
        """Tell what happened while the line was lost."""
