from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.model.events import Event
from cockpit.model.trading import TradingState, TradingSwitch
from cockpit.operator.act import Done
from cockpit.operator.remote.codec import Unreadable, one_of, reader_of, shape_of, tagged, types_below, write
from cockpit.operator.remote.messages import EVENTS, REPLIES
from cockpit.operator.view import Snapshot
from tests.operator.remote.values import values_of

TRAVELLING = sorted(
    {one for root in (Snapshot, *EVENTS, *REPLIES) for one in types_below(root)}, key=lambda one: one.__name__
)


@pytest.mark.parametrize("declared", TRAVELLING, ids=lambda one: one.__name__)
def test_whatever_travels_comes_back_as_it_was(declared: type) -> None:
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
    )
    @given(values_of(declared))
    def round_trip(value: Any) -> None:
        read = reader_of(declared)(orjson.loads(write(value)))
        assert read == value
        assert type(read) is type(value)

    round_trip()


def test_every_event_that_is_published_travels() -> None:
    assert {one.__name__ for one in EVENTS} == {one.__name__ for one in Event.__subclasses__()}


def test_one_of_several_types_comes_back_as_the_type_that_it_was() -> None:
    done = Done("twice", {"a": [1, None, "x"]})
    assert one_of(*REPLIES)(orjson.loads(write(tagged(done)))) == done


@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers(), max_size=3)))
def test_what_is_no_value_under_a_name_is_refused(said: object) -> None:
    with pytest.raises(Unreadable):
        one_of(*REPLIES)(said)


SWITCH = TradingSwitch(TradingState.RUNNING, datetime(2026, 3, 2, tzinfo=UTC), reason=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "SLEEPING"},
        {"state": 1},
        {"since": "yesterday"},
        {"since": 5},
        {"reason": 1},
        {"reason": None},
        {"more": 1},
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused(wrong: dict[str, object]) -> None:
    said = orjson.loads(write(replace(SWITCH, reason="lunch")))  # type: ignore[arg-type]
    reader_of(TradingSwitch)(said)
    with pytest.raises(Unreadable):
        reader_of(TradingSwitch)({**said, **wrong})


def test_a_value_without_a_field_that_it_needs_is_refused() -> None:
    with pytest.raises(Unreadable, match="without"):
        reader_of(TradingSwitch)({"state": "RUNNING"})


@dataclass(frozen=True)
class One:
    size: Decimal


@dataclass(frozen=True)
class Other:
    size: Decimal


@dataclass(frozen=True)
class Either:
    held: One | Other


def test_a_field_of_several_types_is_an_error_before_anything_travels() -> None:
    with pytest.raises(TypeError, match="told apart"):
        reader_of(Either)


def test_the_shape_is_another_one_as_soon_as_a_field_changes() -> None:
    def made(hint: type) -> type:
        return dataclass(type("Held", (), {"__annotations__": {"size": hint}}))

    assert shape_of(made(int)) == shape_of(made(int))
    assert shape_of(made(int)) != shape_of(made(str))


def test_what_is_no_value_of_a_field_does_not_travel() -> None:
    with pytest.raises(TypeError):
        write(Done("x", {"bytes": b"x"}))
