from cockpit.model.screen import ScreenSettings
from cockpit.operator.acts import ACTS, PENDING, STATUS
from tests.tui.fake_face import busy_face
from tests.tui.screens import seated
from tui.finding import found_by
from tui.key_map import KeyMap
from tui.rows.help_rows import help_rows
from tui.screen_acts import KNOWN


def test_a_few_letters_find_a_command_and_without_any_all_are_there() -> None:
    assert found_by("canall", False)[0].command == "cancel-all"
    assert found_by("revall", False)[0].command == "revoke-all"
    assert found_by("chain", False)[0].command == "audit verify"
    assert found_by("zzzz", False) == ()
    assert set(found_by("", False)) == set(KNOWN.values())


def test_a_screen_that_only_looks_finds_nothing_that_changes() -> None:
    found = found_by("", True)
    assert found
    assert not any(act.changes for act in found)


async def test_the_palette_runs_what_needs_no_words_and_asks_first_where_it_adds_risk() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("ctrl+p")
        await seat.type("cancelall")
        assert "cancel-all" in seat.text
        await seat.press("enter")
        assert seat.sent == [("order.cancel_all", {})]
        await seat.press("ctrl+p")
        await seat.type("key cr")
        await seat.press("enter")
        assert "KEY CREATE" in seat.text
        assert len(seat.sent) == 1


async def test_the_palette_begins_the_line_of_what_needs_words_and_the_arrows_choose() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("ctrl+p")
        await seat.type("revoke")
        assert found_by("revoke", False)[0] is ACTS["client.revoke"]
        await seat.press("down", "up", "enter")
        assert ":  revoke " in seat.text
        await seat.type("claude")
        await seat.press("enter")
        assert seat.sent == [("client.revoke", {"client": "claude"})]


async def test_kill_works_from_the_palette_too() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("ctrl+p", "a", "ctrl+k")
        assert [act for act, _ in seat.sent] == ["kill"]


def test_the_help_names_every_command_that_there_is() -> None:
    drawn = "\n".join("".join(span.text for span in row.spans) for row in help_rows(KeyMap({}), 160))
    for act in KNOWN.values():
        assert act in (STATUS, PENDING) or act.command in drawn
    assert " u      records" in drawn
    assert " ^p     palette" in drawn


async def test_the_help_begins_with_what_the_keys_do_where_it_was_opened() -> None:
    async with seated(busy_face(), (100, 60)) as seat:
        await seat.press("c", "question_mark")
        head, _, rest = seat.text.partition(" EVERYWHERE")
        assert " ^k     kill" in head.partition(" HERE")[0]
        assert " x      revoke" in head
        assert " x      cancel" not in head
        assert " x      cancel" in rest.partition(" ELSEWHERE")[2]
        await seat.press("escape")
        assert "CLIENTS 3" in seat.text


async def test_the_help_of_a_screen_that_only_looks_offers_nothing_that_changes_anything() -> None:
    async with seated(busy_face(), (100, 60), ScreenSettings(read_only=True)) as seat:
        await seat.press("question_mark")
        assert " l      limits" in seat.text
        for name in (" kill ", " approve-order ", " deny ", " revoke ", "flatten", "key create"):
            assert name not in seat.text, name
