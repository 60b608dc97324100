"""Scans of the whole market, made by IB: which there are, and what one finds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from ib_async import ScanDataList, ScannerSubscription

from cockpit.brokers.ibkr.answers import HISTORY, NOTHING_SCANNED, is_nothing, refused
from cockpit.brokers.ibkr.contracts import Contracts
from cockpit.brokers.ibkr.documents import BadDocument, read_xml
from cockpit.brokers.ibkr.kept import Kept
from cockpit.brokers.ibkr.line import CockpitIB, Lane, Line, Told
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.brokers.ibkr.wire import WireError, WireRecord
from cockpit.model.clock import Clock
from cockpit.model.instruments import InstrumentKind
from cockpit.model.quotes import DataType
from cockpit.model.refusals import Refused, refuse
from cockpit.model.research import Scan, ScanRequest, ScanResult, ScanRow
from cockpit.model.text import safe

MOST_ROWS: Final = 50
"""Of one scan, by IB's document."""
MOST_AT_ONCE: Final = 3
_MOST_SCANS: Final = 1000
_WITHIN: Final = 20.0
_PARAMETERS_SECONDS: Final = 30.0
_SIDE_BY_SIDE: Final = 6
_CODE: Final = re.compile(r"[A-Z0-9_]{1,60}")
_STOCKS: Final = {"USD": ("STK", "STK.US.MAJOR"), "EUR": ("STOCK.EU", "STK.EU")}
_FUNDS: Final = {"USD": ("ETF.EQ.US", "ETF.EQ.US.MAJOR")}
"""Kind of instrument and location by the currency at home; others would be guesses."""


def read_scans(document: str, instrument: str) -> tuple[Scan, ...]:
    """Return the scans that take a kind of instrument, by code. Raises BadDocument for what is no such document."""
    found: dict[str, Scan] = {}
    for one in read_xml(document, "ScanType"):
        code = one.said("scanCode")
        kinds = one.said("instruments").split(",")
        if _CODE.fullmatch(code) and instrument in kinds and len(found) < _MOST_SCANS:
            found.setdefault(code, Scan(code, safe(one.said("displayName") or code, 100), safe("")))
    return tuple(found[code] for code in sorted(found))


def subscription(asked: ScanRequest, instrument: str, location: str) -> ScannerSubscription:
    """Return the scan as TWS takes it (OUT message 22)."""
    made = ScannerSubscription(
        numberOfRows=max(1, min(asked.limit, MOST_ROWS)),
        instrument=instrument,
        locationCode=location,
        scanCode=asked.code,
    )
    if asked.above_price is not None:
        made.abovePrice = float(asked.above_price)
    if asked.below_price is not None:
        made.belowPrice = float(asked.below_price)
    if asked.above_volume is not None:
        made.aboveVolume = min(int(asked.above_volume), 2_000_000_000)
    return made


class Scans:
    """Scans of one account, few at once."""

    def __init__(self, line: Line, contracts: Contracts, clock: Clock) -> None:
        self._line = line
        self._contracts = contracts
        self._clock = clock
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._kept: Kept[str, tuple[Scan, ...]] = Kept(clock, 2, 24 * 3600)
        self._empty: dict[int, asyncio.Future[None]] = {}
        line.listen(self._on_record)

    @property
    def offered(self) -> bool:
        """Whether there is a market at home that can be scanned."""
        return self._contracts.home in _STOCKS

    async def scans(self) -> tuple[Scan, ...]:
        """Return the scans of stocks at home; IB's document of them is large, and kept for a day."""
        instrument, _ = self._where(None)
        kept = self._kept.get(instrument)
        if kept is None:
            try:
                document: str = await self._line.read(
                    "scannerParams",
                    lambda ib: ib.reqScannerParametersAsync(),
                    within=_PARAMETERS_SECONDS,
                    shared=True,
                )
                kept = await asyncio.to_thread(read_scans, document, instrument)
            except Told as told:
                raise refused(told, "CAPABILITY_UNAVAILABLE") from told
            except BadDocument as problem:
                raise Refused(
                    refuse("CAPABILITY_UNAVAILABLE", f"The list of scans can't be read: {safe(str(problem))}.")
                ) from None
            self._kept.put(instrument, kept, None if kept else 60)
        return kept

    async def scan(self, asked: ScanRequest) -> ScanResult:
        """Return what a scan finds, best first; IB gives ranks alone."""
        instrument, location = self._where(asked.kind)
        of = next((one for one in await self.scans() if one.code == asked.code), None)
        if of is None:
            raise Refused(refuse("BAD_ARGUMENTS", "The broker makes no scan of that code."))
        async with self._turns:
            found = await self._run(subscription(asked, instrument, location))
        rows = await self._rows(found[: asked.limit])
        return ScanResult(of, rows, self._clock.now(), SOURCE, DataType.UNKNOWN)

    def _where(self, kind: InstrumentKind | None) -> tuple[str, str]:
        home = self._contracts.home
        places = {None: _STOCKS, InstrumentKind.STOCK: _STOCKS, InstrumentKind.ETF: _FUNDS}.get(kind, {})
        place = places.get(home)
        if place is None:
            raise Refused(refuse("CAPABILITY_UNAVAILABLE", "No such market can be scanned here.", kind=kind, home=home))
        return place

    async def _run(self, wanted: ScannerSubscription) -> Sequence[int]:
        """Return the contract numbers of what was found, best first."""
        asked: list[ScanDataList] = []
        try:
            answer = await self._line.read("", lambda ib: self._ask(ib, wanted, asked), within=_WITHIN)
        except Told as told:
            if is_nothing(told):
                return ()
            raise refused(told, "BAD_ARGUMENTS" if told.code == HISTORY else "CAPABILITY_UNAVAILABLE") from told
        finally:
            await self._close(asked)
        ranked = sorted(answer, key=lambda one: one.rank)
        return [
            one.contractDetails.contract.conId for one in ranked[:MOST_ROWS] if one.contractDetails.contract is not None
        ]

    async def _ask(self, ib: CockpitIB, wanted: ScannerSubscription, asked: list[ScanDataList]) -> ScanDataList:
        found = ScanDataList()
        found.reqId = number = ib.client.getReqId()
        answer = ib.wrapper.startReq(number, container=found)
        # Error 165 says that nothing was found, and ends no request of ib_async's.
        nothing = self._empty[number] = asyncio.get_running_loop().create_future()
        try:
            ib.client.reqScannerSubscription(number, wanted, [], [])
            asked.append(found)
            await asyncio.wait({answer, nothing}, return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else ScanDataList()
        finally:
            del self._empty[number]
            answer.cancel()
            nothing.cancel()

    async def _close(self, asked: Sequence[ScanDataList]) -> None:
        try:
            for one in asked:
                number = one.reqId
                await self._line.send(Lane.READ, lambda ib, number=number: ib.client.cancelScannerSubscription(number))
        except Refused:
            return

    async def _rows(self, found: Sequence[int]) -> tuple[ScanRow, ...]:
        turns = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(rank: int, con_id: int) -> ScanRow | None:
            async with turns:
                listed = await self._contracts.by_id(con_id)
            return None if listed is None else ScanRow(rank, listed.instrument, None, None, None)

        rows = await asyncio.gather(*(one(rank, con_id) for rank, con_id in enumerate(found, 1)))
        return tuple(row for row in rows if row is not None)

    def _on_record(self, record: WireRecord) -> None:
        if isinstance(record, WireError) and record.code == NOTHING_SCANNED:
            waiting = self._empty.get(record.about)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
