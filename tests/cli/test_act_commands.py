from __future__ import annotations

import json

import click
import pytest

from cockpit.cli.act_commands import command_for
from cockpit.cli.main import cockpit
from cockpit.model.refusals import refuse
from cockpit.operator.act import Act, Command, Danger, Done, Kind
from cockpit.operator.acts import ACTS
from tests.cli.cockpits import TalkingCockpit
from tests.cli.conftest import CommandLine
from tests.operator.tickets import CLIENT_TICKET, ORDER_TICKET

EXAMPLES = {"code": "bcdfgh", "client": "claude", "order_id": "o-1", "name": "bot", "latch": "daily_loss:paper"}
EXAMPLES |= {
    "limit": "max_notional",
    "value": "500",
    "connection": "off",
    "state": "cancelled",
    "what": "phone",
    "symbol": "ALFA",
}
RISKY = {"client.scopes": ["--add", "write:orders"], "client.expire": ["--longer"], "limits.set": ["--raise"]}
UNSEEN = "a long pass phrase\n"


def example(act: Act) -> list[str]:
    required = [one for one in act.arguments if one.required and one.kind is not Kind.SECRET]
    return [EXAMPLES[argument.name] for argument in required]


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.cli.act_commands.has_terminal", lambda: True)


@pytest.mark.parametrize("act", [act for act in ACTS.values() if not act.local], ids=lambda act: act.name)
def test_every_act_is_a_command_that_reaches_the_running_cockpit(
    command: CommandLine, running: TalkingCockpit, act: Act
) -> None:
    yes = [] if act.danger is Danger.SAFE else ["--yes"]
    result = command(*act.command.split(), *example(act), *yes, typed=UNSEEN)
    assert result.exit_code == 0, result.output
    assert [sent.act for sent in running.ran] == [act.name]


@pytest.mark.parametrize("act", ACTS.values(), ids=lambda act: act.name)
def test_every_command_explains_itself(command: CommandLine, act: Act) -> None:
    result = command(*act.command.split(), "--help")
    assert result.exit_code == 0
    assert act.help[:30] in result.output


def test_a_secret_is_typed_and_never_an_argument(command: CommandLine, running: TalkingCockpit) -> None:
    assert command("web", "password", "a long pass phrase", "--yes").exit_code == 2
    assert command("web", "password", "--yes", typed="\n").exit_code == 2
    assert running.ran == []
    result = command("web", "password", "--yes", typed=UNSEEN)
    assert result.exit_code == 0, result.output
    assert [sent.arguments for sent in running.ran] == [{"password": "a long pass phrase"}]
    assert "pass phrase" not in result.output


def test_options_become_arguments_in_their_one_spelling(command: CommandLine, running: TalkingCockpit) -> None:
    result = command(
        *("approve", "bcdfgh", "--as", "My Claude", "--scope", "write:orders", "--scope", "read:market"),
        *("--connection", "paper", "--for", "8h", "--yes"),
    )
    assert result.exit_code == 0, result.output
    arguments = {
        "code": "bcdfgh",
        "as": "My Claude",
        "scope": "read:market write:orders",
        "connection": "paper",
        "for": "8h",
    }
    assert running.ran == [Command("client.approve", arguments, by="socket")]


@pytest.mark.parametrize(
    "words",
    [
        ("approve",),
        ("approve", "bcdfgh", "--for", "3x"),
        ("approve", "bcdfgh", "--scope", "read:everything"),
        ("approve-order", "o-1", "--quantity", "-1"),
        ("approve-order", "o-1", "--limit", "1e5"),
        ("audit", "tail", "--count", "many"),
        ("cancel", "x" * 201),
        ("cancel", " "),
        ("nonsense",),
        ("kill", "--nonsense"),
        ("--port", "eighty", "status"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_sends_nothing(
    command: CommandLine, running: TalkingCockpit, words: tuple[str, ...]
) -> None:
    assert command(*words).exit_code == 2
    assert running.ran == []


def test_json_is_the_data_and_nothing_else(command: CommandLine, running: TalkingCockpit) -> None:
    running.answers["status"] = Done("Running.", {"state": "RUNNING", "clients": 2, "connections": [{"name": "paper"}]})
    result = command("status", "--json")
    assert json.loads(result.stdout) == {"state": "RUNNING", "clients": 2, "connections": [{"name": "paper"}]}


def test_people_get_the_sentence_and_aligned_tables(command: CommandLine, running: TalkingCockpit) -> None:
    rows = [{"order_id": "o-1", "state": "working", "quantity": "5"}, {"order_id": "o-22", "state": "filled"}]
    running.answers["orders"] = Done("Two orders.", rows)
    assert command("orders").output == (
        "Two orders.\n\n"
        "ORDER ID  STATE    QUANTITY\n"
        "o-1       working  5\n"
        "o-22      filled   -\n"
    )  # fmt: skip


def test_a_refusal_says_its_code_and_who_can_mend_it_and_is_exit_code_1(
    command: CommandLine, running: TalkingCockpit
) -> None:
    running.answers["order.cancel"] = refuse("ORDER_DONE", order="o-1")
    result = command("cancel", "o-1")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "ORDER_DONE" in result.stderr
    assert "The order has ended" in result.stderr
    assert "Who can mend it: the client" in result.stderr


def test_a_refusal_with_json_is_one_object_on_stderr(command: CommandLine, running: TalkingCockpit) -> None:
    running.answers["order.cancel"] = refuse("ORDER_DONE", order="o-1")
    said = json.loads(command("cancel", "o-1", "--json").stderr)
    assert (said["code"], said["who_can_fix"], said["details"]) == ("ORDER_DONE", "client", {"order": "o-1"})


def test_what_the_cockpit_answers_can_not_steer_the_terminal(command: CommandLine, running: TalkingCockpit) -> None:
    evil = "\x1b[2J\u202eevil"
    running.answers["clients"] = Done(evil, [{evil: evil}])
    running.answers["order.cancel"] = refuse("ORDER_DONE", evil, evil=evil)
    for result in (command("clients"), command("clients", "--json"), command("cancel", "o-1")):
        assert "\x1b" not in result.output
        assert "\u202e" not in result.output


def test_a_new_key_is_shown(command: CommandLine, running: TalkingCockpit) -> None:
    running.answers["key.create"] = Done("The key of bot; it is not shown again:", {"name": "bot", "key": "ck_abc"})
    assert "ck_abc" in command("key", "create", "--name", "bot", "--yes").output


def test_without_a_running_cockpit_the_way_to_start_one_is_said(command: CommandLine) -> None:
    result = command("status")
    assert result.exit_code == 1
    assert "Start one with `cockpit`" in result.stderr
    named = command("--data-dir", str(command.folder / "other"), "status")
    assert f"`cockpit --data-dir {command.folder / 'other'}`" in named.stderr


def test_bad_settings_are_exit_code_2_for_every_command(command: CommandLine) -> None:
    file = command.folder / "bad.toml"
    file.write_text("a = ")
    result = CommandLine(command.folder)("--config", str(file), "serve")
    assert result.exit_code == 2
    assert "line 1, column 5" in result.stderr


@pytest.mark.parametrize("act", [act for act in ACTS.values() if act.danger is not Danger.SAFE], ids=lambda a: a.name)
def test_what_adds_risk_is_refused_where_nobody_can_be_asked(
    command: CommandLine, running: TalkingCockpit, act: Act
) -> None:
    result = command(*act.command.split(), *example(act), *RISKY.get(act.name, []), typed=UNSEEN)
    assert result.exit_code == 1
    assert "WORD_MISSING" in result.stderr
    assert running.ran == []


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_a_risky_act_is_carried_out_only_on_yes(
    command: CommandLine, running: TalkingCockpit, typed: str, code: int
) -> None:
    result = command("key", "enable", "bot", typed=typed)
    assert result.exit_code == code
    assert bool(running.ran) is (code == 0)


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize(("typed", "code"), [("RESUME\n", 0), ("resume\n", 1), ("y\n", 1), ("\n", 1)])
def test_the_riskiest_act_wants_its_word(command: CommandLine, running: TalkingCockpit, typed: str, code: int) -> None:
    result = command("resume", typed=typed)
    assert result.exit_code == code
    assert bool(running.ran) is (code == 0)


@pytest.mark.usefixtures("at_a_terminal")
def test_narrowing_a_client_is_instant_and_widening_asks(command: CommandLine, running: TalkingCockpit) -> None:
    assert command("scopes", "claude", "--drop", "write:orders").exit_code == 0
    assert command("scopes", "claude", "--add", "write:orders", typed="n\n").exit_code == 1
    assert len(running.ran) == 1


@pytest.mark.usefixtures("at_a_terminal")
def test_a_position_is_shown_before_it_is_closed_and_the_close_bound_to_what_was_shown(
    command: CommandLine, running: TalkingCockpit
) -> None:
    says = "Closing sends SELL 5 ALFA MKT DAY on paper and leaves 15."
    running.answers["position.look"] = Done(says, {"connection": "paper", "seen": "20/0", "realises": "12.30"})
    result = command("close", "ALFA", "--quantity", "5", typed="y\n")
    assert result.exit_code == 0, result.output
    assert says in result.output
    assert "12.30" in result.output
    look, close = running.ran
    assert (look.act, look.arguments) == ("position.look", {"symbol": "ALFA", "quantity": "5"})
    assert close.arguments == {"symbol": "ALFA", "quantity": "5", "connection": "paper", "seen": "20/0"}
    running.ran.clear()
    assert command("close", "ALFA", typed="n\n").exit_code == 1
    assert [one.act for one in running.ran] == ["position.look"]


@pytest.mark.usefixtures("at_a_terminal")
def test_flattening_takes_its_word(command: CommandLine, running: TalkingCockpit) -> None:
    assert command("flatten", typed="yes\n").exit_code == 1
    assert running.ran == []
    assert command("flatten", typed="FLATTEN\n").exit_code == 0
    assert [one.act for one in running.ran] == ["position.flatten"]


@pytest.mark.usefixtures("at_a_terminal")
def test_an_order_is_shown_before_it_is_approved_and_bound_to_the_version_that_was_shown(
    command: CommandLine, running: TalkingCockpit
) -> None:
    running.order = ORDER_TICKET
    result = command("approve-order", "o-1", "--json", typed="y\n")
    assert "BUY 100 ALFA LMT 412.3 DAY" in result.stderr
    assert running.ran[0].arguments == {"order_id": "o-1", "version": "3"}
    assert result.stdout == "null\n"


@pytest.mark.usefixtures("at_a_terminal")
def test_a_client_is_shown_before_it_is_let_in(command: CommandLine, running: TalkingCockpit) -> None:
    running.client = CLIENT_TICKET
    result = command("approve", "bcdfgh", typed="n\n")
    assert "evil.example" in result.stderr
    assert "WARNING" in result.stderr
    assert running.ran == []


@pytest.mark.usefixtures("at_a_terminal")
def test_what_nobody_waits_for_is_refused_without_a_question(command: CommandLine, running: TalkingCockpit) -> None:
    result = command("approve", "bcdfgh", typed="y\n")
    assert "CODE_UNKNOWN" in result.stderr
    assert running.ran == []


def test_a_made_command_takes_no_yes_where_nothing_is_asked() -> None:
    names = {name for parameter in command_for(ACTS["kill"], "kill").params for name in parameter.opts}
    assert "--yes" not in names


def test_nested_words_share_one_group() -> None:
    group = cockpit.commands["key"]
    assert isinstance(group, click.Group)
    assert list(group.commands) == ["create", "list", "enable", "revoke"]
