from decimal import Decimal

import pytest

from tests.tui.fake_face import request
from tui.order_edit import EditUnfit, edited

BUY = request("buy 100 ALFA 412.30")
SELL = request("sell 100 ALFA 412.30")


def test_a_quantity_may_become_smaller_and_a_limit_may_move_away_from_the_market() -> None:
    changed = edited(BUY, "50 @ 411.9")
    assert (changed.quantity, changed.limit_price) == (Decimal(50), Decimal("411.9"))
    assert edited(SELL, "@ 413").limit_price == Decimal(413)
    assert edited(BUY, "7").limit_price == BUY.limit_price


@pytest.mark.parametrize(
    ("order", "text", "complaint"),
    [
        (BUY, "101", "smaller"),
        (BUY, "@ 412.31", "lower"),
        (SELL, "@ 412.29", "higher"),
        (request("buy 1 ALFA"), "@ 5", "no limit"),
        (BUY, "100 @ 412.30", "nothing"),
        (BUY, "0", "above zero"),
        (BUY, "-5", "above zero"),
        (BUY, "NaN", "above zero"),
        (BUY, "many", "type a quantity"),
    ],
)
def test_an_edit_that_adds_risk_or_means_nothing_is_refused(order: object, text: str, complaint: str) -> None:
    with pytest.raises(EditUnfit, match=complaint):
        edited(order, text)  # pyright: ignore[reportArgumentType]
