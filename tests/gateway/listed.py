"""What the gateway lists at its start: invented companies, their options, currencies and a future."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from tests.gateway import hours
from tests.gateway.world import Listing, Price, World

FIRST_STOCK: Final = 265_001
FIRST_CURRENCY: Final = 12_087_001
FIRST_FUTURE: Final = 495_512_001
FIRST_OPTION: Final = 700_100_001
CENT: Final = Decimal("0.01")
FRACTION: Final = Decimal("0.0001")
STOCK_RULE, PENNY_RULE, OPTION_RULE, XETRA_RULE, FX_RULE, YEN_RULE, FUTURE_RULE = 26, 557, 32, 1855, 239, 240, 67
_FRIDAY: Final = 4
_US: Final = ("SMART", "NASDAQ", "NYSE", "ARCA", "BATS", "IEX")
_OPTIONS: Final = ("SMART", "CBOE", "ISE")


def fill(world: World) -> None:
    """List everything, with prices."""
    d = Decimal
    world.rules |= {
        STOCK_RULE: ((d(0), CENT),),
        PENNY_RULE: ((d(0), FRACTION), (d(1), CENT)),
        OPTION_RULE: ((d(0), CENT), (d(3), d("0.05"))),
        XETRA_RULE: ((d(0), CENT), (d(50), d("0.02")), (d(100), d("0.05"))),
        FX_RULE: ((d(0), d("0.00005")),),
        YEN_RULE: ((d(0), d("0.005")),),
        FUTURE_RULE: ((d(0), d("0.25")),),
    }
    _stocks(world)
    _currencies(world)
    _futures(world)
    number = FIRST_OPTION
    for symbol, near, far in (("ALFA", "2.5", "10"), ("BRVO", "0.5", "2.5"), ("GOLF", "1", "5")):
        number = _chain(world, world.one(symbol), d(near), d(far), number)
    world.volatility |= {world.one("ALFA").con_id: 0.24, world.one("BRVO").con_id: 0.18, world.one("GOLF").con_id: 0.15}


def _stocks(world: World) -> None:
    us, xetra = hours.us_stocks(), hours.xetra()
    stock = Listing(
        FIRST_STOCK, "", "STK", "USD", "", us, _US, trading_class="NMS", stock_type="COMMON", least=FRACTION
    )
    cars = ("Consumer, Cyclical", "Auto Manufacturers", "Auto-Cars")
    listed = (
        (replace(stock, symbol="ALFA", name="ALFA MOTORS INC", primary="NASDAQ", isin="XS0000000017", industry=cars), "412.00"),
        (replace(stock, symbol="BRVO", name="BRAVO FOODS CORP", primary="NYSE"), "24.60"),
        (replace(stock, symbol="CHRL", name="CHARLIE AIRWAYS INC", primary="NYSE"), "88.40"),
        (replace(stock, symbol="ECHO", name="ECHO INSTRUMENTS INC", primary="NASDAQ"), "1980.00"),
        # One company in two countries and currencies.
        (replace(stock, symbol="DUAL", name="DUAL CHEMICALS SE -ADR", primary="NYSE"), "54.20"),
        (replace(stock, symbol="DUAL", name="DUAL CHEMICALS SE", primary="IBIS", currency="EUR", venue=xetra, rule=XETRA_RULE,
                 exchanges=("SMART", "IBIS", "IBIS2"), trading_class="XETRA", least=Decimal(1), round_lot=Decimal(1)), "50.02"),
        # Two companies under one symbol in one currency.
        (replace(stock, symbol="TWIN", name="TWIN PEAK MINING INC", primary="NASDAQ"), "12.50"),
        (replace(stock, symbol="TWIN", name="TWIN RIVERS BANCORP", primary="PINK", exchanges=("SMART", "PINK"), least=Decimal(1)), "3.10"),
        # Listed in Germany alone: nothing of it is in the home currency. Names come with their umlauts escaped.
        (replace(stock, symbol="RHEIN", name="RHEINWERKE M\\u00fcNCHEN AG", primary="IBIS", currency="EUR", venue=xetra, rule=XETRA_RULE,
                 exchanges=("SMART", "IBIS", "IBIS2"), trading_class="XETRA", least=Decimal(1), round_lot=Decimal(1)), "102.40"),
        (replace(stock, symbol="PNNY", name="PENNY RESOURCES INC", primary="NASDAQ", tick=FRACTION, rule=PENNY_RULE), "0.8450"),
        (replace(stock, symbol="GOLF", name="GOLF 500 INDEX FUND", primary="ARCA", stock_type="ETF"), "248.10"),
        (replace(stock, symbol="BERK B", name="BERK HOLDINGS INC-CL B", primary="NYSE", local_symbol="BERK B"), "310.00"),
    )  # fmt: skip
    for number, (listing, price) in enumerate(listed):
        at = Decimal(price)
        half = world.step(listing, at)
        world.add(replace(listing, con_id=FIRST_STOCK + number), _first(at, half))


def _currencies(world: World) -> None:
    base = Listing(
        0,
        "",
        "CASH",
        "USD",
        "",
        hours.fx(),
        ("IDEALPRO",),
        tick=Decimal("0.00005"),
        rule=FX_RULE,
        order_types="DAY,GTC,LMT,MKT",
    )
    pairs = (
        ("EUR", "USD", "1.08500"),
        ("GBP", "USD", "1.26400"),
        ("EUR", "GBP", "0.85840"),
        ("USD", "CHF", "0.88300"),
        ("USD", "JPY", "151.200"),
    )
    for number, (one, other, price) in enumerate(pairs):
        yen = {"tick": Decimal("0.005"), "rule": YEN_RULE} if other == "JPY" else {}
        pair = replace(
            base,
            con_id=FIRST_CURRENCY + number,
            symbol=one,
            currency=other,
            name=f"{one} against {other}",
            local_symbol=f"{one}.{other}",
            trading_class=f"{one}.{other}",
            round_lot=Decimal(1),
            **yen,
        )
        world.add(
            pair,
            replace(
                _first(Decimal(price), pair.tick), last=None, bid_size=Decimal(2_000_000), ask_size=Decimal(1_500_000)
            ),
        )


def _futures(world: World) -> None:
    today = world.now().date()
    venue = hours.futures()
    for number, day in enumerate(_quarters(today, 2)):
        local = f"MIDX{'FGHJKMNQUVXZ'[day.month - 1]}{day.year % 10}"
        future = Listing(
            FIRST_FUTURE + number, "MIDX", "FUT", "USD", "MODEL INDEX FUTURE", venue, ("CME",),
            local_symbol=local, trading_class="MIDX", tick=Decimal("0.25"), rule=FUTURE_RULE, multiplier="50", expiry=day,
            round_lot=Decimal(1), under=FIRST_FUTURE - 1,
        )  # fmt: skip
        world.add(future, _first(Decimal(5980 + 40 * number), Decimal("0.25")))


def _chain(world: World, under: Listing, near: Decimal, far: Decimal, number: int) -> int:
    """List weekly options near the money and monthly ones far around it: strikes x expirations holds more than that."""
    venue = hours.us_options()
    spot = world.price(under.con_id).middle or Decimal(0)
    for day, monthly in _expiries(world.now().date()):
        step, count = (far, 7) if monthly else (near, 8)
        middle = (spot / step).to_integral_value() * step
        for strike in (middle + step * at for at in range(-count, count + 1)):
            for right in "CP":
                root = f"{under.symbol:<6}{day:%y%m%d}{right}{int(strike * 1000):08d}"
                option = Listing(
                    number, under.symbol, "OPT", under.currency, under.name, venue, _OPTIONS,
                    local_symbol=root, trading_class=under.symbol, rule=OPTION_RULE, multiplier="100", expiry=day,
                    strike=strike.normalize() + 0, right=right, under=under.con_id, round_lot=Decimal(1),
                )  # fmt: skip
                world.add(option)
                number += 1
    return number


def _expiries(today: date) -> list[tuple[date, bool]]:
    """Return the coming four Fridays, and the third Fridays of the three months after those; and which are monthly."""
    friday = today + timedelta(days=(_FRIDAY - today.weekday()) % 7 or 7)
    weeks = [friday + timedelta(days=7 * ahead) for ahead in range(4)]
    return [(day, _third(day)) for day in weeks] + [(day, True) for day in _thirds(weeks[-1] + timedelta(days=1), 3)]


def _quarters(today: date, count: int) -> list[date]:
    return [day for day in _thirds(today, 3 * count) if day.month % 3 == 0][:count]


def _thirds(first: date, count: int) -> list[date]:
    found: list[date] = []
    day = first
    while len(found) < count:
        if _third(day):
            found.append(day)
        day += timedelta(days=1)
    return found


def _third(day: date) -> bool:
    return day.weekday() == _FRIDAY and 15 <= day.day <= 21


def _first(at: Decimal, half: Decimal) -> Price:
    cents = at.quantize(half)
    opened, high, low, close = ((cents * Decimal(share)).quantize(half) for share in ("0.99", "1.01", "0.98", "0.985"))
    return Price(cents - half, cents + half, cents, open=opened, high=high, low=low, close=close)
