from tests.tui.fake_face import busy_face
from tests.tui.screens import seated
from tui.cells import Line
from tui.pace import REST_SECONDS, Pace

SLOW, FAST = 0.03, 0.01


def warm(wanted: int) -> Pace:
    """Return a pace whose first second is over."""
    pace = Pace(wanted)
    pace.next_frame(-1.0)
    return pace


def frames(pace: Pace, *seconds: float, at: float = 0.0) -> int:
    for spent in seconds:
        pace.spend(spent)
        pace.next_frame(at)
    return pace.per_second


def test_one_slow_frame_changes_nothing_and_two_in_a_row_halve_the_rate() -> None:
    pace = warm(8)
    assert frames(pace, SLOW, FAST, SLOW) == 8
    assert frames(pace, SLOW) == 4
    assert pace.slowed


def test_the_first_painting_of_everything_may_take_what_it_needs() -> None:
    pace = Pace(8)
    assert frames(pace, SLOW, SLOW, SLOW, at=0.9) == 8
    assert frames(pace, SLOW, SLOW, at=1.9) == 4


def test_time_of_draining_and_of_painting_counts_together() -> None:
    pace = warm(8)
    for _ in range(2):
        pace.spend(0.015)
        pace.spend(0.015)
        pace.next_frame(0)
    assert pace.per_second == 4


def test_the_rate_never_falls_below_two_nor_below_what_was_wanted() -> None:
    assert frames(warm(8), *[SLOW] * 20) == 2
    assert frames(warm(1), *[SLOW] * 20) == 1


def test_after_ten_seconds_the_wanted_rate_is_back() -> None:
    pace = warm(8)
    frames(pace, SLOW, SLOW, at=100)
    assert frames(pace, FAST, at=100 + REST_SECONDS - 0.1) == 4
    assert frames(pace, FAST, at=100 + REST_SECONDS) == 8
    assert not pace.slowed


async def test_a_screen_that_takes_long_to_paint_is_painted_less_often_and_says_so() -> None:
    async with seated(busy_face()) as seat:
        seat.app.drain()
        assert seat.app._drain_timer is not None
        seat.app._drain_timer.stop()
        seat.clock.pass_by(2)
        views = seat.app._views
        status = views.status

        def slow(width: int, height: int) -> list[Line]:
            seat.clock.seconds += 0.03
            return list(status(width, height))

        seat.app.query_one("#status")._make = slow  # pyright: ignore[reportAttributeAccessIssue]
        for _ in range(3):
            seat.app.query_one("#status").refresh()
            await seat.pilot.pause()
            seat.app.drain()
        assert seat.app.draws_per_second < 8
        seat.app.query_one("#status")._make = status  # pyright: ignore[reportAttributeAccessIssue]
        await seat.settle()
        assert f"drawn {seat.app.draws_per_second}/s" in seat.text
        seat.app.drain()
        seat.clock.pass_by(REST_SECONDS)
        seat.app.drain()
        assert seat.app.draws_per_second == 8
