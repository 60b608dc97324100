"""Money that came into the account or left it without a trade."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pydantic import AwareDatetime, Field

from cockpit.brokers.base import Feature
from cockpit.desk.gate import Served
from cockpit.model.identity import Scope
from cockpit.model.money import cents
from cockpit.model.research import Transfer
from cockpit.model.text import safe
from tools.account import check_account
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.words import AccountWord, Outside, iso

_DAYS: Final = 90


class TransfersArguments(Arguments):
    """Since when."""

    since: AwareDatetime | None = Field(None, description="Only newer ones (ISO 8601 with offset); 90 days ago")
    limit: int = Field(50, ge=1, le=500, description="How many at most")
    account: AccountWord = None


class TransferRow(Result):
    """One of them."""

    transfer_id: str
    kind: str
    amount: str
    """Above zero where money came in."""
    currency: str
    at: str
    text: Outside
    """As the broker words it: untrusted."""
    source: str

    @classmethod
    def of(cls, transfer: Transfer) -> TransferRow:
        """Write a transfer."""
        return cls(
            transfer_id=safe(transfer.transfer_id, 60),
            kind=transfer.kind,
            amount=cents(transfer.amount),
            currency=safe(transfer.currency, 8),
            at=iso(transfer.at) or "",
            text=safe(transfer.text),
            source=transfer.source,
        )


class TransfersResult(Result):
    """Transfers, newest first."""

    transfers: list[TransferRow]


@tool(
    "list_transfers",
    scope=Scope.READ_ACCOUNT,
    title="Transfers",
    arguments=TransfersArguments,
    result=TransfersResult,
    toolset=Toolset.ORDERS,
    needs=Feature.TRANSFERS,
)
async def list_transfers(call: Call, asked: TransfersArguments) -> Served[TransfersResult]:
    """Deposits, withdrawals, dividends, interest, fees and taxes of the account, newest first; above zero is money that
    came in. Nothing here moves money: no tool can.
    """
    check_account(call, asked.account)
    since = asked.since or call.rooms.clock.now() - timedelta(days=_DAYS)
    found = await call.offers.transfers(since, asked.limit)
    rows = [TransferRow.of(one) for one in found[: asked.limit]]
    return Served(TransfersResult(transfers=rows), summary=safe(f"{len(rows)} transfers"))
