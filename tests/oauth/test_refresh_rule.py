"""The rule of refresh tokens over its real rows: honest clients stay in, a thief and its victim never both do."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import cockpit.store
from cockpit.model.identity import GrantId, Scope
from cockpit.store.writes import Write
from oauth import changes, records
from oauth.records import RefreshRow
from oauth.refresh import MOST_CHILDREN, Presented, TokenState, Verdict, judge

SCHEMA = (Path(cockpit.store.__file__).parent / "migrations" / "0002_oauth.sql").read_text()
GRACE = timedelta(seconds=60)
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Family:
    """The refresh tokens of one grant, in a real table."""

    def __init__(self) -> None:
        self.rows = sqlite3.connect(":memory:", isolation_level=None)
        self.rows.row_factory = sqlite3.Row
        self.rows.executescript(SCHEMA)
        self.now = START
        self.ended = False
        self.count = 0
        self.first = self._mint(None)

    def present(self, token: bytes) -> bytes | None:
        """Use a token; return its successor, or None when it is turned away."""
        found = self.rows.execute("SELECT * FROM oauth_refresh WHERE token_hash = ?", (token,)).fetchone()
        if found is None:
            return None
        row = records._refresh(found)
        match judge(row.presented, self.now, GRACE):
            case Verdict.ROTATE:
                successor = self._mint(row)
                self._run(*changes.rotate_refresh(row, self.now))
                return successor
            case Verdict.ANOTHER:
                successor = self._mint(row)
                self._run(changes.another_refresh(row))
                return successor
            case Verdict.END_GRANT:
                self.ended = True
                self._run(*changes.end_grant(GrantId("g"), self.now, "reuse"))
        return None

    def _mint(self, parent: RefreshRow | None) -> bytes:
        self.count += 1
        token = self.count.to_bytes(4)
        fresh = Presented(TokenState.ACTIVE, False, 0, None, START + timedelta(days=36_500))
        scopes = frozenset({Scope.READ_MARKET})
        row = RefreshRow(token, GrantId("g"), "c", parent.token_hash if parent else None, fresh, scopes)
        self._run(changes.add_refresh(row, self.now))
        return token

    def _run(self, *writes: Write) -> None:
        for write in writes:
            changed = self.rows.execute(write.sql, write.args).rowcount
            assert write.expect in {None, changed}, write.sql


class HonestClient(RuleBasedStateMachine):
    """Workers that share what they keep, lose answers, retry at any time, and are slow now and then."""

    @initialize()
    def begin(self) -> None:
        self.family = Family()
        self.kept = self.family.first
        self.used = 0
        self.slow: tuple[bytes, datetime] | None = None

    @precondition(lambda self: self.used + 3 < MOST_CHILDREN)
    @rule(lost=st.lists(st.booleans(), min_size=1, max_size=3))
    def refresh(self, lost: list[bool]) -> None:
        presented = self.kept
        for answer_is_lost in lost:
            successor = self.family.present(presented)
            self.used += 1
            assert successor is not None, "an honest client was turned away"
            if not answer_is_lost:
                self.kept = successor
        if self.kept != presented:
            self.used = 0

    @rule()
    def a_worker_reads_and_is_slow(self) -> None:
        self.slow = (self.kept, self.family.now)

    @precondition(lambda self: self.slow is not None and self.used + 1 < MOST_CHILDREN)
    @rule()
    def the_slow_worker_asks(self) -> None:
        assert self.slow is not None
        token, read_at = self.slow
        if self.family.now - read_at < GRACE:
            successor = self.family.present(token)
            if successor is not None:
                self.used = 0
                self.kept = successor
        self.slow = None

    @rule(seconds=st.integers(1, 100_000))
    def time_goes_on(self, seconds: int) -> None:
        self.family.now += timedelta(seconds=seconds)

    @invariant()
    def nobody_was_logged_out(self) -> None:
        assert not self.family.ended


class ThiefAndVictim(RuleBasedStateMachine):
    """Somebody has a copy of one token, and both go on as they like, also with old tokens."""

    @initialize(before=st.integers(0, 4))
    def theft(self, before: int) -> None:
        self.family = Family()
        token = self.family.first
        for _ in range(before):
            successor = self.family.present(token)
            assert successor is not None
            token = successor
        self.held: dict[str, dict[bytes, int]] = {"victim": {token: 0}, "thief": {token: 0}}

    @rule(who=st.sampled_from(["victim", "thief"]), back=st.integers(0, 3))
    def somebody_refreshes(self, who: str, back: int) -> None:
        tokens = list(self.held[who])
        token = tokens[max(0, len(tokens) - 1 - back)]
        successor = self.family.present(token)
        if successor is not None:
            self.held[who][successor] = self.held[who][token] + 1

    @rule(seconds=st.integers(1, 100_000))
    def time_goes_on(self, seconds: int) -> None:
        self.family.now += timedelta(seconds=seconds)

    @invariant()
    def only_one_lives_on(self) -> None:
        assert min(max(tokens.values()) for tokens in self.held.values()) <= 1


TestHonestClient = HonestClient.TestCase
TestHonestClient.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestThiefAndVictim = ThiefAndVictim.TestCase
TestThiefAndVictim.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("seconds", [61, 100_000])
def test_a_token_whose_successor_was_used_ends_the_grant(seconds: int) -> None:
    family = Family()
    second = family.present(family.first)
    assert second is not None
    assert family.present(second) is not None
    family.now += timedelta(seconds=seconds)
    assert family.present(family.first) is None
    assert family.ended


def test_a_sibling_of_a_used_token_ends_the_grant() -> None:
    family = Family()
    stolen, kept = family.present(family.first), family.present(family.first)
    assert stolen is not None
    assert kept is not None
    assert family.present(kept) is not None
    family.now += timedelta(seconds=61)
    assert family.present(stolen) is None
    assert family.ended


def test_shortly_after_it_went_stale_a_token_is_only_denied() -> None:
    family = Family()
    second = family.present(family.first)
    assert second is not None
    family.present(second)
    family.now += timedelta(seconds=59)
    assert family.present(family.first) is None
    assert not family.ended


def test_more_than_ten_successors_are_denied_and_nothing_ends() -> None:
    family = Family()
    answers = [family.present(family.first) for _ in range(12)]
    assert [answer is not None for answer in answers] == [True] * 10 + [False] * 2
    assert not family.ended


def test_an_expired_token_is_denied_and_nothing_ends() -> None:
    family = Family()
    family.now += timedelta(days=36_500)
    assert family.present(family.first) is None
    assert not family.ended
