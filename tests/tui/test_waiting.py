from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.tui.fake_face import busy_snapshot, pending_client
from tui.stable_rows import StableRows
from tui.waiting import WaitingRows, key_of


def test_clients_and_orders_stand_in_order_of_arrival() -> None:
    rows = WaitingRows()
    rows.arrive(busy_snapshot())
    assert [key_of(item)[-3:] for item in rows.items] == ["001", "r-1", "002"]


def test_when_the_chosen_row_vanishes_nothing_is_chosen() -> None:
    rows = WaitingRows()
    snapshot = busy_snapshot()
    rows.arrive(snapshot)
    rows.move(1)
    assert rows.chosen_key == "r-1"
    rows.arrive(replace(snapshot, pending_clients=()))
    assert rows.chosen is None
    assert rows.chosen_key is None


def test_a_newcomer_goes_to_the_end_and_the_choice_stays() -> None:
    rows = WaitingRows()
    snapshot = busy_snapshot()
    rows.arrive(snapshot)
    older = pending_client("r-0", waited=500)
    assert rows.arrive(replace(snapshot, pending_clients=(older, *snapshot.pending_clients))) == {"r-0"}
    assert key_of(rows.items[-1]) == "r-0"
    assert rows.place == 0


def test_what_comes_into_an_empty_queue_is_chosen() -> None:
    rows = WaitingRows()
    snapshot = busy_snapshot()
    rows.arrive(replace(snapshot, pending_clients=(), pending_orders=()))
    rows.arrive(snapshot)
    assert rows.place == 0


@given(
    st.lists(st.lists(st.integers(0, 8), unique=True), min_size=1),
    st.lists(st.integers(-2, 2)),
    st.integers(1, 5),
)
def test_rows_that_stay_never_change_places_with_each_other(
    snapshots: list[list[int]], moves: list[int], height: int
) -> None:
    rows: StableRows[int] = StableRows(str)
    before: tuple[int, ...] = ()
    for at, now in enumerate(snapshots):
        rows.take(now)
        stayed = [item for item in before if item in now]
        assert [item for item in rows.items if item in stayed] == stayed
        assert set(rows.items) == set(now)
        if at < len(moves) and moves[at]:
            rows.move(moves[at])
        shown = rows.in_view(height)
        assert len(shown) == min(height, len(rows.items))
        assert rows.chosen is None or rows.chosen in shown
        before = rows.items
