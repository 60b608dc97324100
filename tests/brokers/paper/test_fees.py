from __future__ import annotations

from decimal import Decimal

import pytest

from cockpit.brokers.paper.fees import Fees


@pytest.mark.parametrize(
    ("quantity", "value", "due"),
    [
        ("100", "2000", "1.00"),  # the least
        ("1000", "20000", "5.00"),  # by the share
        ("1000", "50", "0.50"),  # never above a hundredth of the value
        ("1", "20", "0.20"),  # which also wins over the least
    ],
)
def test_an_order_costs_so_much_a_share_within_a_least_and_a_most(quantity: str, value: str, due: str) -> None:
    assert Fees().due(Decimal(quantity), Decimal(value)) == Decimal(due)


def test_what_was_charged_is_never_given_back() -> None:
    assert Fees().next(Decimal("3.00"), Decimal(100), Decimal(2000)) == 0
