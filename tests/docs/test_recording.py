"""docs/cockpit.cast plays, shows what it should, and tells nothing of where it was made."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from functools import cache

import pyte

from tests.docs.recording import CAST, COLUMNS, ROWS, Changes, Frame, written

LARGEST = 300_000


@cache
def lines() -> list[object]:
    return [json.loads(line) for line in CAST.read_text("utf-8").splitlines()]


def screens() -> Iterator[str]:
    """Every screen that whoever plays it sees."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    for _, _, text in lines()[1:]:  # type: ignore[misc]
        stream.feed(text)
        yield "\n".join(screen.display)


def test_the_recording_is_one_of_version_2_and_its_frames_are_in_order() -> None:
    head, *frames = lines()
    assert isinstance(head, dict)
    assert (head["version"], head["width"], head["height"]) == (2, COLUMNS, ROWS)
    assert {"timestamp", "env", "command"}.isdisjoint(head)
    times = [frame[0] for frame in frames]  # type: ignore[index]
    assert all(frame[1] == "o" for frame in frames)  # type: ignore[index]
    assert times == sorted(times)
    assert 25 < times[-1] < 60
    assert max(later - sooner for sooner, later in itertools.pairwise(times)) <= 2
    assert CAST.stat().st_size < LARGEST


def test_the_recording_shows_a_client_let_in_an_order_sent_the_kill_and_the_resume() -> None:
    wanted = [
        r"CODE that the browser shows +\w",
        r"LET IN A CLIENT",
        r"▸ \[✓\] write:orders",
        r"◷ ORDER +demo trader",
        r"y yes",
        r"✓ filled",
        r"get_quote +✓ ok",
        r"■ KILLED",
        r"TYPE RESUME",
        r"▲ RUNNING",
    ]
    left = iter(screens())
    for pattern in wanted:
        assert any(re.search(f"(?i){pattern}", screen) for screen in left), f"{pattern} never comes, or too early"


def test_the_recording_names_no_place_and_no_address_but_the_own_host() -> None:
    for screen in screens():
        assert not re.search(r"/(?:home|root|tmp|work|usr|var|Users)\b|Traceback|Bearer |eyJ|ck_", screen)
        for address in re.findall(r"\d{1,3}(?:\.\d{1,3}){3}", screen):
            assert address == "127.0.0.1"
        assert set(re.findall(r"https?://([^\s:/]+)", screen)) <= {"127.0.0.1"}


def test_the_recording_only_draws() -> None:
    allowed = re.compile(r"\x1b\[(?:\d+;\d+H|[\d;]*m|2J|\?25l)")
    text = "".join(frame[2] for frame in lines()[1:])  # type: ignore[index]
    assert allowed.sub("", text).isprintable()


def test_what_changed_is_all_that_is_written_and_enough() -> None:
    source, copy = pyte.Screen(12, 3), pyte.Screen(12, 3)
    feed, follow = pyte.Stream(source), pyte.Stream(copy)
    changes = Changes()
    sizes = []
    for text in (
        "\x1b[2J\x1b[2;3Hone \x1b[1;38;2;1;2;3;48;2;4;5;6mtwo",
        "",
        "\x1b[2;7H\x1b[0;7mTWO",
        "\x1b[2J\x1b[H◷ ok",
    ):
        feed.feed(text)
        change = changes.since(source)
        follow.feed(change)
        sizes.append(len(change))
        assert copy.display == source.display
        for y in range(3):
            assert [copy.buffer[y][x] for x in range(12)] == [source.buffer[y][x] for x in range(12)]
    assert sizes[1] == 0
    assert sizes[2] < 20


def test_a_recording_is_written_as_players_read_it() -> None:
    head, frame = written([Frame(0.25, "\x1b[1;1H◷")]).splitlines()
    assert json.loads(head)["version"] == 2
    assert json.loads(frame) == [0.25, "o", "\x1b[1;1H◷"]
