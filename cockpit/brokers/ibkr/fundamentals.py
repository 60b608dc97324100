"""What is reported of a company: IB's "ReportSnapshot" as figures, where the account may read it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from cockpit.brokers.ibkr.answers import refused, too_fast
from cockpit.brokers.ibkr.documents import BadDocument, Element, read_xml
from cockpit.brokers.ibkr.kept import Kept
from cockpit.brokers.ibkr.line import Line, Told
from cockpit.brokers.ibkr.listing import Listed
from cockpit.brokers.ibkr.pacing import Window
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.model.clock import Clock
from cockpit.model.refusals import Refused, refuse
from cockpit.model.research import Figure, Fundamentals
from cockpit.model.text import safe

REPORT: Final = "ReportSnapshot"
MOST_FIGURES: Final = 300
MOST_IN_TEN_MINUTES: Final = 60
_KEPT_SECONDS: Final = 6 * 3600
_WITHIN: Final = 20.0
_MISSING: Final = "-99999.99"
"""What the reports say where they have no figure."""
_NOT_THERE: Final = 430
NAMES: Final = {
    "NPRICE": "Price",
    "NHIG": "Highest price in 12 months",
    "NLOW": "Lowest price in 12 months",
    "PDATE": "Date of the price",
    "VOL10DAVG": "Average daily volume in 10 days, millions",
    "EV": "Enterprise value, millions",
    "MKTCAP": "Market capitalisation, millions",
    "TTMREV": "Revenue in 12 months, millions",
    "AREV": "Revenue in the last year, millions",
    "TTMEBITD": "EBITDA in 12 months, millions",
    "AEBITD": "EBITDA in the last year, millions",
    "TTMNIAC": "Net income in 12 months, millions",
    "ANIAC": "Net income in the last year, millions",
    "TTMEPSXCLX": "Earnings per share in 12 months, without extraordinary items",
    "AEPSXCLXOR": "Earnings per share in the last year, without extraordinary items",
    "TTMREVPS": "Revenue per share in 12 months",
    "QBVPS": "Book value per share in the last quarter",
    "QCSHPS": "Cash per share in the last quarter",
    "TTMCFSHR": "Cash flow per share in 12 months",
    "TTMDIVSHR": "Dividends per share in 12 months",
    "TTMGROSMGN": "Gross margin in 12 months, %",
    "TTMROEPCT": "Return on equity in 12 months, %",
    "TTMPR2REV": "Price to revenue",
    "PEEXCLXOR": "Price to earnings, without extraordinary items",
    "PRICE2BK": "Price to book value",
    "TTMPRCFPS": "Price to cash flow",
    "TMPRTANBK": "Price to tangible book value",
    "BETA": "Beta",
    "YIELD": "Dividend yield, %",
    "Employees": "Employees",
}
"""What the fields of the report are; others keep the report's own name."""
_FORECASTS: Final = {
    "ConsRecom": "Analysts' mean recommendation",
    "TargetPrice": "Analysts' mean target price",
    "ProjLTGrowthRate": "Forecast growth, %",
    "ProjPE": "Forecast price to earnings",
    "ProjSales": "Forecast revenue, millions",
    "ProjSalesQ": "Forecast revenue of the quarter, millions",
    "ProjEPS": "Forecast earnings per share",
    "ProjEPSQ": "Forecast earnings per share of the quarter",
    "ProjProfit": "Forecast profit, millions",
    "ProjDPS": "Forecast dividends per share",
}


def read_report(document: str, symbol: str, now: datetime) -> Fundamentals | None:
    """Return the figures of a report, or None where it holds none. Raises BadDocument for what is no report."""
    reports = read_xml(document, REPORT)
    if not reports:
        raise BadDocument("the answer isn't a company report")
    figures = tuple(_figures(reports[0]))[:MOST_FIGURES]
    ratios = reports[0].child("Ratios")
    as_of = None if ratios is None else _day(ratios.get("LatestAvailableDate"))
    return Fundamentals(symbol, figures, as_of or now, SOURCE) if figures else None


class Companies:
    """Company reports of one account, kept for hours: IB answers 60 such requests in ten minutes."""

    def __init__(self, line: Line, clock: Clock) -> None:
        self._line = line
        self._clock = clock
        self._pacing = Window(MOST_IN_TEN_MINUTES, 600.0)
        self._kept: Kept[int, Fundamentals] = Kept(clock, 200, _KEPT_SECONDS)

    async def fundamentals(self, listed: Listed) -> Fundamentals | None:
        """Return what is reported; None for what is no stock. Refused where the account may not read it."""
        if listed.sec_type != "STK":
            return None
        kept = self._kept.get(listed.con_id)
        if kept is not None:
            return kept
        wait = self._pacing.wait(self._clock.monotonic())
        if wait > 0:
            raise too_fast(wait, symbol=listed.instrument.symbol)
        self._pacing.take(self._clock.monotonic())
        try:
            document: str = await self._line.read(
                f"report on {listed.con_id}",
                lambda ib: ib.reqFundamentalDataAsync(listed.contract(), REPORT),
                within=_WITHIN,
                shared=True,
            )
        except Told as told:
            message = "There are no figures of it that this account may read." if told.code == _NOT_THERE else None
            raise refused(told, "CAPABILITY_UNAVAILABLE", message) from told
        try:
            found = await asyncio.to_thread(read_report, document, listed.instrument.symbol, self._clock.now())
        except BadDocument as problem:
            raise Refused(refuse("MARKET_DATA_MISSING", f"The report can't be read: {safe(str(problem))}.")) from None
        if found is not None:
            self._kept.put(listed.con_id, found)
        return found


def _figures(report: Element) -> Iterator[Figure]:
    for company in report.every("CoID"):
        if company.get("Type") == "CompanyName":
            yield Figure(safe("Company"), safe(company.text.strip(), 200))
    for text in report.every("Text"):
        if text.text.strip():
            yield Figure(safe(text.get("Type") or "Text", 60), safe(" ".join(text.text.split()), 1000))
    for one in report.every("Employees"):
        yield Figure(safe("Employees"), safe(one.text.strip(), 40), safe(one.get("LastUpdated"), 20))
    ratios = report.child("Ratios")
    if ratios is not None:
        currency = ratios.get("PriceCurrency")
        if currency:
            yield Figure(safe("Currency"), safe(currency, 8))
        period = safe(ratios.get("LatestAvailableDate"), 20)
        for ratio in ratios.every("Ratio"):
            name, value = ratio.get("FieldName"), ratio.text.strip()
            if name and value and value != _MISSING:
                yield Figure(safe(NAMES.get(name, name), 100), safe(value, 60), period)
    for forecast in report.every("ForecastData"):
        year = safe(forecast.get("CurFiscalYear"), 20)
        for ratio in forecast.every("Ratio"):
            name = ratio.get("FieldName")
            value = (ratio.said("Value") or ratio.text).strip()
            if name and value and value != _MISSING:
                yield Figure(safe(_FORECASTS.get(name, name), 100), safe(value, 60), year)


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
