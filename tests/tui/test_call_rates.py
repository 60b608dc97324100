from datetime import timedelta

from tests.tui.fake_face import NOW, call
from tui.call_rates import CELLS, CallRates, bars
from tui.glyphs import in_ascii


def test_each_client_has_its_own_calls_of_the_last_minute() -> None:
    rates = CallRates()
    for seconds in (120, 50, 50, 7, 0):
        rates.count(call(0, NOW - timedelta(seconds=seconds)))
    rates.count(call(3, NOW))
    counts = rates.counts("claude", NOW)
    assert (len(counts), sum(counts), max(counts)) == (CELLS, 4, 2)
    assert sum(rates.counts("cursor", NOW)) == 1
    assert sum(rates.counts("claude", NOW + timedelta(minutes=2))) == 0
    assert sum(rates.counts("nobody", NOW)) == 0


def test_the_busiest_time_is_a_whole_bar_and_a_quiet_one_is_empty() -> None:
    assert bars([0, 1, 4, 7]) == " ▁▄▇"
    assert bars([0, 0]) == "  "
    assert in_ascii(bars(list(range(9)))).isascii()


def test_many_clients_do_not_fill_the_memory() -> None:
    rates = CallRates()
    from dataclasses import replace

    from cockpit.model.identity import ClientName

    for number in range(2000):
        rates.count(replace(call(0, NOW), client=ClientName(f"c{number}")))
    assert len(rates._counts) <= 500
    assert sum(rates.counts("c1999", NOW)) == 1
