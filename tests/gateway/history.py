"""What the gateway tells of the past: bars, schedules, how far back it reaches, and bars as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from tests.gateway.bars import DAY, HEAD, SIZES, Bar, TooLong, midnight, reach, series
from tests.gateway.contracts import one_of
from tests.gateway.rights import Pacing
from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out, contract_in
from tests.gateway.world import Listing

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway

_SAID: Final = "Historical Market Data Service error message:"
_QUOTED: Final = frozenset({"MIDPOINT", "BID", "ASK", "BID_ASK"})
SHOWN: Final = _QUOTED | {
    *("TRADES", "ADJUSTED_LAST", "SCHEDULE", "HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE"),
}
"""What may be shown; anything else is refused."""
_NOT_COUNTED: Final = Decimal(-1)


@dataclass
class History:
    """What tests put in place of the bars that are made up: ``gateway.of(History)``."""

    bars: dict[tuple[int, str], Sequence[Bar]] = field(default_factory=dict)
    """By contract id and bar size."""
    empty: set[int] = field(default_factory=set)
    """Contract ids of which there is no history at all: 162 no data."""
    silent: set[int] = field(default_factory=set)
    """Contract ids whose requests are never answered."""


@dataclass
class Paced:
    """When which history was asked for."""

    asked: deque[tuple[float, tuple[str, ...], tuple[str, ...]]] = field(default_factory=deque)

    def too_fast(self, pacing: Pacing, now: float, request: tuple[str, ...], contract: tuple[str, ...]) -> bool:
        """Note a request and tell whether it comes too soon."""
        while self.asked and now - self.asked[0][0] > pacing.window:
            self.asked.popleft()
        identical = any(one == request and now - at < pacing.identical for at, one, _ in self.asked)
        burst = sum(1 for at, _, same in self.asked if same == contract and now - at < pacing.burst_seconds)
        weight = 2 if "BID_ASK" in contract else 1
        full = sum(2 if "BID_ASK" in same else 1 for _, _, same in self.asked) + weight > pacing.most
        if identical or full or burst >= pacing.burst:
            return True
        self.asked.append((now, request, contract))
        return False


@dataclass
class Following:
    """What one session follows: bars that are kept up to date, and bars of five seconds."""

    kept: dict[str, tuple[Listing, str, str]] = field(default_factory=dict)
    """By request: the contract, the bar size and the format of dates."""
    live: dict[str, Listing] = field(default_factory=dict)


@dataclass
class _Board:
    listening: bool = False


@handles(In.reqHistoricalData)
def bars(session: Session, fields: list[str]) -> None:
    """Answer with bars, or with a schedule where that is to be shown."""
    request_id, asked = fields[1], contract_in(fields, 2) | {"includeExpired": fields[14]}
    until, size, duration, regular, shown, format_ = fields[15:21]
    keep = fields[21] == "1"
    listing = one_of(session, request_id, asked)
    if listing is None or listing.con_id in session.gateway.of(History).silent or not session.gateway.linked:
        return
    if size not in SIZES or shown not in SHOWN:
        cause = f"Historical data bar size setting is invalid. Legal ones are: {', '.join(SIZES)}."
        said = cause if size not in SIZES else "Historical data query: what to show is not known"
        session.error(request_id, 321, f"Error validating request.-'bK' : cause - {said}")
        return
    if _refused(session, request_id, listing, fields, shown):
        return
    world = session.gateway.world
    end = min(_instant(until), world.now()) if until else world.now()
    try:
        if shown == "SCHEDULE":
            _schedule(session, request_id, listing, end, duration, regular == "1")
            return
        found = _bars(session, listing, end, duration, size, regular == "1")
    except TooLong:
        session.error(request_id, 162, f"{_SAID}Time length exceed max.")
        return
    if not found or (listing.kind == "CASH" and shown not in _QUOTED):
        what = {"TRADES": "Trades", "BID": "Bid", "ASK": "Ask", "MIDPOINT": "Midpoint"}.get(shown, shown.title())
        session.error(
            request_id, 162, f"{_SAID}HMDS query returned no data: {listing.symbol}@{listing.exchange} {what}"
        )
        return
    written = [_written(listing, one, format_, shown) for one in found]
    session.send(
        Out.historicalData,
        request_id,
        written[0][0],
        written[-1][0],
        len(found),
        *(part for one in written for part in one),
    )
    if keep:
        session.of(Following).kept[request_id] = (listing, size, format_)
        _listen(session.gateway)


@handles(In.cancelHistoricalData)
def cancel_bars(session: Session, fields: list[str]) -> None:
    """End what is kept up to date, and say so as TWS does: with error 162."""
    session.of(Following).kept.pop(fields[2], None)
    session.error(fields[2], 162, f"{_SAID}API historical data query cancelled: {fields[2]}")


@handles(In.reqHeadTimestamp)
def head(session: Session, fields: list[str]) -> None:
    """Answer with the instant from which there are bars."""
    request_id, format_ = fields[1], fields[17]
    listing = one_of(session, request_id, contract_in(fields, 2))
    if listing is None or _refused(session, request_id, listing, fields, fields[16]):
        return
    first = midnight(HEAD, listing.venue.zone).replace(hour=9, minute=30)
    told = str(int(first.timestamp())) if format_ == "2" else f"{first.astimezone(UTC):%Y%m%d-%H:%M:%S}"
    session.send(Out.headTimestamp, request_id, told)


@handles(In.cancelHeadTimestamp)
def cancel_head(session: Session, fields: list[str]) -> None:
    """Take it; it was answered at once."""


@handles(In.reqRealTimeBars)
def live_bars(session: Session, fields: list[str]) -> None:
    """Answer with one bar at once, and with one more at each price that follows; 420 where it is asked too fast."""
    request_id = fields[2]
    listing = one_of(session, request_id, contract_in(fields, 3))
    if listing is None:
        return
    pacing = session.gateway.world.rights.pacing
    if pacing is not None and _paced(session.gateway, pacing, listing, [*fields[:2], *fields[3:]], fields[16]):
        session.error(request_id, 420, "Invalid Real-time Query:Historical data request pacing violation")
        return
    session.of(Following).live[request_id] = listing
    _listen(session.gateway)
    _tell_live(session, request_id, listing)


@handles(In.cancelRealTimeBars)
def cancel_live_bars(session: Session, fields: list[str]) -> None:
    """End them; 300 when there are none."""
    if session.of(Following).live.pop(fields[2], None) is None:
        session.error(fields[2], 300, f"Can't find EId with tickerId:{fields[2]}")


def lose_bars(gateway: FakeGateway) -> None:
    """Forget what every session follows, as after 1101."""
    for session in gateway.sessions:
        following = session.of(Following)
        following.kept.clear()
        following.live.clear()


def _refused(session: Session, request_id: str, listing: Listing, fields: list[str], shown: str) -> bool:
    rights = session.gateway.world.rights
    if rights.pacing is not None and _paced(session.gateway, rights.pacing, listing, fields, shown):
        session.error(request_id, 162, f"{_SAID}Historical data request pacing violation")
    elif not rights.history:
        session.error(request_id, 162, f"{_SAID}No market data permissions for {listing.primary} {listing.kind}")
    else:
        return False
    return True


def _paced(gateway: FakeGateway, pacing: Pacing, listing: Listing, fields: list[str], shown: str) -> bool:
    contract = (str(listing.con_id), fields[9], shown)
    now = gateway.world.now().timestamp()
    return gateway.of(Paced).too_fast(pacing, now, (fields[0], *fields[2:]), contract)


def _bars(session: Session, listing: Listing, end: datetime, duration: str, size: str, regular: bool) -> Sequence[Bar]:
    history = session.gateway.of(History)
    if listing.con_id in history.empty:
        return ()
    given = history.bars.get((listing.con_id, size))
    return given if given is not None else series(session.gateway.world, listing, end, duration, size, regular=regular)


def _schedule(session: Session, request_id: str, listing: Listing, end: datetime, duration: str, regular: bool) -> None:
    days = [one for one, _ in reach(session.gateway.world, listing, end, duration, regular=regular)]
    told = [
        part
        for one in days
        for part in (f"{one.opens_at:%Y%m%d-%H:%M:%S}", f"{one.closes_at:%Y%m%d-%H:%M:%S}", f"{one.day:%Y%m%d}")
    ]
    session.send(Out.historicalSchedule, request_id, told[0], told[-2], listing.venue.zone, len(days), *told)


def _written(listing: Listing, bar: Bar, format_: str, shown: str) -> list[object]:
    prices: list[object] = [_date(listing, bar, format_), bar.open, bar.high, bar.low, bar.close]
    return prices + ([_NOT_COUNTED, _NOT_COUNTED, -1] if shown in _QUOTED else [bar.volume, bar.average, bar.count])


def _date(listing: Listing, bar: Bar, format_: str) -> str:
    if not isinstance(bar.starts, datetime):
        return f"{bar.starts:%Y%m%d}"
    if format_ == "2":
        return str(int(bar.starts.timestamp()))
    return f"{bar.starts.astimezone(ZoneInfo(listing.venue.zone)):%Y%m%d %H:%M:%S} {listing.venue.zone}"


def _instant(text: str) -> datetime:
    """Read ``20261120 16:00:00 US/Eastern`` or ``20261120-21:00:00``, which is UTC."""
    if "-" in text:
        return datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    day, clock, zone = text.split(" ")
    return datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S").replace(tzinfo=ZoneInfo(zone))


def _listen(gateway: FakeGateway) -> None:
    board = gateway.of(_Board)
    if board.listening:
        return
    board.listening = True

    def moved(listing: Listing) -> None:
        for session in gateway.ready_sessions() if gateway.linked else ():
            following = session.of(Following)
            for request_id, one in following.live.items():
                if one.con_id == listing.con_id:
                    _tell_live(session, request_id, listing)
            for request_id, (one, size, format_) in following.kept.items():
                if one.con_id == listing.con_id:
                    _tell_update(session, request_id, listing, size, format_)

    gateway.world.on_price(moved)


def _tell_live(session: Session, request_id: str, listing: Listing) -> None:
    price = session.gateway.world.price(listing.con_id)
    last = price.last if price.last is not None else price.middle
    if last is not None:
        at = int(session.gateway.world.now().timestamp()) // 5 * 5
        session.send(Out.realtimeBar, 3, request_id, at, last, last, last, last, price.last_size, last, 1)


def _tell_update(session: Session, request_id: str, listing: Listing, size: str, format_: str) -> None:
    world = session.gateway.world
    price = world.price(listing.con_id)
    last = price.last if price.last is not None else price.middle
    if last is None:
        return
    now, seconds = world.now(), SIZES[size]
    zoned = now.astimezone(ZoneInfo(listing.venue.zone))
    starts: datetime | date = zoned.date()
    if seconds < DAY:
        starts = datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)
    bar = Bar(starts, last, last, last, last, price.last_size, last, 1)
    told = (bar.count, _date(listing, bar, format_), bar.open, bar.close, bar.high, bar.low, bar.average, bar.volume)
    session.send(Out.historicalDataUpdate, request_id, *told)
