"""Transfers by the Flex service over real HTTP: polled as documented, bounded, and the token goes nowhere else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import web

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr import flex
from cockpit.brokers.ibkr.documents import BadDocument
from cockpit.brokers.ibkr.flex import BASE, Statements, read_statement, read_token
from cockpit.model.clock import SystemClock
from cockpit.model.refusals import Refused
from cockpit.model.research import TransferKind
from tests.brokers.ibkr.market_house import AheadClock

TOKEN = "123456789012345678901234"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SUCCESS = "<FlexStatementResponse timestamp='x'><Status>Success</Status><ReferenceCode>987654</ReferenceCode><Url>{url}</Url></FlexStatementResponse>"
WARN = "<FlexStatementResponse><Status>Warn</Status><ErrorCode>{code}</ErrorCode><ErrorMessage>{said}</ErrorMessage></FlexStatementResponse>"
ROWS = (
    "<CashTransaction accountId='DU1' currency='USD' amount='1000' type='Deposits/Withdrawals' dateTime='20260413;120000' transactionID='1' description='CASH RECEIPTS \u202e'/>"
    "<CashTransaction accountId='DU1' currency='USD' amount='-1,250.50' type='Deposits/Withdrawals' dateTime='20260414' transactionID='2' description='OUT'/>"
    "<CashTransaction accountId='DU1' currency='EUR' amount='12.3' type='Dividends' dateTime='2026-04-15 10:00:00' transactionID='3' description='ALFA'/>"
    "<CashTransaction accountId='DU1' currency='EUR' amount='-1.8' type='Withholding Tax' dateTime='20260415' transactionID='4' description='ALFA'/>"
    "<CashTransaction accountId='DU2' currency='USD' amount='5' type='Dividends' dateTime='20260415' transactionID='5' description='another account'/>"
    "<CashTransaction accountId='DU1' currency='USD' amount='x' type='Dividends' dateTime='20260415' transactionID='6' description='bad'/>"
    "<CashTransaction accountId='DU1' currency='USD' amount='1' type='Dividends' dateTime='someday' transactionID='7' description='bad'/>"
)
STATEMENT = f"<FlexQueryResponse><FlexStatements><FlexStatement accountId='DU1'><CashTransactions>{ROWS}</CashTransactions></FlexStatement></FlexStatements></FlexQueryResponse>"


@dataclass
class Service:
    """A Flex service on loopback that answers what tests put."""

    base: str = ""
    answers: list[str | Callable[[web.Request], web.StreamResponse]] = field(default_factory=list)
    seen: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        given = self.answers.pop(0) if self.answers else STATEMENT
        return web.Response(text=given, content_type="text/xml") if isinstance(given, str) else given(request)


@asynccontextmanager
async def service(*answers: str | Callable[[web.Request], web.StreamResponse]) -> AsyncIterator[Service]:
    made = Service(answers=list(answers))
    app = web.Application()
    app.router.add_get("/FlexWebService/{what}", made.answer)
    app.router.add_get("/elsewhere", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.base = f"http://127.0.0.1:{runner.addresses[0][1]}/FlexWebService"
    try:
        yield made
    finally:
        await runner.cleanup()


@pytest.fixture
def token(tmp_path: Path) -> str:
    """Return the path of a file with a token that only its owner can read."""
    path = tmp_path / "flex"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return str(path)


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


def statements(token: str, base: str) -> Statements:
    return Statements(token, "424242", SystemClock(), base=base, pause=at_once)


def test_a_statement_tells_what_moved_with_its_kind_its_sign_and_its_instant() -> None:
    found = {one.transfer_id: one for one in read_statement(STATEMENT.encode(), "DU1")}
    assert {key: (one.kind, one.amount, one.currency) for key, one in found.items()} == {
        "1": (TransferKind.DEPOSIT, Decimal(1000), "USD"),
        "2": (TransferKind.WITHDRAWAL, Decimal("-1250.50"), "USD"),
        "3": (TransferKind.DIVIDEND, Decimal("12.3"), "EUR"),
        "4": (TransferKind.TAX, Decimal("-1.8"), "EUR"),
    }
    assert found["1"].at == datetime(2026, 4, 13, 16, tzinfo=UTC)
    assert found["1"].text.isprintable()
    assert list(found) == ["3", "4", "2", "1"]


def of_accounts(*statements: str) -> bytes:
    return f"<FlexQueryResponse><FlexStatements>{''.join(statements)}</FlexStatements></FlexQueryResponse>".encode()


NAMELESS = "<CashTransaction currency='USD' amount='7' type='Dividends' dateTime='20260415' transactionID='9'/>"


def test_a_row_without_an_account_is_of_its_statements_account() -> None:
    both = of_accounts(
        f"<FlexStatement accountId='DU1'>{NAMELESS}</FlexStatement>",
        f"<FlexStatement accountId='DU2'>{NAMELESS.replace('9', '8')}</FlexStatement>",
    )
    assert [one.transfer_id for one in read_statement(both, "DU1")] == ["9"]
    assert [one.transfer_id for one in read_statement(both, "DU2")] == ["8"]
    assert len(read_statement(of_accounts(f"<FlexStatement>{NAMELESS}</FlexStatement>"), "DU1")) == 1


def test_rows_that_may_be_of_another_account_are_refused() -> None:
    named = NAMELESS.replace("<CashTransaction", "<CashTransaction accountId='DU2'")
    for document in (
        of_accounts(f"<FlexStatement>{NAMELESS}{named}</FlexStatement>"),
        of_accounts(f"<FlexStatement>{NAMELESS}</FlexStatement>", "<FlexStatement accountId='DU2'/>"),
    ):
        with pytest.raises(BadDocument, match="several accounts"):
            read_statement(document, "DU1")


@pytest.mark.parametrize(
    ("answer", "problem"), [(WARN.format(code=1012, said="Expired."), Refused), ("not xml", BrokerUnavailable)]
)
async def test_a_failure_stands_for_a_minute_and_is_asked_for_again_then(
    token: str, answer: str, problem: type[Exception]
) -> None:
    async with service(answer, SUCCESS.format(url=""), STATEMENT) as there:
        clock = AheadClock()
        house = Statements(token, "424242", clock, base=there.base, pause=at_once)
        for _ in range(5):
            with pytest.raises(problem):
                await house.transfers("DU1", LONG_AGO, 10)
        assert len(there.seen) == 1
        clock.ahead += 61
        assert len(await house.transfers("DU1", LONG_AGO, 10)) == 4


def test_what_is_no_statement_is_refused() -> None:
    for document in (b"", b"<html/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><FlexQueryResponse>&b;</FlexQueryResponse>"):
        with pytest.raises(BadDocument):
            read_statement(document, "DU1")


async def test_a_statement_is_asked_for_awaited_and_fetched_and_then_kept(token: str) -> None:
    wait = WARN.format(code=1019, said="Statement generation in progress. Please try again shortly.")
    async with service(SUCCESS.format(url="https://elsewhere.example/steal"), wait, wait, STATEMENT) as there:
        house = statements(token, there.base)
        found = await house.transfers("DU1", LONG_AGO, 10)
        assert [one.transfer_id for one in found] == ["3", "4", "2", "1"]
        assert await house.transfers("DU1", LONG_AGO, 1) == found[:1]
        assert await house.transfers("DU1", datetime(2026, 4, 14, 12, tzinfo=UTC), 10) == found[:2]
        asked = [(one.path.rpartition("/")[2], one.query["q"], one.query["t"], one.query["v"]) for one in there.seen]
        assert asked == [("SendRequest", "424242", TOKEN, "3")] + [("GetStatement", "987654", TOKEN, "3")] * 3
        assert all(one.headers["User-Agent"] for one in there.seen)


async def test_many_who_ask_at_once_cause_one_statement(token: str) -> None:
    async with service(SUCCESS.format(url=""), STATEMENT) as there:
        house = statements(token, there.base)
        answers = await asyncio.gather(*(house.transfers("DU1", LONG_AGO, 10) for _ in range(10)))
        assert all(one == answers[0] for one in answers)
        assert len(there.seen) == 2


@pytest.mark.parametrize(
    ("code", "refusal"),
    [("1012", "CAPABILITY_UNAVAILABLE"), ("1015", "CAPABILITY_UNAVAILABLE"), ("1018", "RATE_LIMITED")],
)
async def test_what_the_service_refuses_is_refused_with_its_words(token: str, code: str, refusal: str) -> None:
    async with service(WARN.format(code=code, said="Token has expired.\u202e")) as there:
        with pytest.raises(Refused) as refused:
            await statements(token, there.base).transfers("DU1", LONG_AGO, 10)
        assert refused.value.refusal.code == refusal
        assert refused.value.refusal.details["broker"].startswith("Token has expired.")
        assert refused.value.refusal.details["broker"].isprintable()


async def test_a_redirect_is_not_followed(token: str) -> None:
    away = lambda request: web.Response(status=302, headers={"Location": "/elsewhere"})  # noqa: E731
    async with service(away) as there:
        with pytest.raises(BrokerUnavailable):
            await statements(token, there.base).transfers("DU1", LONG_AGO, 10)
        assert [one.path for one in there.seen] == ["/FlexWebService/SendRequest"]


@pytest.mark.parametrize(
    "answer", ["not xml", "<a/>", SUCCESS.replace("987654", "../../x"), "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"]
)
async def test_an_answer_that_is_none_is_no_answer(token: str, answer: str) -> None:
    async with service(answer, "<html/>") as there:
        with pytest.raises(BrokerUnavailable):
            await statements(token, there.base).transfers("DU1", LONG_AGO, 10)


async def test_a_statement_that_is_too_long_is_cut_off(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flex, "MOST_BYTES", 10_000)
    async with service(SUCCESS.format(url=""), STATEMENT + " " * 20_000) as there:
        with pytest.raises(BrokerUnavailable, match="too long"):
            await statements(token, there.base).transfers("DU1", LONG_AGO, 10)


async def test_a_statement_that_takes_too_long_is_given_up(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flex, "_WHOLE_SECONDS", 0.3)
    async with service(SUCCESS.format(url="")) as there:
        there.answers += [WARN.format(code=1019, said="in progress")] * 10_000
        with pytest.raises(BrokerUnavailable):
            await statements(token, there.base).transfers("DU1", LONG_AGO, 10)


async def test_a_caller_waits_no_longer_than_a_caller_may_and_the_next_one_finds_it(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flex, "_CALLER_SECONDS", 0.05)
    made = asyncio.Event()

    async def pause(seconds: float) -> None:
        await made.wait()

    async with service(SUCCESS.format(url=""), STATEMENT) as there:
        house = Statements(token, "424242", SystemClock(), base=there.base, pause=pause)
        with pytest.raises(Refused) as refused:
            await house.transfers("DU1", LONG_AGO, 10)
        assert refused.value.refusal.code == "BUSY"
        made.set()
        await house._fetching["DU1"]
        assert len(await house.transfers("DU1", LONG_AGO, 10)) == 4
        await house.close()


async def test_the_token_is_in_no_message_and_no_log(token: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for base in ("http://127.0.0.1:9/FlexWebService", "http://[bad"):
        with pytest.raises((BrokerUnavailable, Refused)) as problem:
            await statements(token, base).transfers("DU1", LONG_AGO, 10)
        assert TOKEN not in str(problem.value)
    assert TOKEN not in caplog.text


async def test_without_a_token_there_are_no_transfers() -> None:
    house = Statements("", "", SystemClock())
    assert not house.offered
    with pytest.raises(Refused) as refused:
        await house.transfers("DU1", LONG_AGO, 10)
    assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"


def test_a_token_that_others_can_read_or_that_is_none_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "flex"
    for text, mode in ((TOKEN, 0o644), ("not a token", 0o600), ("", 0o600), (f"{TOKEN}&q=1", 0o600)):
        path.write_text(text)
        path.chmod(mode)
        with pytest.raises(Refused) as refused:
            read_token(str(path))
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"
        assert TOKEN not in refused.value.refusal.message
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(Refused):
            read_token(str(path))


def test_the_service_is_asked_over_https_at_one_place() -> None:
    assert BASE.startswith("https://ndcdyn.interactivebrokers.com/")
