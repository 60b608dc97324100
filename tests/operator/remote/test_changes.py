from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.operator.remote.changes import changed, changes
from cockpit.operator.remote.codec import Unreadable, write
from cockpit.operator.view import Snapshot
from tests.operator.remote.values import values_of
from tests.tui.fake_face import busy_snapshot, order

BASE = busy_snapshot()
_SNAPSHOTS = values_of(Snapshot)


def over_the_line(old: Snapshot | None, new: Snapshot) -> Snapshot:
    return changed(old, orjson.loads(write(changes(old, new))))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
)
@given(_SNAPSHOTS, _SNAPSHOTS, st.data())
def test_changes_make_the_new_snapshot_of_the_old_one(old: Snapshot, new: Snapshot, data: st.DataObject) -> None:
    kept = data.draw(st.permutations(list(old.orders)))
    mixed = replace(new, orders=(*new.orders, *kept))
    assert over_the_line(None, mixed) == mixed
    assert over_the_line(old, mixed) == mixed


def test_an_order_that_did_not_change_is_not_sent_again() -> None:
    some = tuple(order(number, "claude", "buy 1 ALFA 10") for number in range(100))
    before = replace(BASE, orders=some)
    newest = order(500, "claude", "buy 1 BRVO 10")
    after = replace(before, version=before.version + 1, orders=(newest, *some[:99]))
    said = write(changes(before, after))
    assert len(said) < len(write(newest)) + 600
    assert changed(before, orjson.loads(said)) == after


def test_equal_snapshots_have_no_changes() -> None:
    assert changes(BASE, replace(BASE)) == {}


@pytest.mark.parametrize("said", [[], 1, {"nope": 1}, {"orders": [7_000]}, {"orders": [-1]}, {"orders": 1}])
def test_changes_that_do_not_fit_are_refused(said: object) -> None:
    with pytest.raises(Unreadable):
        changed(BASE, said)


def test_a_client_that_is_made_anew_for_each_snapshot_is_sent_again_only_where_it_differs() -> None:
    assert len(BASE.clients) > 1
    first, *others = (replace(client) for client in BASE.clients)
    said = changes(BASE, replace(BASE, clients=(replace(first, calls=first.calls + 1), *others)))
    assert said["clients"] == [replace(first, calls=first.calls + 1), *range(1, len(BASE.clients))]
