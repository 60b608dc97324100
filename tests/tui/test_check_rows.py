"""The checks of an order's ticket: figures that a person reads at a glance, and never a number that lost its end."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.checks import CheckResult
from cockpit.model.refusals import Mender
from tui.cells import width_of
from tui.rows.check_rows import check_rows


def drawn(value: str, limit: str, width: int, *, ok: bool = True) -> list[str]:
    rows = check_rows((CheckResult("BUYING_POWER", ok, limit, value, "", False, Mender.CLIENT),), width)
    assert all(width_of(row.spans) <= width for row in rows)
    return ["".join(span.text for span in row.spans).rstrip() for row in rows[1:]]


def test_figures_are_grouped_and_words_stay() -> None:
    assert drawn("8246.00", "146831.40", 61)[0].endswith(" 8,246 / 146,831.40")
    assert drawn("0.401 s", "5 s", 61)[0].endswith(" 0.401 s / 5 s")
    assert drawn("412.30", "multiple of 0.01", 61)[0].endswith(" 412.30 / multiple of 0.01")
    assert drawn("20000.00", "10000.00", 61, ok=False)[0].endswith(" 20,000   allowed 10,000")


@given(
    st.decimals(0, 10**12, places=2),
    st.decimals(0, 10**12, places=4, allow_nan=False),
    st.integers(40, 170),
)
def test_a_limit_is_said_whole_or_to_the_unit_or_not_at_all(value: Decimal, limit: Decimal, width: int) -> None:
    (row,) = drawn(f"{value}", f"{limit}", width)
    _, stroke, said = row.partition(" / ")
    if not stroke:
        return
    known = Decimal(said.replace(",", "")) if said != "…" else limit
    assert known == limit or (known == int(limit) and limit >= 1000)


def test_what_is_near_its_limit_stands_first_and_all_else_keeps_its_order() -> None:
    def check(code: str, value: str, limit: str) -> CheckResult:
        return CheckResult(code, True, limit, value, "", False, Mender.CLIENT)

    checks = (
        check("KILL_SWITCH", "RUNNING", "RUNNING"),
        check("RECONCILING", "0", "0"),
        check("MARKET_DATA_STALE", "0.4 s", "5 s"),
        check("MAX_QUANTITY", "75", "100"),
        check("MAX_NOTIONAL", "7499.99", "10000.00"),
        check("MIN_NOTIONAL", "120", "100"),
        check("DRAWDOWN", "19.10 %", "20.00 %"),
        check("MAX_GROSS", "2.00 %", "2.00 x"),
    )
    rows = check_rows(checks, 60)[1:]
    names = [row.spans[1].text.strip() for row in rows]
    near = ["MAX_QUANTITY", "MIN_NOTIONAL", "DRAWDOWN"]
    assert names == [*near, "KILL_SWITCH", "RECONCILING", "MARKET_DATA_STALE", "MAX_NOTIONAL", "MAX_GROSS"]
    assert [row.spans[2].role for row in rows] == ["wait"] * 3 + [""] * 5


def test_no_figure_loses_its_end_in_what_is_allowed_be_it_refused_or_passed() -> None:
    assert drawn("41230", "10000.00", 46, ok=False) == ["  ✗ BUYING_POWER         41,230", "    allowed 10,000"]
    assert drawn("412.30", "ticks of 0.01", 46)[0].endswith("412.30 / ticks of …")
    assert drawn("412.30", "ticks of 0.01", 40)[0].endswith("412.30 / ticks…")
