"""Documents from outside: bounded, without entities, and without markup."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.ibkr.documents import BadDocument, paragraphs, read_xml

LAUGHS = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


def test_the_elements_that_are_asked_for_come_with_what_is_in_them() -> None:
    found = read_xml("<r><s k='1'><n>one</n></s><t/><s k='2'><n>two &amp; more</n></s></r>", "s")
    assert [(one.get("k"), one.said("n")) for one in found] == [("1", "one"), ("2", "two & more")]
    assert [one.text for one in read_xml("<r><a><n>1</n></a><n>2</n></r>")[0].every("n")] == ["1", "2"]


@pytest.mark.parametrize(
    "document", [LAUGHS, OUTSIDE, "<!DOCTYPE a><a/>", "<a>&b;</a>", "<a>", "", "a", "<a></b>", "<a>\0</a>"]
)
def test_entities_document_types_and_what_is_not_well_formed_are_refused(document: str) -> None:
    with pytest.raises(BadDocument):
        read_xml(document)


def test_a_document_that_is_too_deep_or_has_too_many_elements_is_refused() -> None:
    with pytest.raises(BadDocument):
        read_xml("<a>" * 100 + "</a>" * 100)
    with pytest.raises(BadDocument):
        read_xml("<r>" + "<a/>" * 400_001 + "</r>")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(document: bytes) -> None:
    try:
        read_xml(document)
    except BadDocument:
        pass


def test_markup_goes_and_blocks_become_paragraphs() -> None:
    text = "<html><head><title>x</title></head><p>One &lt;b&gt; two</p><script>evil('<p>')</script>Three<br/>Four <b>five</b></html>"
    assert paragraphs(text, 10, 100) == (("One <b> two", "Three", "Four five"), False)


def test_what_only_looks_like_markup_stays() -> None:
    assert paragraphs("5 < 6 and 7 <3 hearts", 10, 100)[0] == ("5 < 6 and 7 <3 hearts",)


def test_too_much_is_cut_and_said_to_be() -> None:
    assert paragraphs("a\nb\nc", 2, 100) == (("a", "b"), True)
    found, cut = paragraphs("x" * 50, 2, 10)
    assert cut
    assert len(found[0]) == 10


def test_steering_characters_are_made_visible() -> None:
    assert "\x1b" not in paragraphs("one \x1b[2J two &#27;[31m", 5, 100)[0][0]


@given(st.text(alphabet="<>/!-apscriptyle &;#x27\n", max_size=300))
def test_no_text_brings_back_a_line_break_or_hangs(text: str) -> None:
    found, _ = paragraphs(text, 50, 200)
    assert all("\n" not in one and one.isprintable() for one in found)


@pytest.mark.parametrize("piece", ["<", "<!", "<!--", "<script>", "<a ", "&", "&#", "<p><", "</style"])
def test_a_long_text_of_broken_markup_is_read_in_no_time(piece: str) -> None:
    began = time.perf_counter()
    paragraphs(piece * (400_000 // len(piece)), 200, 2000)
    assert time.perf_counter() - began < 3
