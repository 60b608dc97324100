"""Money that came into the account or left it, from IB's Flex Web Service: the API of TWS doesn't tell.

A statement is asked for (SendRequest), made by IB within some seconds, and then fetched by its reference (GetStatement),
as the service's document says for version 3. Its figures change once a day, so what was fetched is kept for hours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import stat
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import aiohttp

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.documents import BadDocument, Element, read_xml
from cockpit.brokers.ibkr.kept import Kept
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.model.clock import Clock
from cockpit.model.money import ZERO
from cockpit.model.refusals import Refused, refuse
from cockpit.model.research import Transfer, TransferKind
from cockpit.model.text import safe

BASE: Final = "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService"
"""The only place that is asked; an address in an answer is not followed."""
MOST_BYTES: Final = 16 * 1024 * 1024
MOST_TRANSFERS: Final = 5000
_KEPT_SECONDS: Final = 6 * 3600
_FAILED_SECONDS: Final = 60.0
"""For which a failure stands: asking again at once would only use up what IB takes of a token."""
_ROW: Final = "CashTransaction"
_WHOLE_SECONDS: Final = 120.0
"""For a statement from first to last; a caller waits less, and finds it at the next call."""
_CALLER_SECONDS: Final = 20.0
_REQUEST_SECONDS: Final = 20.0
_PAUSES: Final = (2.0, 3.0, 5.0, 10.0)
"""Between attempts: IB takes ten requests a minute for one token."""
_NOT_YET: Final = frozenset({"1001", "1004", "1005", "1006", "1007", "1008", "1009", "1019", "1021"})
_TOO_OFTEN: Final = "1018"
_TOKEN: Final = re.compile(r"[A-Za-z0-9]{8,128}")
_REFERENCE: Final = re.compile(r"[0-9]{1,40}")
_AGENT: Final = "Python/3"
_ZONE: Final = ZoneInfo("America/New_York")
"""Times of statements bear no zone; IB makes them in New York's."""
_KINDS: Final = {
    "Deposits/Withdrawals": TransferKind.OTHER,
    "Deposits & Withdrawals": TransferKind.OTHER,
    "Dividends": TransferKind.DIVIDEND,
    "Payment In Lieu Of Dividends": TransferKind.DIVIDEND,
    "Broker Interest Paid": TransferKind.INTEREST,
    "Broker Interest Received": TransferKind.INTEREST,
    "Bond Interest Paid": TransferKind.INTEREST,
    "Bond Interest Received": TransferKind.INTEREST,
    "Withholding Tax": TransferKind.TAX,
    "871(m) Withholding": TransferKind.TAX,
    "Other Fees": TransferKind.FEE,
    "Advisor Fees": TransferKind.FEE,
    "Broker Fees": TransferKind.FEE,
}
_MOVED: Final = frozenset({"Deposits/Withdrawals", "Deposits & Withdrawals"})
_STAMPS: Final = ("%Y%m%d;%H%M%S", "%Y%m%d %H%M%S", "%Y-%m-%d;%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y%m%d", "%Y-%m-%d")

Pause = Callable[[float], Awaitable[None]]


def read_statement(document: bytes, account: str) -> tuple[Transfer, ...]:
    """Return the cash transactions of an account, newest first. Raises BadDocument for what is no statement."""
    if not read_xml(document, "FlexQueryResponse"):
        raise BadDocument("the answer isn't a Flex statement")
    statements = read_xml(document, "FlexStatement")
    rows = [(one, one.get("accountId") or of.get("accountId")) for of in statements for one in of.every(_ROW)]
    owners = {owner for _, owner in rows} | {one.get("accountId") for one in statements}
    if any(not owner for _, owner in rows) and owners - {"", account}:
        raise BadDocument("it is of several accounts, and rows don't say of which; add Account ID to the query")
    found: dict[str, Transfer] = {}
    for place, (one, owner) in enumerate(rows):
        transfer = _transfer(one, place)
        if transfer is not None and owner in ("", account) and len(found) < MOST_TRANSFERS:
            found.setdefault(transfer.transfer_id, transfer)
    return tuple(sorted(found.values(), key=lambda transfer: transfer.at, reverse=True))


class Statements:
    """Cash transactions of one account over HTTPS; ``base`` and ``pause`` are others in tests alone."""

    def __init__(
        self, token_file: str, query: str, clock: Clock, *, base: str = BASE, pause: Pause = asyncio.sleep
    ) -> None:
        self._token_file = token_file
        self._query = query
        self._base = base
        self._pause = pause
        self._kept: Kept[str, tuple[Transfer, ...]] = Kept(clock, 4, _KEPT_SECONDS)
        self._failed: Kept[str, Refused | BrokerUnavailable] = Kept(clock, 4, _FAILED_SECONDS)
        self._fetching: dict[str, asyncio.Task[tuple[Transfer, ...]]] = {}

    @property
    def offered(self) -> bool:
        """Whether settings name a token and a query."""
        return bool(self._token_file and self._query)

    async def transfers(self, account: str, since: datetime, limit: int) -> tuple[Transfer, ...]:
        """Return the newest since then, newest first, as far back as the query reaches.

        Refused with BUSY where IB still makes the statement: the next call finds it.
        """
        if not self.offered:
            raise Refused(refuse("CAPABILITY_UNAVAILABLE", "Transfers need flex_token_file and flex_query."))
        found = self._kept.get(account)
        if found is None:
            match self._failed.get(account):
                case Refused(refusal=refusal):
                    raise Refused(refusal)
                case BrokerUnavailable() as problem:
                    raise BrokerUnavailable(str(problem))
                case None:
                    pass
            found = await self._shared(account)
        return tuple(one for one in found if one.at >= since)[: max(0, limit)]

    async def close(self) -> None:
        """End what is being fetched."""
        for task in tuple(self._fetching.values()):
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)

    async def _shared(self, account: str) -> tuple[Transfer, ...]:
        """Fetch once, whoever asks; a caller who gives up doesn't end it."""
        task = self._fetching.get(account)
        if task is None:
            task = asyncio.create_task(self._fetch(account), name="Flex statement")
            self._fetching[account] = task
            task.add_done_callback(lambda done: self._landed(account, done))
        try:
            async with asyncio.timeout(_CALLER_SECONDS):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Refused(refuse("BUSY", "IB still makes the statement; ask again in a minute.")) from None

    def _landed(self, account: str, task: asyncio.Task[tuple[Transfer, ...]]) -> None:
        self._fetching.pop(account, None)
        if task.cancelled():
            return
        problem = task.exception()
        if problem is None:
            self._kept.put(account, task.result())
        elif isinstance(problem, Refused | BrokerUnavailable):
            self._failed.put(account, problem)

    async def _fetch(self, account: str) -> tuple[Transfer, ...]:
        token = await asyncio.to_thread(read_token, self._token_file)
        try:
            async with (
                asyncio.timeout(_WHOLE_SECONDS),
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS),
                    headers={"User-Agent": _AGENT},
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as http,
            ):
                reference = await self._send(http, token)
                document = await self._statement(http, token, reference)
            return await asyncio.to_thread(read_statement, document, account)
        except TimeoutError:
            raise BrokerUnavailable("the Flex Web Service did not make the statement in time") from None
        except aiohttp.ClientError as problem:
            # Its text may hold the address, and that the token.
            raise BrokerUnavailable(f"the Flex Web Service can't be reached ({type(problem).__name__})") from None
        except BadDocument as problem:
            raise BrokerUnavailable(f"the Flex Web Service answered what can't be read: {safe(str(problem))}") from None

    async def _send(self, http: aiohttp.ClientSession, token: str) -> str:
        """Ask for the statement, and return its reference."""
        for pause in (*_PAUSES, None):
            answer = _response(await self._get(http, "SendRequest", {"t": token, "q": self._query, "v": "3"}))
            if answer is None:
                raise BadDocument("no response to the request")
            if answer.said("Status") == "Success":
                reference = answer.said("ReferenceCode")
                if not _REFERENCE.fullmatch(reference):
                    raise BadDocument("the reference isn't a number")
                return reference
            _check(answer)
            if pause is None:
                break
            await self._pause(pause)
        raise TimeoutError

    async def _statement(self, http: aiohttp.ClientSession, token: str, reference: str) -> bytes:
        """Fetch the statement, asking again while it is being made."""
        place = 0
        while True:
            await self._pause(_PAUSES[min(place, len(_PAUSES) - 1)])
            place += 1
            document = await self._get(http, "GetStatement", {"t": token, "q": reference, "v": "3"})
            answer = _response(document)
            if answer is None:
                return document
            _check(answer)

    async def _get(self, http: aiohttp.ClientSession, what: str, values: dict[str, str]) -> bytes:
        """Return the body of an answer, of bounded length, from the one place alone."""
        async with http.get(f"{self._base}/{what}", params=values, allow_redirects=False) as answer:
            if answer.status != 200:
                raise BrokerUnavailable(f"the Flex Web Service answered with status {answer.status}")
            body = bytearray()
            async for part in answer.content.iter_chunked(65_536):
                body += part
                if len(body) > MOST_BYTES:
                    raise BadDocument("the statement is too long")
            return bytes(body)


def read_token(path: str) -> str:
    """Read the token of a file that nobody else can read. Refused with CAPABILITY_UNAVAILABLE where that fails."""
    where = Path(path).expanduser()
    try:
        with contextlib.closing(_Opened(where)) as opened:
            text = opened.read()
    except (OSError, ValueError) as problem:
        raise Refused(
            refuse("CAPABILITY_UNAVAILABLE", f"The file with the Flex token can't be used: {_why(problem)}.")
        ) from None
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise Refused(refuse("CAPABILITY_UNAVAILABLE", "The file with the Flex token holds no token."))
    return token


class _Opened:
    """A small regular file, looked at after it was opened."""

    def __init__(self, where: Path) -> None:
        self._number = os.open(where, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        told = os.fstat(self._number)
        if not stat.S_ISREG(told.st_mode) or stat.S_IMODE(told.st_mode) & 0o077:
            self.close()
            raise ValueError("it must be a file that only its owner can read (mode 0600)")

    def read(self) -> str:
        return os.read(self._number, 4096).decode("ascii", "replace")

    def close(self) -> None:
        os.close(self._number)


def _why(problem: OSError | ValueError) -> str:
    return problem.strerror or type(problem).__name__ if isinstance(problem, OSError) else str(problem)


def _response(document: bytes) -> Element | None:
    """Return the service's own answer, or None for a statement."""
    found = read_xml(document, "FlexStatementResponse")
    return found[0] if found else None


def _check(answer: Element) -> None:
    """Raise what ends the attempt; return where it is worth another one."""
    code, said = answer.said("ErrorCode"), safe(answer.said("ErrorMessage"))
    if code in _NOT_YET:
        return
    if code == _TOO_OFTEN:
        raise Refused(refuse("RATE_LIMITED", "IB takes no more requests for statements now.", broker=said))
    raise Refused(
        refuse("CAPABILITY_UNAVAILABLE", "The Flex Web Service refuses.", broker=said, broker_code=safe(code, 10))
    )


def _transfer(one: Element, place: int) -> Transfer | None:
    try:
        amount = Decimal(one.get("amount").replace(",", ""))
    except ArithmeticError:
        return None
    at = _stamp(one.get("dateTime")) or _stamp(one.get("settleDate")) or _stamp(one.get("reportDate"))
    if at is None or not amount.is_finite() or abs(amount) > Decimal(10) ** 15:
        return None
    kind = one.get("type")
    told = _KINDS.get(kind, TransferKind.OTHER)
    if kind in _MOVED:
        told = TransferKind.DEPOSIT if amount > ZERO else TransferKind.WITHDRAWAL
    return Transfer(
        transfer_id=safe(one.get("transactionID") or f"{at:%Y%m%d}-{place}", 60),
        kind=told,
        amount=amount,
        currency=safe(one.get("currency"), 8),
        at=at,
        text=safe(f"{kind}: {one.get('description')}".strip(": "), 200),
        source=f"{SOURCE}: Flex statement",
    )


def _stamp(text: str) -> datetime | None:
    for written in _STAMPS:
        try:
            return datetime.strptime(text.strip(), written).replace(tzinfo=_ZONE).astimezone(UTC)
        except ValueError:
            continue
    return None
