"""A broker whose account says that its money is real, over the paper engine: prices count as live, and a line can break."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cockpit.brokers.base import BrokerStatus, Estimate
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.clock import Clock
from cockpit.model.instruments import Instrument
from cockpit.model.orders import OrderRequest
from cockpit.model.quotes import DataType, FxRate, Quote
from cockpit.model.trading import Link, Mode
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings, for_live_money
from cockpit.store.database import Store


class LiveBroker(PaperBroker):
    """What a test can set: the account's mode and name, the line, what a preview warns of, and the rates."""

    def __init__(
        self, name: str, settings: ConnectionSettings, store: Store, clock: Clock, *, tick_seconds: float = 3600
    ) -> None:
        super().__init__(name, settings, store, clock, tick_seconds=tick_seconds)
        self.mode = Mode.LIVE
        self.reported = "U7654321"
        self.link = Link.READY
        self.warning: str | None = ""
        self.rates: dict[tuple[str, str], FxRate] = {}

    def status(self) -> BrokerStatus:
        """Say what the test wants."""
        return replace(super().status(), kind="fake", account=self.reported, mode=self.mode, link=self.link)

    async def quote(self, instrument: Instrument) -> Quote | None:
        """Return the invented quote as if it were a live one."""
        quote = await super().quote(instrument)
        return None if quote is None else replace(quote, data_type=DataType.LIVE, source="fake")

    async def estimate(self, request: OrderRequest) -> Estimate | None:
        """Preview an order; None where the test lets the broker be silent."""
        estimate = await super().estimate(request)
        return None if estimate is None or self.warning is None else replace(estimate, warning=self.warning)

    async def fx_rate(self, base: str, counter: str) -> FxRate | None:
        """Return a rate that the test set."""
        return self.rates.get((base, counter))


def live_settings(policy: dict[str, Any] | None = None, **said: Any) -> ConnectionSettings:
    """Return a connection's settings as if they named a broker with real money."""
    limits = {
        "allowed_symbols": ["ALFA", "BRVO"],
        "order_types": ["market", "limit", "stop"],
        "max_identical": 100,
        "max_spread": "0.02",
        **(policy or {}),
    }
    strict = PolicySettings.model_validate(for_live_money(limits))
    return ConnectionSettings(policy=strict, **said).model_copy(update={"mode": Mode.LIVE})
