"""By what an order of the wire is known here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cockpit.brokers.ibkr.identities import Identities, Links, reference_of
from cockpit.brokers.ibkr.statuses import stem_of
from cockpit.model.orders import OrderRef
from cockpit.model.text import Safe
from tests.brokers.ibkr.records import REF, completed, error, fee, fill, limit, opened, status

OTHER = OrderRef("ck:01JD0000000000000000000001")
ASKED = limit(10)


@pytest.fixture
def doubted() -> list[OrderRef]:
    return []


@pytest.fixture
def ids(doubted: list[OrderRef]) -> Identities:
    return Identities(17, doubted.append)


@pytest.mark.parametrize(
    ("said", "perm", "known"),
    [
        (REF, 900, REF),
        ("", 900, "ib:900"),
        ("my own note", 900, "ib:900"),
        ("ck:with space", 900, "ib:900"),
        ("ck:" + "A" * 80, 900, "ib:900"),
        ("", 0, None),
    ],
)
def test_an_order_is_known_by_its_reference_else_by_its_permanent_number(
    said: str, perm: int, known: str | None
) -> None:
    assert reference_of(said, perm) == known


def test_an_order_is_found_by_its_reference_whatever_its_numbers(ids: Identities) -> None:
    for record in (opened(ASKED, perm=900, number=7), opened(ASKED, perm=901, number=8), completed(ASKED, "Filled")):
        assert ids.whose(record) == REF


def test_what_bears_no_reference_is_found_by_the_permanent_number(ids: Identities) -> None:
    ids.whose(opened(ASKED, perm=900, number=7))
    ids.whose(opened(ASKED, reference=OTHER, perm=901, number=8))

    assert ids.whose(status("Filled", perm=901, number=7)) == OTHER


def test_an_order_that_is_on_its_way_is_found_by_its_number_and_keeps_what_it_then_gets(ids: Identities) -> None:
    ids.sending(REF, 7, Links(3, "a group", 1))
    assert ids.whose(error(201, number=7)) == REF
    assert ids.whose(status("Submitted", perm=900, number=7)) == REF
    ids.line_broke()
    assert ids.whose(status("Filled", perm=900, number=99)) == REF
    assert ids.links_of(REF) == Links(3, "a group", 1)


def test_a_number_that_was_given_out_twice_belongs_to_nobody(ids: Identities, doubted: list[OrderRef]) -> None:
    ids.whose(opened(ASKED, perm=900, number=7))

    assert ids.whose(status("Cancelled", perm=901, number=7)) is None
    assert doubted == [REF]


def test_numbers_of_other_clients_are_no_numbers_of_this_one(ids: Identities) -> None:
    ids.whose(replace(opened(ASKED, number=7), client_id=99))

    assert ids.whose(error(201, number=7)) is None
    assert ids.number_of(REF) == (99, 7)


def test_a_fee_is_that_of_the_order_whose_fill_it_is(ids: Identities) -> None:
    assert ids.whose(fee(1)) is None
    ids.whose(fill(1, 4))
    assert (ids.whose(fee(1)), ids.currency_of(fee(1).exec_id), ids.currency_of("x")) == (REF, "USD", "")


@pytest.mark.parametrize("about", [-1, 0, 8])
def test_an_error_about_nothing_that_is_known_is_nobodys(ids: Identities, about: int) -> None:
    ids.sending(REF, 7, Links())

    assert ids.whose(error(201, number=about)) is None


def test_what_is_forgotten_is_not_found(ids: Identities) -> None:
    ids.whose(opened(ASKED, perm=900, number=7))
    ids.whose(fill(1, 4))
    ids.forget(REF, (stem_of(fill(1, 4).exec_id),))

    assert ids.whose(status("Filled")) is None
    assert ids.whose(fee(1)) is None
    assert ids.number_of(REF) is None


def test_orders_of_others_are_nobodys(ids: Identities) -> None:
    theirs = opened(ASKED, reference="")

    assert ids.whose(theirs) is None
    assert ids.whose(replace(theirs, order_ref=Safe("my own note"))) is None
    assert ids.whose(status("Filled")) is None
