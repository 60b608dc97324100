import pytest

from tests.tui.fake_face import busy_snapshot, troubled_face
from tests.tui.screens import seated
from tui.calls import CallHistory
from tui.completing import completion
from tui.state import ScreenState

CODEX = "o-01JQ0000000000000000000001"
CLAUDE = "o-01JQ0000000000000000000002"


def state() -> ScreenState:
    made = ScreenState(busy_snapshot(), CallHistory(10))
    made.take(made.snapshot)
    return made


@pytest.mark.parametrize(
    ("line", "candidates"),
    [
        ("rev", ("revoke", "revoke-all")),
        ("key c", ("key create",)),
        ("xyz", ()),
        ("revoke ", ("claude", "codex-cli", "night batch")),
        ("revoke c", ("claude", "codex-cli")),
        ('revoke "ni', ("night batch",)),
        ("revoke zz", ()),
        ("approve-order ", (CODEX, CLAUDE)),
        ("approve-order 0002", (CLAUDE,)),
        ("cancel ", (CODEX, CLAUDE, "o-01JQ0000000000000000000008")),
        ("scopes claude --", ("--add", "--drop", "--for")),
        ("scopes claude --add read:a", ("read:account", "read:audit")),
        ("scopes claude --add read:audit,write:o", ("write:orders",)),
        ("scopes claude --add read:audit --", ("--drop", "--for")),
        ("audit search --symbol ", ("ALFA", "BETA", "NOVA")),
        ("audit search --outcome d", ("denied",)),
        ("route claude ", ("paper",)),
        ("approve ", ("--as", "--scope", "--connection", "--for")[:0]),
    ],
)
def test_what_may_come_next_is_what_the_screen_knows(line: str, candidates: tuple[str, ...]) -> None:
    assert completion(line, state()).candidates == candidates


def test_only_unknown_orders_are_offered_to_be_resolved() -> None:
    made = ScreenState(troubled_face().seen, CallHistory(10))
    assert completion("resolve ", made).candidates == ("o-01JQ0000000000000000000008",)
    assert completion("release d", made).candidates == ("daily_loss:paper",)


def test_a_screen_that_only_looks_is_offered_nothing_that_changes() -> None:
    made = state()
    made.read_only = True
    assert completion("re", made).candidates == ("records", "redraw")


async def test_tab_goes_as_far_as_it_is_certain_and_then_through_what_there_is() -> None:
    async with seated(troubled_face()) as seat:
        await seat.type(":revoke c")
        assert "claude  codex-cli" in seat.text
        await seat.press("tab")
        assert ":  revoke claude" in seat.text
        await seat.press("tab")
        assert ":  revoke codex-cli" in seat.text
        await seat.press("shift+tab", "space", "backspace", "enter")
        assert seat.sent == [("client.revoke", {"client": "claude"})]


async def test_tab_completes_a_command_whole_where_no_other_begins_so() -> None:
    async with seated(troubled_face()) as seat:
        await seat.type(":cancel-")
        await seat.press("tab", "enter")
        assert seat.sent == [("order.cancel_all", {})]


async def test_the_short_form_of_an_id_becomes_the_whole_one() -> None:
    async with seated(troubled_face()) as seat:
        await seat.type(":deny-order 000002")
        await seat.press("tab")
        assert CLAUDE in seat.text
