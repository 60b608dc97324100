from datetime import timedelta

import pytest

from cockpit.model.refusals import refuse
from cockpit.operator.act import Done
from tests.tui.fake_face import NOW, audit_rows, audited_face, call
from tests.tui.screens import seated
from tui.records import WantedUnfit, records_of, search_for, search_of
from tui.rows.record_rows import call_rows


def test_words_become_the_search_that_they_mean() -> None:
    command = search_of("client:claude state:denied since:2h order:o-1")
    assert command.arguments == {"client": "claude", "outcome": "denied", "since": "2h", "order": "o-1"}
    assert search_of("").arguments == {}
    for bad in ("claude", "colour:red"):
        with pytest.raises(WantedUnfit, match="no column"):
            search_of(bad)


def test_a_calls_record_is_sought_around_its_time() -> None:
    made = search_for(call(3)).arguments
    assert (made["client"], made["tool"], made["kind"]) == ("cursor", "place_order", "call")
    assert made["since"] < call(3).at.isoformat() < made["until"]


def test_hostile_records_become_harmless_and_bounded() -> None:
    row = {**audit_rows()[0], "client": "\x1b]52;c;x\x07", "detail": {"a\x1b[2J": {"b": ["\u202e", 1] * 5000}}}
    (record,) = records_of([row, "no record", {"other": 1}])
    everything = [record.client, *(part for fact in record.facts for part in fact)]
    assert all(part.isprintable() and len(part) <= 401 for part in everything)
    assert record.raw.isascii()
    assert records_of(None) == ()


def test_deep_details_end_somewhere() -> None:
    deep: object = "x"
    for _ in range(50):
        deep = {"a": deep}
    (record,) = records_of([{**audit_rows()[0], "detail": deep}])
    assert len(record.facts) == 1


async def test_the_audit_is_searched_from_the_screen_and_a_record_leads_to_its_order() -> None:
    async with seated(audited_face()) as seat:
        await seat.press("u")
        assert "4 found" in seat.text
        await seat.press("slash")
        await seat.type("state:denied sinc:1h")
        await seat.press("enter")
        assert "no column 'sinc'" in seat.text
        await seat.press("backspace", "backspace", "backspace", "colon", "1", "h", "enter")
        assert "no column" in seat.text
        await seat.press("ctrl+u")
        await seat.type("state:denied since:1h")
        await seat.press("enter")
        assert seat.sent[-1] == ("audit.search", {"outcome": "denied", "since": "1h"})
        await seat.press("enter")
        assert "203.0.113.7" not in seat.text
        assert "chain 59" in seat.text
        assert "order_type    market" in seat.text
        await seat.press("enter")
        assert "SELL 20 NOVA MKT DAY" in seat.text
        assert "CHECKS" in seat.text


async def test_a_typed_search_opens_the_list_too() -> None:
    async with seated(audited_face()) as seat:
        await seat.type(":records client:claude since:7d")
        await seat.press("enter")
        assert seat.sent == [("audit.search", {"client": "claude", "since": "7d"})]
        assert "/ client:claude since:7d" in seat.text


async def test_a_search_that_is_refused_says_so() -> None:
    face = audited_face()
    face.answers["audit.search"] = refuse("AUDIT_UNAVAILABLE")
    async with seated(face) as seat:
        await seat.press("u")
        assert "AUDIT_UNAVAILABLE" in seat.text


async def test_the_calls_place_in_the_stream_leads_to_its_record() -> None:
    face = audited_face()
    async with seated(face) as seat:
        await seat.press("tab", "k", "enter")
        assert "CALL get_quote" in seat.text or "chain 59" in seat.text
        act, given = seat.sent[0]
        assert act == "audit.search"
        assert given["kind"] == "call"
        assert "chain 59" in seat.text
        await seat.press("escape", "escape")
        assert "▼ follow" in seat.text


async def test_a_chosen_call_stays_chosen_while_others_come_and_enter_opens_that_one() -> None:
    face = audited_face()
    async with seated(face) as seat:
        await seat.press("tab", "k", "k")
        chosen = seat.app.state.calls.chosen
        assert chosen is not None
        for number in range(100, 160):
            face.publish(call(number, NOW + timedelta(seconds=number)))
        seat.app.drain()
        await seat.pilot.pause()
        assert seat.app.state.calls.chosen is chosen
        row = next(row for row in seat.rows() if row.startswith("▸14:"))
        assert f"{chosen.tool}" in row
        assert "60 new below" in seat.text
        await seat.press("enter")
        assert f"chain {chosen.number}" in seat.text


async def test_a_call_whose_record_is_not_found_says_so() -> None:
    face = audited_face()
    face.answers["audit.search"] = Done("0 records.", [])
    async with seated(face) as seat:
        await seat.press("tab", "k", "enter")
        assert "isn't found" in seat.text


async def test_on_a_wide_screen_the_chosen_call_stands_beside_the_stream() -> None:
    async with seated(audited_face(), (120, 36)) as seat:
        await seat.press("tab", "j")
        assert "chain 59" in seat.text
        assert "ASKED" in seat.text
        await seat.press("k")
        assert "chain 58" in seat.text
        assert "SCOPE_MISSING" in seat.text


def test_a_call_without_its_record_still_says_how_long_it_took_and_what_it_was_about() -> None:
    rows = ["".join(span.text for span in row.spans) for row in call_rows(call(4), "", 80)]
    assert "took          204ms" in " ".join(rows)
    assert "about         NOVA 1m x390" in " ".join(rows)
