from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.text import safe
from cockpit.store.audit import LARGEST_DETAIL, VOID, AuditEntry, canonical, draft, void
from tests.store.conftest import NOON

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Side(StrEnum):
    BUY = "buy"


@given(st.dictionaries(st.text(), JSON_VALUES))
def test_every_json_detail_comes_back_as_it_was(detail: dict[str, object]) -> None:
    assert json.loads(canonical(detail)) == detail


@given(st.dictionaries(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers(0, 9)))
def test_the_order_of_keys_does_not_change_the_canonical_text(detail: dict[str, int]) -> None:
    assert canonical(detail) == canonical(dict(reversed(detail.items())))


def test_the_values_that_rooms_use_become_json() -> None:
    detail = {"price": Decimal("100.50"), "side": Side.BUY, "at": datetime(2026, 1, 1, tzinfo=UTC), "set": {"b", "a"}}
    assert json.loads(canonical(detail)) == {
        "price": "100.5",
        "side": "buy",
        "at": "2026-01-01T00:00:00+00:00",
        "set": ["a", "b"],
    }


def test_nesting_that_no_encoder_takes_is_noted_instead_of_failing() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert json.loads(canonical({"arguments": deep})) == {"left_out": "RecursionError"}


def test_a_detail_that_is_too_large_is_replaced_by_its_size() -> None:
    assert json.loads(canonical({"x": "a" * LARGEST_DETAIL})) == {"left_out_bytes": LARGEST_DETAIL + 8}


def test_clear_columns_are_made_safe_and_bounded() -> None:
    fixed = draft(AuditEntry(NOON, "call", client="a\x1b[31m\ud800", symbol="S" * 500, duration_us=-5), 7)
    number, _, _, client, _, _, _, symbol, _, _, duration = fixed.clear
    assert (number, client, len(symbol), duration) == (7, "a\\x1b[31m\\ud800", 200, 0)


WORDS = st.one_of(st.just(""), st.sampled_from(["call", "get_quote", "ok"]), st.text(max_size=250), st.just(Side.BUY))


@given(st.lists(WORDS, min_size=8, max_size=8))
def test_each_clear_column_is_what_safe_makes_of_it_and_text_alone(words: list[str]) -> None:
    kind, client, tool, outcome, code, symbol, order_id, grant_id = words
    entry = AuditEntry(NOON, kind, client, tool, outcome, code, symbol, order_id, grant_id)
    columns = draft(entry, 1).clear[2:10]
    assert columns == tuple(safe(word, 200) for word in words)
    assert all(type(column) is str for column in columns)


def test_a_void_keeps_the_place_and_says_what_is_missing() -> None:
    lost = draft(AuditEntry(NOON, "order", tool="place", outcome="ok", order_id="O-1", detail={"secret": 1}), 9)
    filled = void(lost, "conflict")
    assert filled.number == 9
    assert (filled.clear[2], filled.clear[5], filled.clear[8]) == (VOID, "conflict", "O-1")
    assert json.loads(filled.detail) == {"instead_of": {"kind": "order", "outcome": "ok"}, "why": "conflict"}
