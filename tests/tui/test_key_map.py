from cockpit.model.screen import ScreenSettings
from cockpit.operator.acts import ACTS, KILL
from tests.tui.fake_face import busy_face, busy_snapshot
from tests.tui.screens import seated
from tui.calls import CallHistory
from tui.key_map import KeyMap
from tui.state import Place, ScreenState


def state() -> ScreenState:
    made = ScreenState(busy_snapshot(), CallHistory(10))
    made.take(made.snapshot)
    return made


def words(keys: KeyMap, at: ScreenState) -> list[str]:
    return [f"{hint.key} {hint.word}" for hint in keys.hints(at)]


def test_the_same_key_means_what_fits_the_chosen_row() -> None:
    keys, at = KeyMap({}), state()
    assert getattr(keys.act_for("a", at), "name", "") == "order.approve"
    at.waiting.move(1)
    assert getattr(keys.act_for("a", at), "name", "") == "client.approve"
    at.waiting.chosen_key = None
    assert keys.act_for("a", at) is None


def test_kill_stands_first_everywhere_and_keys_that_mean_nothing_here_are_not_shown() -> None:
    keys, at = KeyMap({}), state()
    for place in Place:
        at.place = place
        assert words(keys, at)[0] == "^k KILL"
    at.place = Place.MAIN
    at.waiting.chosen_key = None
    assert "a approve" not in words(keys, at)
    at.place = Place.CLIENTS
    at.clients.move(1)
    assert "x revoke" in words(keys, at)


def test_kill_can_get_a_second_key_and_never_loses_its_own() -> None:
    keys = KeyMap({KILL.name: "f12"})
    assert keys.kills("f12")
    assert keys.kills("ctrl+k")


def test_a_key_that_is_taken_is_refused_with_a_notice_and_the_old_one_stays() -> None:
    keys = KeyMap({"order.approve": "d", "order.deny": "y", "clients": "ctrl+k", "nothing": "z"})
    at = state()
    assert len(keys.complaints) == 4
    assert getattr(keys.act_for("a", at), "name", "") == "order.approve"
    assert getattr(keys.act_for("d", at), "name", "") == "order.deny"


def test_an_act_moves_to_the_key_that_the_operator_wants() -> None:
    keys, at = KeyMap({"order.approve": "v"}), state()
    assert getattr(keys.act_for("v", at), "name", "") == "order.approve"
    assert keys.act_for("a", at) is None


def test_a_key_that_would_mean_two_things_in_one_place_is_refused() -> None:
    keys = KeyMap({"clients": "a", "halt": "x", "order.cancel": "d", "kill": "d", "reduce": "j"})
    assert len(keys.complaints) == 4  # d cancels open orders and denies waiting ones: never the same row
    assert not keys.kills("d")
    assert keys.key_of(ACTS["order.cancel"]) == "d"
    assert keys.key_of(ACTS["halt"]) == ""


def test_an_act_without_a_key_can_get_one() -> None:
    keys, at = KeyMap({"halt": "f9", "reconcile": "f10", "screen.palette": "f2"}), state()
    assert keys.complaints == []
    assert getattr(keys.act_for("f9", at), "name", "") == "halt"
    assert getattr(keys.act_for("f10", at), "name", "") == "reconcile"
    assert getattr(keys.act_for("f2", at), "name", "") == "screen.palette"
    at.read_only = True
    assert keys.act_for("f9", at) is None
    assert keys.act_for("f10", at) is None


async def test_a_clash_is_told_on_the_screen_and_a_key_of_an_act_with_words_begins_its_line() -> None:
    settings = ScreenSettings(keys={"clients": "a", "client.route": "f8"})
    async with seated(busy_face(), settings=settings) as seat:
        assert "keys: 'a' is" in seat.text
        await seat.press("f8")
        assert ":  route " in seat.text
        assert seat.sent == []
