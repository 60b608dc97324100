"""Texts that the gateway hands out as they are: company reports and scanner parameters in XML, corporate events in JSON."""

from __future__ import annotations

import json
from typing import Final
from xml.sax.saxutils import escape

from tests.gateway.world import Listing, World

REPORTS: Final = frozenset(
    {"ReportSnapshot", "ReportsFinSummary", "ReportsFinStatements", "ReportRatios", "RESC", "CalendarReport"}
)
SCANS: Final = {
    "TOP_PERC_GAIN": "Top % Gainers",
    "TOP_PERC_LOSE": "Top % Losers",
    "MOST_ACTIVE": "Most Active",
    "HOT_BY_VOLUME": "Hot by Volume",
    "HIGH_OPT_IMP_VOLAT": "Highest Option Imp Vol",
    "TOP_OPEN_PERC_GAIN": "Top % Gainers Since Open",
}
"""Names of scans by code."""
_INSTRUMENTS: Final = (("STK", "US Stocks"), ("STOCK.EU", "Europe Stocks"), ("ETF.EQ.US", "US Equity ETFs"))
_LOCATIONS: Final = {
    "STK.US.MAJOR": "Listed/NASDAQ",
    "STK.US": "US Stocks",
    "STK.EU.IBIS": "Germany (XETRA)",
    "ETF.EQ.US": "US Equity ETFs",
}


def scanner_parameters() -> str:
    """Return what can be scanned, where and for what, in the shape of TWS's document (which has two megabytes)."""
    instruments = "".join(
        f"<Instrument><name>{name}</name><type>{code}</type><secType>STK</secType></Instrument>"
        for code, name in _INSTRUMENTS
    )
    locations = "".join(
        f"<Location><displayName>{escape(name)}</displayName><locationCode>{code}</locationCode>"
        f"<instruments>STK</instruments></Location>"
        for code, name in _LOCATIONS.items()
    )
    scans = "".join(
        f"<ScanType><displayName>{escape(name)}</displayName><scanCode>{code}</scanCode>"
        f"<instruments>STK,STOCK.EU,ETF.EQ.US</instruments></ScanType>"
        for code, name in SCANS.items()
    )
    filters = "".join(
        f"<RangeFilter><id>{code}</id><category>First</category><AbstractField><code>{code}Above</code></AbstractField></RangeFilter>"
        for code in ("price", "volume", "marketCap")
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ScanParameterResponse>'
        f'<InstrumentList varName="instrumentList">{instruments}</InstrumentList>'
        f'<LocationTree varName="locationTree">{locations}</LocationTree>'
        f'<ScanTypeList varName="scanTypeList">{scans}</ScanTypeList>'
        f'<FilterList varName="filterList">{filters}</FilterList></ScanParameterResponse>'
    )


def report(world: World, listing: Listing, kind: str) -> str | None:
    """Return a company report, or None where there is none: only common stock has one."""
    if listing.stock_type != "COMMON" or kind not in REPORTS:
        return None
    price = world.price(listing.con_id).middle or listing.tick
    match kind:
        case "ReportSnapshot":
            return _snapshot(listing, f"{price:.2f}")
        case "ReportsFinSummary":
            return _summary(listing)
        case "RESC":
            return _estimates(listing)
        case _:
            return f'<?xml version="1.0" encoding="UTF-8"?>\n<{kind} Major="1" Minor="0">{_ids(listing)}</{kind}>'


def _ids(listing: Listing) -> str:
    named = (
        ("RepNo", f"A{listing.con_id}"),
        ("CompanyName", listing.name),
        ("OrganizationPermID", str(4295000000 + listing.con_id)),
    )
    return "<CoIDs>" + "".join(f'<CoID Type="{kind}">{escape(text)}</CoID>' for kind, text in named) + "</CoIDs>"


def _snapshot(listing: Listing, price: str) -> str:
    groups = {
        "Price and Volume": (("NPRICE", price), ("NHIG", "460.10"), ("NLOW", "310.55"), ("VOL10DAVG", "9.2")),
        "Income Statement": (
            ("MKTCAP", "41200.00"),
            ("TTMREV", "28110.50"),
            ("TTMEPSXCLX", "22.61"),
            ("AEBITD", "4120.75"),
        ),
        "Per share data": (("TTMREVPS", "280.15"), ("QBVPS", "61.02"), ("TTMROEPCT", "37.11")),
        "Other Ratios": (("PEEXCLXOR", "18.22"), ("BETA", "1.21"), ("YIELD", "-99999.99")),
    }
    ratios = "".join(
        f'<Group ID="{group}">'
        + "".join(f'<Ratio FieldName="{name}" Type="N">{value}</Ratio>' for name, value in rows)
        + "</Group>"
        for group, rows in groups.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ReportSnapshot Major="1" Minor="0" Revision="1">'
        + _ids(listing)
        + f'<Issues><Issue ID="1" Type="C" Desc="Common Stock" Order="1"><IssueID Type="Ticker">{listing.symbol}</IssueID>'
        f'<Exchange Code="{listing.primary}" Country="USA">{listing.primary}</Exchange></Issue></Issues>'
        '<CoGeneralInfo><CoStatus Code="1">Active</CoStatus><Employees LastUpdated="2025-12-31">16400</Employees>'
        f'<SharesOut Date="2026-10-30" TotalFloat="98000000.0">100000000.0</SharesOut>'
        f'<ReportingCurrency Code="{listing.currency}">U.S. Dollars</ReportingCurrency></CoGeneralInfo>'
        f'<TextInfo><Text Type="Business Summary" lastModified="2026-10-30T05:00:00">{escape(listing.name)} builds &amp; sells what '
        "nobody has seen.</Text></TextInfo>"
        f'<Ratios PriceCurrency="{listing.currency}" ReportingCurrency="{listing.currency}" ExchangeRate="1.00000" LatestAvailableDate="2026-09-30">'
        f'{ratios}</Ratios><ForecastData ConsensusType="Mean" CurFiscalYear="2026"><Ratio FieldName="ProjEPS" Type="N">'
        '<Value PeriodType="CURR">24.10</Value></Ratio></ForecastData></ReportSnapshot>'
    )


def _summary(listing: Listing) -> str:
    def rows(tag: str, unit: str, values: tuple[tuple[str, str], ...]) -> str:
        told = "".join(
            f'<{unit} asofDate="{day}" reportType="A" period="12M">{value}</{unit}>' for day, value in values
        )
        return f'<{tag} currency="{listing.currency}">{told}</{tag}>'

    years = ("2025-12-31", "2024-12-31")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<FinancialSummary>'
        + rows("EPSs", "EPS", tuple(zip(years, ("22.61", "19.87"), strict=True)))
        + rows("DividendPerShares", "DividendPerShare", tuple(zip(years, ("1.20", "1.10"), strict=True)))
        + rows("TotalRevenues", "TotalRevenue", tuple(zip(years, ("28110500000", "25320900000"), strict=True)))
        + "</FinancialSummary>"
    )


def _estimates(listing: Listing) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<REarnEstCons Major="1" Minor="1">'
        f"<Company><CoName><Name>{escape(listing.name)}</Name></CoName></Company><ConsEstimates>"
        '<FYEstimates><FYEstimate type="EPS" unit="U"><FYPeriod fYear="2026" endMonth="12" periodType="A">'
        '<ConsEstimate type="Mean"><ConsValue dateType="CURR">24.10</ConsValue></ConsEstimate></FYPeriod></FYEstimate>'
        "</FYEstimates></ConsEstimates></REarnEstCons>"
    )


def event_kinds() -> str:
    """Return which corporate events there are."""
    return json.dumps({"meta_data": {"event_types": [{"name": "Earnings Date", "tag": "wshe_ed"}]}, "validation": {}})


def events(listing: Listing | None) -> str:
    """Return the corporate events of one contract."""
    if listing is None or listing.stock_type != "COMMON":
        return "[]"
    data = {"earnings_date": "20270204", "time_of_day": "AFTER MARKET", "wshe_company_name": listing.name}
    return json.dumps(
        [{"event_type": "wshe_ed", "event_date": "20270204", "conids": [str(listing.con_id)], "data": data}]
    )
