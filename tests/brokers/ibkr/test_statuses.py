"""What single words and ids of TWS mean."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cockpit.brokers.ibkr.statuses import end_of, execution_of, expired, revision_of, stem_of
from cockpit.model.orders import Side
from cockpit.model.text import Safe
from tests.brokers.ibkr.records import NOON, REF, fill


@pytest.mark.parametrize(
    ("status", "why", "end"),
    [
        ("Cancelled", "", "Cancelled"),
        ("ApiCancelled", "", "Cancelled"),
        ("Filled", "", "Filled"),
        ("Inactive", "", "Inactive"),
        ("Inactive", "locate", ""),
        ("PendingCancel", "", ""),
        ("PendingSubmit", "", ""),
        ("PreSubmitted", "trigger", ""),
        ("Submitted", "", ""),
        ("something new", "", ""),
    ],
)
def test_only_words_that_mean_an_end_mean_one(status: str, why: str, end: str) -> None:
    assert end_of(status, why) == end


@pytest.mark.parametrize(
    ("id_", "stem"),
    [
        ("0000e0d5.5f6c1b8a.01.01", "0000e0d5.5f6c1b8a.01"),
        ("0000e0d5.5f6c1b8a.01.02", "0000e0d5.5f6c1b8a.01"),
        ("0000e0d5.5f6c1b8a.02.01", "0000e0d5.5f6c1b8a.02"),
        ("a.b", "a.b"),
        ("12345", "12345"),
        ("a.b.c.x", "a.b.c.x"),
    ],
)
def test_only_the_last_part_of_an_id_tells_a_correction_apart(id_: str, stem: str) -> None:
    assert stem_of(id_) == stem


@given(st.from_regex(r"[0-9a-f]{2}(\.[0-9a-f]{2}){0,3}\.[\w²]{0,20}", fullmatch=True) | st.text(max_size=40))
@example("0000e0d5.5f6c1b8a.01.²")
@example("0000e0d5.5f6c1b8a.01." + "9" * 30)
def test_any_id_has_a_revision_that_can_be_kept(id_: str) -> None:
    assert 0 <= revision_of(id_) < 10**9
    assert id_.startswith(stem_of(id_))


@pytest.mark.parametrize(
    ("id_", "revision"), [("0000e0d5.5f6c1b8a.01.01", 1), ("0000e0d5.5f6c1b8a.01.12", 12), ("a.b", 0), ("12345", 0)]
)
def test_the_last_part_of_an_id_counts_corrections(id_: str, revision: int) -> None:
    assert revision_of(id_) == revision


def test_a_fill_has_plain_numbers_and_its_own_time() -> None:
    found = execution_of(fill(1, "4.0", "412.50"), REF, "ALFA:NASDAQ", Decimal("1.0"))

    assert found is not None
    assert [str(one) for one in (found.quantity, found.price, found.fee)] == ["4", "412.5", "1"]
    assert (found.symbol, found.side, found.at) == ("ALFA:NASDAQ", Side.BUY, NOON)


def test_a_correction_is_known_by_the_id_of_what_it_corrects() -> None:
    first, second = (execution_of(fill(1, 4, part=part), REF, "ALFA") for part in ("01", "02"))

    assert first is not None
    assert second is not None
    assert first.execution_id == second.execution_id


def test_what_was_sold_is_a_sale() -> None:
    found = execution_of(replace(fill(1, 4), side=Safe("SLD")), REF, "ALFA")

    assert found is not None
    assert found.side is Side.SELL


@pytest.mark.parametrize("broken", [{"quantity": None}, {"quantity": Decimal(0)}, {"price": None}])
def test_a_fill_that_does_not_say_how_much_at_which_price_is_none(broken: dict[str, Decimal | None]) -> None:
    assert execution_of(replace(fill(1, 4), **broken), REF, "ALFA") is None  # type: ignore[arg-type]


def test_the_words_for_an_end_say_whether_the_time_was_over() -> None:
    assert expired("Expired at the close")
    assert not expired("Cancelled by Trader")
