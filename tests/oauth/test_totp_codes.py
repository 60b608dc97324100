from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp.totp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.totp_codes import (
    LONGEST_PAUSE,
    STEP_SECONDS,
    backup_digest,
    enrolment_uri,
    folded,
    is_backup_code,
    matching_step,
    new_backup_codes,
    pause_after,
    spelled,
    step_of,
)

SECRETS = st.binary(min_size=20, max_size=20)
MOMENTS = st.integers(1_750_000_000, 4_900_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
RFC_SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_are_those_of_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    assert matching_step(RFC_SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // STEP_SECONDS


@given(SECRETS, MOMENTS, st.integers(-5, 5))
def test_a_code_matches_its_own_step_while_that_is_the_present_one_or_the_one_before(
    secret: bytes, now: datetime, steps: int
) -> None:
    maker = pyotp.totp.TOTP(spelled(secret).replace(" ", ""))
    code = maker.at(now + timedelta(seconds=steps * STEP_SECONDS))
    near = {maker.at(now + timedelta(seconds=near * STEP_SECONDS)): step_of(now) + near for near in (-1, 0)}
    assert matching_step(secret, code, now) == near.get(code)


@given(st.text(max_size=12), SECRETS, MOMENTS)
def test_what_is_not_six_plain_digits_matches_nothing(text: str, secret: bytes, now: datetime) -> None:
    if not (len(text) == 6 and text.isascii() and text.isdigit()):
        assert matching_step(secret, text, now) is None


def test_digits_of_other_scripts_are_no_code() -> None:
    code = "287082".translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    assert matching_step(RFC_SECRET, code, datetime.fromtimestamp(59, UTC)) is None


@pytest.mark.parametrize("typed", ["287082", "287 082", " 287-082 ", "2 8 7 0 8 2"])
def test_a_code_may_be_typed_with_spaces_and_dashes(typed: str) -> None:
    assert folded(typed) == "287082"


@given(st.integers(0, 10_000))
def test_a_pause_never_shrinks_and_never_exceeds_the_longest(wrong: int) -> None:
    assert timedelta(0) <= pause_after(wrong) <= pause_after(wrong + 1) <= LONGEST_PAUSE
    assert bool(pause_after(wrong)) is (wrong >= 5)


def test_a_year_of_guesses_tries_fewer_than_nine_thousand_codes() -> None:
    tried, waited = 0, timedelta(0)
    while waited < timedelta(days=365):
        tried += 1
        waited += pause_after(tried)
    assert tried < 9000  # of a million, of which two are right: less than two in a hundred


@given(st.binary(min_size=8, max_size=8), SECRETS, SECRETS)
def test_a_backup_code_is_kept_as_a_digest_that_only_its_secret_makes(
    random: bytes, secret: bytes, other: bytes
) -> None:
    code = new_backup_codes(lambda count: random[:count])[0]
    assert is_backup_code(folded(code.upper()))
    assert not is_backup_code(folded(code)[:-1])
    kept = backup_digest(secret, folded(code))
    assert len(kept) == 32
    assert (kept == backup_digest(other, folded(code))) is (secret == other)


@given(SECRETS)
def test_the_uri_says_the_secret_and_stays_small_enough_to_be_drawn(secret: bytes) -> None:
    uri = enrolment_uri(secret, "Cockpit-" + "x" * 15)
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parse_qs(parts.query) == {"secret": [spelled(secret).replace(" ", "")]}
    assert len(uri) <= 78  # bytes that a QR code of version 4 holds (ISO/IEC 18004, table 7)
