import pytest

from cockpit.model.refusals import refuse
from cockpit.operator.act import Command
from tests.tui.fake_face import busy_face
from tests.tui.screens import seated
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
        ("revoke", "CLIENT is missing"),
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


async def test_only_real_money_that_there_is_asks_for_the_word_to_arm_it() -> None:
    async with seated(busy_face()) as seat:
        for line, said in (
            (":arm paper", "paper is on paper: there is nothing to arm"),
            (":arm nix", "is called “nix”: paper."),
        ):
            await seat.type(line)
            await seat.press("enter")
            assert said in " ".join(seat.text.split())
            assert "TYPE ARM" not in seat.text
        assert seat.sent == []


async def test_what_is_missing_is_called_as_the_usage_calls_it() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":cancel")
        await seat.press("enter")
        assert "ORDER-ID is missing: cancel ORDER-ID" in seat.text


async def test_a_refusal_to_look_at_a_position_of_the_operators_own_names_no_client() -> None:
    face = busy_face()
    face.answers["position.look"] = refuse("INSTRUMENT_UNRESOLVED")
    async with seated(face) as seat:
        await seat.type(":close NOPE")
        await seat.press("enter")
        await seat.settle()
        assert "INSTRUMENT_UNRESOLVED" in seat.text
        assert "client has to mend" not in seat.text
