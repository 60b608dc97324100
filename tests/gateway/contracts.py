"""What the gateway tells of contracts: search, details, option parameters and market rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out, contract_in
from tests.gateway.world import Listing, World

NOT_FOUND: Final = "No security definition has been found for the request"
KINDS: Final = frozenset(
    {"STK", "OPT", "FUT", "CASH", "IND", "CFD", "BOND", "FUND", "CMDTY", "FOP", "WAR", "BAG", "CRYPTO"}
)
_MOST_FOUND: Final = 16
_SEARCHED_VENUES: Final = {"NASDAQ": "NASDAQ.NMS"}
"""Search spells some exchanges otherwise than contract details do."""
_MONTH: Final = "%Y%m"


def one_of(session: Session, request_id: str, asked: dict[str, str]) -> Listing | None:
    """Return the one contract that is meant; where there are none or several the client is told with 200."""
    found = session.gateway.world.find(asked)
    if len(found) == 1:
        return found[0]
    if found:
        session.error(request_id, 200, f"The contract description specified for {asked['symbol']} is ambiguous.")
    else:
        session.error(request_id, 200, NOT_FOUND)
    return None


@handles(In.reqMatchingSymbols)
def search(session: Session, fields: list[str]) -> None:
    """Answer with stocks and futures whose symbol begins with the words or whose name holds them, exact symbols first."""
    request_id, words = fields[1], fields[2].strip().upper()
    world = session.gateway.world
    if not words:
        session.error(request_id, 321, "Error validating request.-'cO' : cause - Pattern is empty")
        return
    matching = [
        one
        for one in world.listings.values()
        if one.kind in {"STK", "CASH"} and (one.symbol.startswith(words) or words in one.name)
    ]
    matching.sort(key=lambda one: (one.symbol != words, not one.symbol.startswith(words), one.con_id))
    samples: list[object] = []
    for one in matching[:_MOST_FOUND]:
        derived = ["CFD", "OPT", "BAG"] if any(world.options(one.con_id)) else ["CFD"]
        venue = _SEARCHED_VENUES.get(one.primary, one.primary)
        samples += [one.con_id, one.symbol, one.kind, venue, one.currency, len(derived), *derived, one.name, ""]
    session.send(Out.symbolSamples, request_id, len(matching[:_MOST_FOUND]), *samples)


@handles(In.reqContractDetails)
def details(session: Session, fields: list[str]) -> None:
    """Answer with every contract that is meant, or 200 when there is none."""
    request_id, asked = fields[2], contract_in(fields, 3) | {"includeExpired": fields[15]}
    id_type, security_id = fields[16], fields[17]
    world = session.gateway.world
    if not int(asked["conId"] or 0) and asked["secType"] not in KINDS and not security_id:
        session.error(request_id, 321, "Error validating request.-'bW' : cause - Please enter a valid security type")
        return
    if security_id:
        found = tuple(one for one in world.listings.values() if id_type == "ISIN" and one.isin == security_id)
    else:
        found = world.find(asked)
    if not found:
        session.error(request_id, 200, NOT_FOUND)
        return
    for one in found:
        for exchange in _exchanges(one, asked):
            session.send(Out.contractDetails, request_id, *_details(world, one, exchange))
    session.send(Out.contractDetailsEnd, 1, request_id)


def _exchanges(listing: Listing, asked: dict[str, str]) -> Iterable[str]:
    """Who names no exchange gets the same contract once for each; who asks by id gets it once."""
    if asked["exchange"]:
        return (asked["exchange"],)
    return (listing.exchange,) if int(asked["conId"] or 0) else listing.exchanges


def _details(world: World, one: Listing, exchange: str) -> list[object]:
    spelled = one.spelled
    now, venue = world.now(), one.venue
    under = world.listings.get(one.under)
    ids = ["ISIN", one.isin] if one.isin else []
    expires = one.expires and f"{one.expires}-16:00:00-{venue.zone}"
    return [
        *(spelled["symbol"], spelled["secType"], expires, spelled["strike"], spelled["right"], exchange),
        *(spelled["currency"], spelled["localSymbol"], spelled["tradingClass"], spelled["tradingClass"]),
        *(spelled["conId"], one.tick, one.multiplier, one.order_types, ",".join(one.exchanges), 1, one.under, one.name),
        *(one.primary, one.expiry.strftime(_MONTH) if one.expiry else "", *one.industry, venue.zone),
        *(venue.text(now, venue.trading), venue.text(now, venue.liquid), "", "", len(ids) // 2, *ids, 1),
        *((under.symbol, under.kind) if under else ("", "")),
        *(",".join(str(one.rule) for _ in one.exchanges), one.expires, one.stock_type),
        *(one.least, one.least, one.round_lot),
    ]


@handles(In.reqSecDefOptParams)
def option_parameters(session: Session, fields: list[str]) -> None:
    """Answer, for each exchange and trading class, with all its expirations and all its strikes, whichever go together."""
    request_id, symbol, _, kind, con_id = fields[1:6]
    world = session.gateway.world
    under = world.listings.get(int(con_id or 0))
    if under is None or (under.symbol, under.kind) != (symbol, kind):
        session.error(request_id, 200, NOT_FOUND)
        return
    classes: dict[tuple[str, str, str], list[Listing]] = defaultdict(list)
    for option in world.options(under.con_id) if world.rights.chains else ():
        for exchange in option.exchanges:
            classes[exchange, option.trading_class, option.multiplier].append(option)
    for (exchange, trading_class, multiplier), options in classes.items():
        days = sorted({one.expires for one in options})
        strikes = sorted({one.strike for one in options})
        session.send(
            *(Out.securityDefinitionOptionParameter, request_id, exchange, con_id, trading_class, multiplier),
            *(len(days), *days, len(strikes), *strikes),
        )
    session.send(Out.securityDefinitionOptionParameterEnd, request_id)


@handles(In.reqMarketRule)
def market_rule(session: Session, fields: list[str]) -> None:
    """Answer with the price from which each step holds; an unknown rule is an error that belongs to no request."""
    steps = session.gateway.world.rules.get(int(fields[1]))
    if steps is None:
        session.error(-1, 321, f"Error validating request.-'cR' : cause - Market rule {fields[1]} is not known")
        return
    session.send(Out.marketRule, fields[1], len(steps), *(part for step in steps for part in step))


@handles(In.calculateImpliedVolatility, In.calculateOptionPrice)
def calculate(session: Session, fields: list[str]) -> None:
    """Answer with the model's values for a price, or for a volatility; values that can't be had are left out."""
    from tests.gateway import black_scholes
    from tests.gateway.ticks import CUSTOM, computation, nothing_computed

    request_id, given, spot = fields[2], float(fields[15] or 0), float(fields[16] or 0)
    world = session.gateway.world
    listing = one_of(session, request_id, contract_in(fields, 3))
    if listing is None or not world.rights.estimates:
        return
    if listing.kind != "OPT" or spot <= 0 or given <= 0:
        session.error(request_id, 321, "Error validating request.-'bZ' : cause - The values can't be used")
        return
    strike, years, call = float(listing.strike), world.years(listing), listing.right == "C"
    volatility: float | None = given
    if int(fields[0]) == In.calculateImpliedVolatility:
        volatility = black_scholes.implied(given, spot, strike, years, call)
    if volatility is None:
        session.send(*nothing_computed(request_id, CUSTOM))
        return
    model = black_scholes.value(spot, strike, years, volatility, call)
    session.send(*computation(request_id, CUSTOM, volatility, model, spot))


@handles(In.cancelCalculateImpliedVolatility, In.cancelCalculateOptionPrice)
def cancel_calculation(session: Session, fields: list[str]) -> None:
    """Take it; it was answered at once."""


def relist(world: World, listing: Listing, **changes: object) -> Listing:
    """Change what is told of a contract; for tests."""
    changed = replace(listing, **changes)  # pyright: ignore[reportArgumentType]
    world.listings[listing.con_id] = changed
    return changed


def at_the_money(world: World, name: str, right: str = "C", *, nth: int = 0) -> Listing:
    """Return the option nearest to the money that expires soonest, or ``nth`` after; for tests."""
    under = world.one(name)
    spot = world.price(under.con_id).middle or Decimal(0)
    days = sorted({one.expires for one in world.options(under.con_id)})
    listed = (one for one in world.options(under.con_id) if one.right == right and one.expires == days[nth])
    return min(listed, key=lambda one: abs(one.strike - spot))


def adjusted(world: World, option: Listing, con_id: int, multiplier: str = "150") -> Listing:
    """List the same option once more under the class that a split leaves behind, so that its terms alone are ambiguous."""
    root = f"2{option.symbol}"
    local = f"{root:<6}{option.local_symbol[6:]}"
    listing = replace(option, con_id=con_id, trading_class=root, local_symbol=local, multiplier=multiplier)
    return world.add(listing, replace(world.price(option.con_id), volume=Decimal(0)))
