"""How the paper broker simulates: fees, slippage, hours and recorded prices."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from cockpit.settings.section import Section


class FeeSettings(Section):
    """What an order costs on paper, in the account's currency."""

    per_share: Decimal = Field(default=Decimal("0.005"), ge=0, le=1000, description="Paper: fee for each share.")
    minimum: Decimal = Field(default=Decimal(1), ge=0, le=10_000, description="Paper: least fee of an order.")
    cap: Decimal = Field(
        default=Decimal("0.01"),
        ge=0,
        le=1,
        description="Paper: most that a fee may be, as a share of the order's value.",
    )
