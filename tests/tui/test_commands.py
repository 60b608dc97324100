import pytest

from cockpit.operator.act import Command
from tui.commands import LineUnfit, command_of, matching, usage
from tui.screen_acts import KNOWN


@pytest.mark.parametrize(
    ("line", "act", "arguments"),
    [
        ("halt news at noon", "halt", {"reason": "news at noon"}),
        ("revoke claude", "client.revoke", {"client": "claude"}),
        ('revoke "night batch"', "client.revoke", {"client": "night batch"}),
        ("deny-order o-1 too large", "order.deny", {"order_id": "o-1", "reason": "too large"}),
        ("scopes claude --drop write:orders", "client.scopes", {"client": "claude", "drop": "write:orders"}),
        (
            "scopes claude --add read:market,read:orders --add read:audit",
            "client.scopes",
            {"client": "claude", "add": "read:market read:orders read:audit"},
        ),
        (
            "approve-order o-1 --quantity=5 --limit 4.5",
            "order.approve",
            {"order_id": "o-1", "quantity": "5", "limit": "4.5"},
        ),
        ("key create --name bot --for 8h", "key.create", {"name": "bot", "for": "8h"}),
        ("cancel-all", "order.cancel_all", {}),
    ],
)
def test_a_line_becomes_the_act_that_it_names(line: str, act: str, arguments: dict[str, str]) -> None:
    assert command_of(line)[1] == Command(act, arguments)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("fly", "no command 'fly'"),
        ("revoke", "client is missing"),
        ("revoke a b", "'b' is too much"),
        ("scopes x --add everything", "no scope"),
        ("scopes x --with y", "has no --with"),
        ("cancel o-1 --reason", "has no --reason"),
        ("halt --reason", "needs a value"),
        ('halt "news', "quote"),
        ("", "nothing"),
    ],
)
def test_a_line_that_is_no_command_says_why(line: str, complaint: str) -> None:
    with pytest.raises(LineUnfit, match=complaint):
        command_of(line)


def test_every_act_can_be_typed() -> None:
    for act in KNOWN.values():
        words = " ".join([act.command, *("x" for argument in act.arguments if argument.required)])
        assert command_of(words)[0] is act


def test_a_line_is_matched_to_the_act_that_it_may_become() -> None:
    assert [act.command for act in matching("approve")] == ["approve"]
    assert usage(matching("revoke")[0]) == "revoke CLIENT"
