"""The table of IB's message codes."""

from __future__ import annotations

import inspect
import re
from collections import Counter

import pytest
from ib_async.wrapper import Wrapper

from cockpit.brokers.ibkr.errors import _GROUPS, ERRORS, MODIFY_ALONE, ErrorKind, Follow, is_known, row_of
from cockpit.model.refusals import REFUSALS

LINK = {1100, 1101, 1102, 1300, 2110}
FARM = {2104, 2106, 2158, 2103, 2105, 2157, 2107, 2108, 2119}
SESSION = {100, 326, 502, 504, 507}
REJECT = {
    *(103, 104, 106, 107, 109, 110, 111, 116, 133, 134, 200, 201, 203, 321, 382, 383, 387, 388, 395, 434, 436, 463),
    *(10318, 10311),
}
NOTE = {399, 404, 2109, 2161, 10349, 10167}
CANCEL_ANSWERS = {135, 161, 10147, 10148}
DATA = {101, 300, 309, 317, 10092, 10167, 10197}
HISTORY = {162, 165, 166, 366, 420, 10225}
ENTITLEMENT = {354, 430, 10089, 10090, 10091, 10168, 10186, 10276}


def test_every_code_that_an_adapter_meets_is_in_the_table() -> None:
    met = LINK | FARM | SESSION | REJECT | NOTE | CANCEL_ANSWERS | DATA | HISTORY | ENTITLEMENT | {202}

    assert met - ERRORS.keys() == set()


def test_every_code_that_ib_async_only_warns_of_is_in_the_table() -> None:
    said = re.search(r"warningCodes = frozenset\(\{([\d, ]+)\}\)", inspect.getsource(Wrapper.error))
    assert said is not None
    warned = {int(code) for code in said.group(1).split(",")}

    assert warned
    assert warned - ERRORS.keys() == set()


def test_a_code_stands_in_the_table_once() -> None:
    found = Counter(code for _, _, _, codes in _GROUPS for code in codes)

    assert [code for code, times in found.items() if times > 1] == []


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (LINK, ErrorKind.LINK),
        (FARM, ErrorKind.FARM),
        (SESSION, ErrorKind.SESSION),
        (REJECT, ErrorKind.ORDER),
        (DATA, ErrorKind.DATA),
        (HISTORY, ErrorKind.HISTORY),
        (ENTITLEMENT, ErrorKind.ENTITLEMENT),
    ],
)
def test_each_code_is_of_its_kind(codes: set[int], kind: ErrorKind) -> None:
    assert {code for code in codes if row_of(code).kind is not kind} == set()


def test_notes_leave_an_order_as_it_is() -> None:
    assert {code for code in NOTE | LINK | FARM if row_of(code).follow is not Follow.NOTE} == set()


def test_what_answers_a_cancel_never_ends_an_order() -> None:
    assert {row_of(code).follow for code in CANCEL_ANSWERS} == {Follow.LOOK}


def test_rejections_are_rejections() -> None:
    assert {row_of(code).follow for code in REJECT} == {Follow.REJECT}
    assert {row_of(code).follow for code in MODIFY_ALONE} == {Follow.REJECT}


def test_a_code_that_is_not_known_is_looked_into() -> None:
    assert row_of(31415).follow is Follow.LOOK
    assert not is_known(31415)


def test_ibs_block_of_warnings_leaves_an_order_as_it_is() -> None:
    assert row_of(2199).follow is Follow.NOTE
    assert is_known(2199)
    assert not is_known(2200)


def test_every_refusal_named_is_one_of_ours() -> None:
    assert {row.refusal for row in ERRORS.values()} - {"", *REFUSALS} == set()
