"""Finds contracts at Interactive Brokers by our names, and names what IB tells of by its number. Nothing is guessed."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from ib_async import Contract, ContractDetails

from cockpit.brokers.ibkr import names
from cockpit.brokers.ibkr.answers import NO_CONTRACT, refused
from cockpit.brokers.ibkr.floats import exact
from cockpit.brokers.ibkr.kept import Kept
from cockpit.brokers.ibkr.line import Line, Told
from cockpit.brokers.ibkr.listing import SMART, Listed, Step, read_listed
from cockpit.model.clock import Clock
from cockpit.model.instruments import Instrument
from cockpit.model.options import OptionContract
from cockpit.model.refusals import Refused, refuse

MOST_MATCHES: Final = 50
MOST_IN_SERIES: Final = 2000
_SERIES_SECONDS: Final = 20.0
"""Within which all options of one day are told; IB takes its time for many."""
_KEPT_SECONDS: Final = 4 * 3600
_NONE_SECONDS: Final = 60
"""How long nothing stays nothing: a listing may be new."""
_MOST_KEPT: Final = 4000
_DOUBLES: Final = frozenset({"QBALGO"})
"""Where IB lists futures a second time under the same number."""


class Contracts:
    """Contracts of one account, remembered for hours and in bounded number."""

    def __init__(self, line: Line, home: str, clock: Clock) -> None:
        self._line = line
        self.home: Final = home
        self._clock = clock
        self._by_name: Kept[str, tuple[int, ...]] = Kept(clock, _MOST_KEPT, _KEPT_SECONDS)
        self._by_id: Kept[int, Listed] = Kept(clock, _MOST_KEPT, _KEPT_SECONDS)
        self._rules: Kept[int, tuple[Step, ...]] = Kept(clock, 500, _KEPT_SECONDS)
        self._prices: OrderedDict[int, Decimal] = OrderedDict()

    async def find(self, symbol: str) -> tuple[Instrument, ...]:
        """Return what has exactly that name; several are ambiguous, and each has a name of its own."""
        return tuple(one.seen_at(self._prices.get(one.con_id)) for one in await self.matches(symbol))

    async def listed(self, symbol: str) -> Listed:
        """Return the one contract of that name; Refused with INSTRUMENT_UNRESOLVED where it isn't exactly one."""
        found = await self.matches(symbol)
        if len(found) == 1:
            return found[0]
        candidates = ", ".join(one.instrument.symbol for one in found) or "none"
        raise Refused(refuse("INSTRUMENT_UNRESOLVED", symbol=symbol, candidates=candidates))

    async def by_id(self, con_id: int) -> Listed | None:
        """Return the contract of IB's number under the name that finds it; None for a kind that isn't traded here."""
        known = self._by_id.get(con_id)
        if known is not None:
            return known
        found = [one for one in await self._details(Contract(conId=con_id)) if one.con_id == con_id]
        if not found:
            return None
        return (await self._name(found))[0]

    async def name_of(self, con_id: int) -> str:
        """Return the name of any contract, also of one that can't be traded here: those have IB's number as name."""
        found = await self.by_id(con_id)
        return names.numbered(con_id) if found is None else found.instrument.symbol

    def known(self, con_id: int) -> Listed | None:
        """Return what is remembered of a contract, without asking."""
        return self._by_id.get(con_id)

    def saw(self, con_id: int, price: Decimal) -> None:
        """Take note of a price: the step of prices depends on it."""
        self._prices[con_id] = price
        self._prices.move_to_end(con_id)
        while len(self._prices) > _MOST_KEPT:
            self._prices.popitem(last=False)

    async def matches(self, symbol: str) -> tuple[Listed, ...]:
        """Return what has exactly that name."""
        asked = names.read(symbol)
        if asked is None:
            return ()
        kept = self._by_name.get(symbol)
        if kept is not None:
            known = [self._by_id.get(con_id) for con_id in kept]
            if all(known):
                return tuple(one for one in known if one is not None)
        found = await self._look(asked)
        self._by_name.put(symbol, tuple(one.con_id for one in found), None if found else _NONE_SECONDS)
        return found

    async def _look(self, asked: names.Asked) -> tuple[Listed, ...]:
        match asked:
            case names.Numbered(con_id):
                found = await self.by_id(con_id)
                return () if found is None else (found,)
            case names.Pair(base, counter):
                pair = Contract(secType="CASH", symbol=base, currency=counter, exchange="IDEALPRO")
                return await self._name(await self._details(pair))
            case OptionContract():
                return await self._option(asked)
            case names.Placed():
                return await self._placed(asked)
            case names.Plain():
                return await self._name(await self._plain(asked))

    async def _plain(self, asked: names.Plain) -> list[Listed]:
        """Return the stocks at home and the futures of that ticker, and remember which they are."""
        found = await self._details(Contract(secType="STK", symbol=asked.ticker, exchange=SMART, currency=self.home))
        if asked.may_be_future:
            found += await self._details(Contract(secType="FUT", localSymbol=asked.ticker))
        self._by_name.put(asked.ticker, tuple(one.con_id for one in found), None if found else _NONE_SECONDS)
        return found

    async def _placed(self, asked: names.Placed) -> tuple[Listed, ...]:
        if asked.exchange in names.COINS:
            coin = Contract(
                secType="CRYPTO", symbol=asked.ticker, exchange=asked.exchange, currency=asked.currency or self.home
            )
            return await self._name(await self._details(coin))
        stock = Contract(
            secType="STK",
            symbol=asked.ticker,
            exchange=SMART,
            primaryExchange=asked.exchange,
            currency=asked.currency,
        )
        found = [one for one in await self._details(stock) if one.primary == asked.exchange]
        if not found:
            direct = Contract(secType="STK", symbol=asked.ticker, exchange=asked.exchange, currency=asked.currency)
            found = [one for one in await self._details(direct) if asked.exchange in (one.primary, one.exchange)]
        if not asked.currency:
            # Without a currency it is the one at home, or where there is none at home, all there are.
            found = [one for one in found if one.currency == self.home] or found
        if asked.may_be_future:
            future = Contract(secType="FUT", localSymbol=asked.ticker, exchange=asked.exchange)
            found += await self._details(future)
        return await self._name(found)

    async def _option(self, asked: OptionContract) -> tuple[Listed, ...]:
        terms = Contract(
            secType="OPT",
            symbol=asked.underlying,
            lastTradeDateOrContractMonth=f"{asked.expiry:%Y%m%d}",
            strike=float(asked.strike),
            right="C" if asked.right.sign > 0 else "P",
            exchange=SMART,
            currency=self.home,
            tradingClass=asked.underlying,
        )
        found = await self._details(terms)
        if not found:
            # The root of an adjusted contract, and of a ticker with a space, isn't the ticker.
            local = Contract(secType="OPT", localSymbol=names.padded(asked), exchange=SMART, currency=self.home)
            found = await self._details(local)
        return await self._name([one for one in found if one.instrument.option == asked])

    async def option_series(self, root: str, ticker: str, expires: str) -> tuple[Listed, ...]:
        """Return every option of a trading class that expires on a day (YYYYMMDD): what is really listed."""
        every = Contract(
            secType="OPT",
            symbol=ticker,
            lastTradeDateOrContractMonth=expires,
            exchange=SMART,
            currency=self.home,
            tradingClass=root,
        )
        found = await self._details(every, MOST_IN_SERIES, _SERIES_SECONDS)
        return await self._name([one for one in found if one.expires == expires and one.instrument.option is not None])

    async def _details(self, contract: Contract, most: int = MOST_MATCHES, within: float | None = None) -> list[Listed]:
        """Ask for contract details; no such contract is an empty answer."""
        try:
            answer: list[ContractDetails] = await self._line.read(
                _key(contract), lambda ib: ib.reqContractDetailsAsync(contract), within=within, shared=True
            )
        except Told as told:
            if told.code == NO_CONTRACT:
                return []
            raise refused(told, "INSTRUMENT_UNRESOLVED") from told
        found: dict[int, Listed] = {}
        for details in answer:
            one = read_listed(details)
            if one is not None and (one.con_id not in found or found[one.con_id].exchange in _DOUBLES):
                found[one.con_id] = one
            if len(found) > most:
                # What is left out could be what is meant, or a second one.
                raise Refused(refuse("INSTRUMENT_UNRESOLVED", f"The broker lists more than {most} under that name."))
        return list(found.values())

    async def _name(self, found: Sequence[Listed]) -> tuple[Listed, ...]:
        """Give each its name and the steps of its prices, and remember it."""
        steps = await self._steps({one.rule for one in found if one.rule})
        named = [one.named(await self._name_for(one, found)) for one in found]
        told = Counter(one.instrument.symbol for one in named)
        kept: list[Listed] = []
        for one in named:
            if told[one.instrument.symbol] > 1:
                one = one.named(names.numbered(one.con_id))
            one = one.stepped(steps.get(one.rule, ()))
            self._by_id.put(one.con_id, one)
            kept.append(one)
        return tuple(kept)

    async def _name_for(self, one: Listed, among: Sequence[Listed]) -> str:
        found: str | None = None
        match one.sec_type:
            case "CASH":
                found = names.pair(one.ticker, one.currency)
            case "OPT":
                option = one.instrument.option
                found = option.symbol if option is not None and one.currency == self.home else None
            case "CRYPTO":
                found = names.placed(one.ticker, one.exchange, one.currency, self.home)
            case "STK" if one.currency == self.home:
                found = await self._alone(one.ticker, one, among)
                found = found or names.placed(one.ticker, one.primary or one.exchange, one.currency, self.home)
            case "STK":
                found = names.placed(one.ticker, one.primary or one.exchange, one.currency, self.home)
            case "FUT" if names.Plain(one.local_symbol).may_be_future:
                found = await self._alone(one.local_symbol, one, among)
                found = found or names.placed(one.local_symbol, one.exchange, self.home, self.home)
        return found or names.numbered(one.con_id)

    async def _alone(self, ticker: str, one: Listed, among: Sequence[Listed]) -> str | None:
        """Return a ticker as name where it finds this contract and no other."""
        plain = names.plain(ticker)
        if plain is None or any(other.con_id != one.con_id and _goes_by(other, ticker) for other in among):
            return None
        kept = self._by_name.get(plain)
        if kept is None:
            kept = tuple(other.con_id for other in await self._plain(names.Plain(plain)))
        return plain if kept == (one.con_id,) else None

    async def _steps(self, rules: Iterable[int]) -> dict[int, tuple[Step, ...]]:
        found: dict[int, tuple[Step, ...]] = {}
        for rule in rules:
            kept = self._rules.get(rule)
            if kept is None:
                kept = await self._rule(rule)
            found[rule] = kept
        return found

    async def _rule(self, rule: int) -> tuple[Step, ...]:
        """Ask for a market rule; none where it isn't told, so that IB's smallest step holds until it is."""
        try:
            answer = await self._line.read(f"rule {rule}", lambda ib: ib.reqMarketRuleAsync(rule), shared=True)
        except Told:
            answer = None
        steps: list[Step] = []
        for one in (answer or ())[:100]:
            above, size = exact(one.lowEdge), exact(one.increment)
            if above is not None and size is not None and size > 0:
                steps.append(Step(above, size))
        kept = tuple(sorted(steps, key=lambda step: step.above))
        self._rules.put(rule, kept, None if kept else _NONE_SECONDS)
        return kept


def _key(contract: Contract) -> str:
    """Return what a question for contract details is known by: all that it says."""
    said = (
        contract.conId, contract.secType, contract.symbol, contract.localSymbol, contract.exchange,
        contract.primaryExchange, contract.currency, contract.lastTradeDateOrContractMonth, contract.strike,
        contract.right, contract.tradingClass,
    )  # fmt: skip
    return "contract details of " + " ".join(str(one) if one else "*" for one in said)


def _goes_by(one: Listed, ticker: str) -> bool:
    return ticker == (one.local_symbol if one.sec_type == "FUT" else one.ticker)
