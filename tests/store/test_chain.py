from __future__ import annotations

import hmac
from dataclasses import replace

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from cockpit.store.audit import AuditEntry, draft
from cockpit.store.chain import Head, Sealer, clear_bytes, link, new_audit_key
from tests.store.conftest import NOON

SEALER = Sealer(b"k" * 32)


@given(st.binary(min_size=12, max_size=12), st.binary(max_size=200), st.binary(max_size=50))
def test_a_sealed_detail_opens_only_for_its_own_record_and_key(nonce: bytes, detail: bytes, clear: bytes) -> None:
    sealed = SEALER.seal(nonce, detail, clear)
    assert SEALER.open(sealed, clear) == detail
    assert SEALER.open(sealed, clear + b"x") is None
    assert Sealer(new_audit_key()).open(sealed, clear) is None


@given(st.binary(max_size=64))
def test_bytes_that_were_never_sealed_do_not_open(junk: bytes) -> None:
    assert SEALER.open(junk, b"") is None


def test_the_same_detail_is_never_sealed_alike_but_digested_alike() -> None:
    same = draft(AuditEntry(NOON, "call", detail={"symbol": "ALFA"}), 1)
    batches = [link([same] * 100, Head(), SEALER)[0] for _ in range(2)]
    rows = [row for rows in batches for row in rows]
    assert len({row[11][:12] for row in rows}) == 200, "a nonce may serve once alone"
    assert len({row[11] for row in rows}) == 200
    assert {row[12] for row in rows} == {SEALER.digest(same.detail)} != {Sealer(b"j" * 32).digest(same.detail)}


@given(st.binary(max_size=5000))
def test_the_digest_is_the_hmac_of_the_detail_however_often_the_key_is_used(detail: bytes) -> None:
    key = HKDF(SHA256(), 32, salt=None, info=b"cockpit audit digest").derive(b"k" * 32)
    assert SEALER.digest(detail) == SEALER.digest(detail) == hmac.digest(key, detail, "sha256")


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.integers(0, 71))
def test_a_signed_head_reads_back_and_no_changed_byte_passes(number: int, last: bytes, place: int) -> None:
    stored = SEALER.sign(Head(number, last))
    assert SEALER.read_head(stored) == Head(number, last)
    changed = bytearray(stored)
    changed[place] ^= 1
    assert SEALER.read_head(bytes(changed)) is None


def test_the_detail_is_nowhere_in_the_row_in_clear() -> None:
    rows, _ = link([draft(AuditEntry(NOON, "call", detail={"account": "DU1234567"}), 1)], Head(), SEALER)
    assert not any(b"DU1234567" in column for column in rows[0] if isinstance(column, bytes))


def test_the_chain_is_the_same_however_it_was_cut_into_batches() -> None:
    sealed_once = replace(draft(AuditEntry(NOON, "call"), 1))
    rows, head = link([sealed_once], Head(), SEALER)
    assert head == Head(1, rows[0][13])
    assert clear_bytes(rows[0][:11]).startswith(b'[1,1772452800000000,"call",""')
