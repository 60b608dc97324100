from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.model.trading import Mode
from cockpit.settings.load import load
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import Given

CONNECTION = "[connections.ib]\nbroker = 'ibkr'\n"
LINE = f"{CONNECTION}[connections.ib.ibkr]\n"


def mistakes(folder: Path, text: str) -> list[str]:
    file = folder / "cockpit.toml"
    file.write_text(text)
    try:
        load(Given(config=file, data_dir=folder / "data"), {})
    except BadSettings as bad:
        return [one.sentence() for one in bad.mistakes]
    return []


def test_a_connection_to_a_paper_account_needs_its_kind_alone(tmp_path: Path) -> None:
    (tmp_path / "cockpit.toml").write_text(CONNECTION)
    settings = load(Given(config=tmp_path / "cockpit.toml", data_dir=tmp_path / "data"), {})
    connection = settings.connections["ib"]
    assert (connection.mode, connection.ibkr.host, connection.ibkr.port) == (Mode.PAPER, "127.0.0.1", 4002)
    assert connection.ibkr.client_id == 17


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("client_id = 0", "client_id is 0: must be a whole number, 1 to"),
        ("port = 0", "port is 0: must be a whole number, 1 to 65535"),
        ("host = 'a b'", "host is 'a b': must be a text"),
        ("currency = 'usd'", "currency is 'usd': must be a text, like ^[A-Z]{3}$"),
        ("market_data = 'free'", "market_data is 'free': must be a text, one of live, delayed"),
        ("request_seconds = 0", "request_seconds is 0: must be a number, 1 to 120"),
        ("flex_query = '42'", "flex_query is '42': needs flex_token_file"),
        ("flex_token_file = '/a/token'", "flex_query is '': is missing"),
        ("flex_token_file = 'token'\nflex_query = '1'", "must be a whole path"),
        ("clientid = 5", "there is no such setting"),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(tmp_path: Path, line: str, said: str) -> None:
    (mistake,) = mistakes(tmp_path, f"{LINE}{line}\n")
    assert mistake.startswith("connections.ib.ibkr.")
    assert said in mistake


@pytest.mark.parametrize(
    "key", ["cash = 5", "seed = 'x'", "session = 'XNYS'", "replay = '/a.csv'", "slippage_ticks = 2", "fees.cap = 0"]
)
def test_what_only_the_paper_broker_simulates_is_not_taken_silently(tmp_path: Path, key: str) -> None:
    (mistake,) = mistakes(tmp_path, f"{CONNECTION}{key}\n")
    assert "for the paper broker alone" in mistake


def test_a_line_is_not_taken_silently_where_the_broker_has_none(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, "[connections.ib.ibkr]\nport = 7497\n")
    assert "the table ibkr is for broker = 'ibkr' alone" in mistake


def test_two_connections_to_one_tws_need_client_numbers_of_their_own(tmp_path: Path) -> None:
    two = f"{CONNECTION}[connections.second]\nbroker = 'ibkr'\n"
    (mistake,) = mistakes(tmp_path, two)
    assert "ib and second are the same client 17 at 127.0.0.1:4002" in mistake
    assert mistakes(tmp_path, f"{two}[connections.second.ibkr]\nclient_id = 18\n") == []
    assert mistakes(tmp_path, f"{two}[connections.second.ibkr]\nport = 4003\n") == []


def test_one_account_is_not_taken_on_two_connections(tmp_path: Path) -> None:
    line = "[connections.second.ibkr]\nclient_id = 18\nport = 4003\n"
    first, second = f"{CONNECTION}account = 'DU1234567'\n", "[connections.second]\nbroker = 'ibkr'\n"
    (mistake,) = mistakes(tmp_path, f"{first}{second}account = 'DU1234567'\n{line}")
    assert "ib and second name the same account" in mistake
    assert mistakes(tmp_path, f"{first}{second}account = 'DU7654321'\n{line}") == []
    assert mistakes(tmp_path, f"{first}{second}{line}") == []


def test_one_account_of_real_money_is_not_taken_on_two_connections(tmp_path: Path) -> None:
    live = "broker = 'ibkr'\nmode = 'live'\naccount = 'U1234567'\ntrade = true\npolicy.allowed_symbols = ['ALFA']\n"
    two = f"[connections.a]\n{live}ibkr.client_id = 17\n[connections.b]\n{live}ibkr.client_id = 18\n"
    (mistake,) = mistakes(tmp_path, two)
    assert "a and b name the same account" in mistake
