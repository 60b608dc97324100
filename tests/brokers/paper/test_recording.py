from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.paper import recording as module
from cockpit.brokers.paper.recording import BadRecording, read_recording
from cockpit.model.quotes import Interval

GOOD = """time,open,high,low,close,volume
2024-05-02T13:30:00Z,10.00,10.20,9.90,10.10,1000
2024-05-02T13:31:00Z,10.10,10.30,10.05,10.25,2000
"""


def written(folder: Path, text: str | bytes, name: str = "acme.csv") -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def refused(folder: Path, text: str | bytes, name: str = "acme.csv") -> str:
    with pytest.raises(BadRecording) as bad:
        read_recording(written(folder, text, name))
    return str(bad.value)


def test_bars_are_read_with_the_file_s_name_as_symbol_and_its_hash_in_the_label(tmp_path: Path) -> None:
    read = read_recording(written(tmp_path, GOOD))
    assert read.interval is Interval.MIN_1
    assert [bar.close for bar in read.bars["ACME"]] == [Decimal("10.10"), Decimal("10.25")]
    assert read.label == f"simulated:replay(acme.csv, {hashlib.sha256(GOOD.encode()).hexdigest()[:12]})"


def test_several_symbols_seconds_as_times_another_order_of_columns_and_a_byte_order_mark_are_read(
    tmp_path: Path,
) -> None:
    text = "\ufeffSymbol,Time,Close,Open,High,Low,Volume\r\nb,60,2,2,2,2,0\r\na,60,1,1,1,1,5\r\n\r\na,120,1,1,1,1,5\r\n"
    read = read_recording(written(tmp_path, text, "not a symbol!.csv"))
    assert {symbol: len(bars) for symbol, bars in read.bars.items()} == {"A": 2, "B": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the header must be time,open,high,low,close,volume[,symbol]"),
        ("time,open,high,low,close\n", "line 1: the header"),
        (GOOD.replace("volume", "volume,extra"), "line 1: the header"),
        (GOOD.replace("volume", "volume,time"), "line 1: the header"),
        (GOOD.split("\n")[0], "there are no bars"),
        ("\n".join(GOOD.split("\n")[:2]), "one time alone"),
        (GOOD.replace("13:31", "13:32"), "bars 120 seconds apart are none of 1m, 5m"),
        (GOOD.replace("10.10,1000", "10.10"), "line 2: 5 cells instead of 6"),
        (GOOD.replace("T13:31:00Z", "T13:31:00"), "line 3: the time is neither"),
        (GOOD.replace("2024-05-02T13:31:00Z", "yesterday"), "line 3: the time is neither"),
        (GOOD.replace("2024-05-02T13:31:00Z", "9" * 30), "line 3: the time is neither"),
        (GOOD.replace("10.25", "ten"), "line 3: close 'ten' is not a number"),
        (GOOD.replace("10.25", "NaN"), "line 3: close 'NaN'"),
        (GOOD.replace("10.25", "1e3"), "line 3: open and close"),
        (GOOD.replace("10.25", "10.1234567"), "line 3: close"),
        (GOOD.replace("9.90", "0"), "line 2: low '0'"),
        (GOOD.replace("9.90", "-1"), "line 2: low '-1'"),
        (GOOD.replace("1000", "-1"), "line 2: volume '-1'"),
        (GOOD.replace("10.20", "10.05"), "line 2: open and close don't lie between low and high"),
        (GOOD.replace("9.90", "10.01"), "line 2: open and close don't lie between low and high"),
        (GOOD.replace("13:31", "13:30"), "line 3: ACME has a bar of that time or a later one already"),
        (GOOD.replace("13:31", "13:29"), "line 3: ACME has a bar"),
        (GOOD + '2024-05-02T13:32:00Z,"10', "line 4: "),
        (GOOD.encode() + b"\xff\xfe", "is not UTF-8 at byte"),
    ],
)
def test_a_bad_file_is_refused_with_the_line_and_the_reason(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_a_symbol_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "must be a symbol" in refused(tmp_path, GOOD, "_.csv")
    rows = GOOD.replace("volume", "volume,symbol").replace("1000", "1000,\x1b[2J").replace("2000", "2000,A")
    said = refused(tmp_path, rows)
    assert "line 2:" in said
    assert "\x1b" not in said


def test_all_mistakes_are_told_up_to_a_number(tmp_path: Path) -> None:
    said = refused(tmp_path, GOOD.split("\n")[0] + "\n" + "x\n" * 30)
    assert "line 2:" in said
    assert "line 11:" in said
    assert "line 12:" not in said
    assert "and 20 more" in said


def test_a_file_that_is_too_large_is_not_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BARS", 1)
    assert "more than 1 bars" in refused(tmp_path, GOOD)
    monkeypatch.setattr(module, "MOST_BYTES", 20)
    assert "larger than" in refused(tmp_path, GOOD)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match="can't be read: No such file"):
        read_recording(tmp_path / "none.csv")


cells = st.sampled_from(["", "10", "10.5", "-1", "x", "2024-05-02T13:30:00Z", "60", "120", '"', "A", "1e9", "\x00"])


@given(rows=st.lists(st.lists(cells, max_size=8), max_size=6), header=st.booleans())
def test_whatever_a_file_holds_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], header: bool
) -> None:
    lines = [GOOD.split("\n")[0]] if header else []
    file = written(tmp_path_factory.getbasetemp(), "\n".join([*lines, *(",".join(row) for row in rows)]), "F.csv")
    said = "read"
    try:
        bars = list(read_recording(file).bars.values())
    except BadRecording as bad:
        bars, said = [], str(bad)
    assert said.isprintable()
    assert bars if said == "read" else not bars
    assert all(bars)
