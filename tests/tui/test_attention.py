from datetime import timedelta

import pytest

from tests.tui.fake_face import NOW, bracket, pending_client, pending_group, pending_order
from tui.attention import CALL_SECONDS, Attention, call_words, window_title
from tui.waiting import Waiting, key_of

FIRST = pending_order(1, "claude", "buy 100 ALFA 412.30", "41230", 94, "")
SECOND = pending_order(2, "codex-cli", "sell 20 NOVA", "3610", 300, "")


def calls(
    attention: Attention, items: tuple[Waiting, ...], new: tuple[Waiting, ...] = (), after: float = 0
) -> list[str]:
    keys = [key_of(item) for item in new]
    return [key_of(item) for item in attention.calls_for(items, keys, NOW + timedelta(seconds=after), 1000 + after)]


def test_each_new_thing_is_called_for_once_and_once_more_at_twenty_seconds() -> None:
    attention = Attention()
    assert calls(attention, (FIRST,), (FIRST,)) == [key_of(FIRST)]
    assert calls(attention, (FIRST,), after=60) == []
    assert calls(attention, (FIRST,), after=74) == [key_of(FIRST)]
    assert calls(attention, (FIRST,), after=90) == []


def test_what_comes_within_ten_seconds_of_a_call_is_called_for_after_them() -> None:
    attention = Attention()
    calls(attention, (FIRST,), (FIRST,))
    assert calls(attention, (FIRST, SECOND), (SECOND,), after=3) == []
    assert calls(attention, (FIRST, SECOND), after=CALL_SECONDS - 0.1) == []
    assert calls(attention, (FIRST, SECOND), after=CALL_SECONDS) == [key_of(SECOND)]
    assert calls(attention, (FIRST, SECOND), after=3 * CALL_SECONDS) == []


def test_what_is_decided_before_its_call_is_never_called_for() -> None:
    attention = Attention()
    calls(attention, (FIRST,), (FIRST,))
    calls(attention, (FIRST, SECOND), (SECOND,), after=3)
    assert calls(attention, (FIRST,), after=CALL_SECONDS) == []


def test_a_flood_is_called_for_once_in_ten_seconds() -> None:
    attention = Attention()
    heard = 0
    for second in range(60):
        new = pending_order(100 + second, "claude", "buy 1 ALFA", None, 900, "")
        heard += bool(calls(attention, (new,), (new,), after=second))
    assert heard == 6


def test_the_window_is_named_by_how_much_waits_and_how_long_the_first_of_it_does() -> None:
    assert window_title((), NOW) == "cockpit"
    assert window_title((SECOND, FIRST, pending_client()), NOW + timedelta(seconds=80)) == "(3) cockpit 0:14"


def test_the_title_changes_once_a_second_at_most_and_ends_up_right() -> None:
    attention = Attention()
    given = [attention.title((FIRST,), NOW + timedelta(seconds=tenth / 10), 1000 + tenth / 10) for tenth in range(40)]
    assert len([title for title in given if title]) == 4
    assert attention.title((), NOW + timedelta(seconds=10), 1010) == "cockpit"
    assert attention.title((), NOW + timedelta(seconds=12), 1012) is None


def test_a_call_says_kind_client_and_order_and_no_more_than_that() -> None:
    assert call_words((FIRST,), NOW) == "ORDER claude: BUY 100 ALFA LMT 412.30 DAY, 1:34 left"
    assert call_words((SECOND, FIRST), NOW) == "ORDER claude: BUY 100 ALFA LMT 412.30 DAY, 1:34 left, and 1 more"
    assert call_words((pending_group(bracket()),), NOW) == "BRACKET claude: BUY 10 ALFA MKT ▲ 480 ▼ 440, 1:20 left"


def test_a_client_is_named_by_its_host_and_never_by_what_it_calls_itself() -> None:
    words = call_words((pending_client(name="Your bank: approve now", host="cursor.com"),), NOW)
    assert words == "CLIENT cursor.com: asks to be let in, 4:21 left"


@pytest.mark.parametrize("client", ["\x1b]0;owned\x07", "\u202efdp", "x" * 5000])
def test_whatever_a_client_is_called_the_words_stay_one_short_harmless_line(client: str) -> None:
    words = call_words((pending_order(1, client, "buy 1 ALFA", None, 60, ""),), NOW)
    assert len(words) <= 120
    assert words.isprintable()
