from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.orders import OrderType
from cockpit.model.text import safe
from cockpit.settings.load import load
from cockpit.settings.mistakes import HIDDEN, BadSettings, Mistake
from cockpit.settings.policy import LIVE_DEFAULTS, PolicySettings, for_live_money, is_looser, said
from cockpit.settings.where import Given, data_folder

EVERYTHING_WRONG = """
[server]
prot = 1
port = 99999
public_url = "https://trader:hunter2@desk.example"

[oauth]
access_seconds = "soon"

[srver]
port = 1

[connections.Paper]
cash = -1
mode = "live"
scopes = ["read:markt"]
api_token = "swordfish"

[connections.other.policy]
max_notionl = 1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cockpit.toml"


def mistakes(file: Path | None = None, environ: dict[str, str] | None = None, **options: object) -> dict[str, Mistake]:
    with pytest.raises(BadSettings) as caught:
        load(Given(config=file, **options), environ or {})  # type: ignore[arg-type]
    return {mistake.key: mistake for mistake in caught.value.mistakes}


def test_nothing_said_gives_the_paper_broker_on_the_loopback_address() -> None:
    settings = load(environ={"HOME": "/nobody"})
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8722)
    assert list(settings.connections) == ["paper"]
    assert settings.data_dir.name == "cockpit"


def test_the_command_line_wins_over_the_environment_and_the_environment_over_the_file(file: Path) -> None:
    file.write_text('[server]\nport = 1\nhost = "file"\nmax_sessions = 7\n')
    environ = {"COCKPIT_SERVER__PORT": "2", "COCKPIT_SERVER__HOST": "variable"}
    server = load(Given(config=file, port=3), environ).server
    assert (server.port, server.host, server.max_sessions) == (3, "variable", 7)


def test_every_mistake_is_reported_at_once(file: Path) -> None:
    file.write_text(EVERYTHING_WRONG)
    found = mistakes(file, {"COCKPIT_SCREEN__RATE_HZ": "99", "COCKPIT_SERVER__ALLOWED_HOSTS": "a.example"})
    assert set(found) == {
        "server.prot",
        "server.port",
        "server.public_url",
        "server.allowed_hosts",
        "oauth.access_seconds",
        "srver",
        "screen.rate_hz",
        "connections.Paper",
        "connections.Paper.cash",
        "connections.Paper.mode",
        "connections.Paper.scopes.0",
        "connections.Paper.api_token",
        "connections.other.policy.max_notionl",
    }


def test_a_mistake_names_value_bound_and_origin(file: Path) -> None:
    file.write_text("[server]\nport = 99999\n")
    mistake = mistakes(file)["server.port"]
    assert mistake.value == "99999"
    assert "0 to 65535" in mistake.problem
    assert mistake.origin == str(file)
    found = mistakes(file, {"COCKPIT_SERVER__PORT": "x"})["server.port"]
    assert (found.value, found.origin) == ("'x'", "environment COCKPIT_SERVER__PORT")
    assert mistakes(file, port=70_000)["server.port"].origin == "option --port"


def test_secrets_are_never_echoed(file: Path) -> None:
    file.write_text(EVERYTHING_WRONG)
    found = mistakes(file, {"COCKPIT_CONNECTIONS__PAPER__PASSWORD": "swordfish"})
    said = " ".join(mistake.sentence() for mistake in found.values())
    assert "swordfish" not in said
    assert "hunter2" not in said
    assert HIDDEN in found["server.public_url"].value


@pytest.mark.parametrize(
    ("content", "key", "hint"),
    [
        ("[srver]\nport = 1", "srver", "server"),
        ("[server]\nprot = 1", "server.prot", "server.port"),
        ("[connections.a]\nborker = 'paper'", "connections.a.borker", "connections.a.broker"),
        ("data_dri = 'x'", "data_dri", "data_dir"),
        ("quite_else = 1", "quite_else", ""),
    ],
)
def test_an_unknown_key_hints_at_the_nearest_name(file: Path, content: str, key: str, hint: str) -> None:
    file.write_text(content)
    assert mistakes(file)[key].hint == hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("COCKPIT_SERVER__PROT", "COCKPIT_SERVER__PORT"),
        ("COCKPIT_SRVER__PORT", "COCKPIT_SERVER__PORT"),
        ("COCKPIT_CONNECTIONS__PAPER__CASHH", "COCKPIT_CONNECTIONS__PAPER__CASH"),
        ("COCKPIT_ZZZ", ""),
    ],
)
def test_an_unknown_variable_hints_at_the_nearest_name(name: str, hint: str) -> None:
    (mistake,) = mistakes(environ={name: "1"}).values()
    assert mistake.origin == f"environment {name}"
    assert mistake.hint == hint


def test_variables_reach_nested_tables_and_lists() -> None:
    settings = load(
        environ={
            "COCKPIT_CONNECTIONS__PAPER__POLICY__MAX_NOTIONAL": "2500.50",
            "COCKPIT_SERVER__ALLOWED_ORIGINS": '["https://a.example"]',
            "COCKPIT_KILL__CANCEL_ORDERS": "false",
        }
    )
    assert settings.connections["paper"].policy.max_notional == Decimal("2500.50")
    assert settings.server.allowed_origins == ("https://a.example",)
    assert settings.kill.cancel_orders is False


def test_a_table_that_is_no_table_is_a_mistake_even_where_an_option_replaces_it() -> None:
    assert "server" in mistakes(environ={"COCKPIT_SERVER": "7"}, port=1)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("a = ", "line 1, column 5"),
        ("[server]\nport = 1\nport = 2", "line 3, column 9"),
        ("[server]\nallowed_hosts = [1,\n", "line 3, column 1"),
    ],
)
def test_broken_toml_names_line_and_column(file: Path, content: str, place: str) -> None:
    file.write_text(content)
    assert place in mistakes(file)[""].problem


def test_a_file_that_is_not_utf8_or_too_large_or_missing_is_a_mistake(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"a = 1\nb = '\xff'\n")
    assert "line 2" in mistakes(file)[""].problem
    file.write_bytes(b"#" * 1_048_577)
    assert "larger" in mistakes(file)[""].problem
    assert "no such file" in mistakes(tmp_path / "none.toml")[""].problem
    assert "can't be read" in mistakes(tmp_path)[""].problem


def test_mistakes_of_a_broken_file_come_together_with_those_of_the_environment(file: Path) -> None:
    file.write_text("a = ")
    assert set(mistakes(file, {"COCKPIT_SERVER__PORT": "x"})) == {"", "server.port"}


def test_the_paper_broker_can_not_be_live(file: Path) -> None:
    file.write_text("[connections.paper]\nmode = 'live'")
    assert "must be 'paper'" in mistakes(file)["connections.paper.mode"].problem


def test_a_data_folder_too_long_for_a_socket_is_a_mistake(tmp_path: Path) -> None:
    assert "control socket" in mistakes(data_dir=tmp_path / ("x" * 100))["data_dir"].problem


def test_the_file_may_be_named_by_a_variable_and_its_folder_holds_the_themes(file: Path) -> None:
    file.write_text("[server]\nport = 4\n")
    settings = load(environ={"COCKPIT_CONFIG": str(file)})
    assert settings.server.port == 4
    assert settings.config_dir == file.parent


@pytest.mark.parametrize("source", ["option", "variable", "file", "default"])
def test_the_short_look_finds_the_same_data_folder_as_the_full_one(file: Path, tmp_path: Path, source: str) -> None:
    file.write_text(f"data_dir = '{tmp_path}/by-file'\n" if source == "file" else "")
    environ = {"COCKPIT_DATA_DIR": f"{tmp_path}/by-variable"} if source == "variable" else {}
    given = Given(config=file, data_dir=tmp_path / "by-option" if source == "option" else None)
    assert data_folder(given, environ) == load(given, environ).data_dir


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_a_variable_says_the_mistake_is_harmless_to_print(name: str, value: str) -> None:
    said = " ".join(mistake.sentence() for mistake in loaded_or_not({f"COCKPIT_{name}": value}))
    assert safe(said, 10_000) == said


def loaded_or_not(environ: dict[str, str]) -> tuple[Mistake, ...]:
    try:
        load(environ=environ)
    except BadSettings as bad:
        return bad.mistakes
    return ()


def test_a_clients_limit_that_tightens_nothing_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "cockpit.toml"
    file.write_text(
        "[connections.paper.policy]\nmax_notional = 500\nallow_short = false\n"
        "[clients.claude.policy]\nmax_notional = 501\nmax_quantity = 5\nallow_short = true\n"
    )
    with pytest.raises(BadSettings) as bad:
        load(Given(config=file), {})
    assert [mistake.key for mistake in bad.value.mistakes] == [
        "clients.claude.policy.max_notional", "clients.claude.policy.allow_short",
    ]  # fmt: skip
    assert all(str(file) in mistake.origin and "tighten" in mistake.problem for mistake in bad.value.mistakes)


def test_a_clients_limit_that_tightens_one_connection_is_none(tmp_path: Path) -> None:
    file = tmp_path / "cockpit.toml"
    file.write_text(
        "[connections.small.policy]\nmax_notional = 500\n[connections.big.policy]\nmax_notional = 5000\n"
        "[clients.claude.policy]\nmax_notional = 1000\n"
    )
    policy = load(Given(config=file), {}).clients["claude"].policy
    assert said(policy) == {"max_notional": 1000}


def test_live_money_has_stricter_limits_unless_the_file_says_otherwise() -> None:
    live = PolicySettings.model_validate(for_live_money({"max_daily_loss": "0.03"}))
    assert live.max_daily_loss == Decimal("0.03")
    assert not live.allow_short
    assert OrderType.MARKET not in live.order_types
    for name, value in LIVE_DEFAULTS.items():
        assert not is_looser(name, value, getattr(PolicySettings(), name)), name
