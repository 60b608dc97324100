"""Real money has to be said whole: a block of its own, trade, a list of symbols, a policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.model.orders import OrderType
from cockpit.model.trading import Mode
from cockpit.settings.load import load
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.model import Settings
from cockpit.settings.where import Given

HEAD = '[connections.real]\nbroker = "ibkr"\nmode = "live"\n'
NAMED = HEAD + 'account = "U1234567"\n'
TRADE = "trade = true\n"
BLOCK = "[connections.real.ibkr]\nport = 4001\n"
POLICY = '[connections.real.policy]\nallowed_symbols = ["AAPL"]\n'
SYMBOLS = "policy.allowed_symbols with at least one symbol"


def read(folder: Path, text: str) -> Settings:
    (folder / "cockpit.toml").write_text(text)
    return load(Given(config=folder / "cockpit.toml"), {})


def test_said_whole_it_is_taken_with_the_limits_of_real_money(tmp_path: Path) -> None:
    real = read(tmp_path, NAMED + TRADE + BLOCK + POLICY).connections["real"]
    assert (real.mode, real.trade, real.arm_hours) == (Mode.LIVE, True, 8)
    assert real.policy.allowed_symbols == {"AAPL"}
    assert OrderType.MARKET not in real.policy.order_types


def test_trade_may_be_said_to_be_off(tmp_path: Path) -> None:
    assert not read(tmp_path, NAMED + "trade = false\n" + BLOCK + POLICY).connections["real"].trade


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (NAMED + TRADE + POLICY, "a table ibkr of its own"),
        (HEAD + TRADE + BLOCK + POLICY, "the account by name"),
        (NAMED + BLOCK + POLICY, "trade = true or false"),
        (NAMED + TRADE + BLOCK, f"a table policy; {SYMBOLS}"),
        (
            NAMED + TRADE + BLOCK + "[connections.real.policy]\nmax_notional = 5\n",
            SYMBOLS,
        ),
        (
            NAMED + TRADE + BLOCK + "[connections.real.policy]\nallowed_symbols = []\n",
            SYMBOLS,
        ),
        (
            HEAD,
            "a table ibkr of its own; the account by name; trade = true or false; a table policy; " + SYMBOLS,
        ),
    ],
)
def test_what_is_missing_is_named_and_nothing_starts(tmp_path: Path, text: str, missing: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read(tmp_path, text)
    (mistake,) = caught.value.mistakes
    assert mistake.key == "connections.real"
    assert mistake.problem == f"mode = 'live' is real money, and needs: {missing}."


@pytest.mark.parametrize("hours", ["0", "25"])
def test_arming_lasts_an_hour_at_least_and_a_day_at_most(tmp_path: Path, hours: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read(tmp_path, f"{NAMED}{TRADE}arm_hours = {hours}\n{BLOCK}{POLICY}")
    assert [one.key for one in caught.value.mistakes] == ["connections.real.arm_hours"]


def test_on_paper_nothing_of_it_has_to_be_said(tmp_path: Path) -> None:
    assert read(tmp_path, '[connections.real]\nbroker = "ibkr"\n').connections["real"].mode is Mode.PAPER
