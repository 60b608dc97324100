"""The rule of refresh tokens: honest clients that lose an answer stay in, a thief and its victim never both do.

A token is rotated at each use. Its predecessor stays good until the successor is used for the first time (its owner
got the answer then), because clients retry after lost answers and run parallel workers. No time limit stands on that:
real clients retry at the next expiry, hours later. What is presented after that has a copy somewhere: the grant ends.

Every token stays known until its grant ends, however old: were the oldest forgotten, a thief could refresh until the one
that the victim holds is, and stay in. What bounds their number is the pace of `oauth.pace`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

MOST_CHILDREN: Final = 10
"""Successors of one token. Beyond it the request is denied, but nothing is ended."""


class TokenState(StrEnum):
    """Where a refresh token is in its life."""

    ACTIVE = "active"
    """Never used."""
    USED = "used"
    SUPERSEDED = "superseded"
    """Never used, and a sibling was: nobody honest holds it."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What is known of the token that somebody presents."""

    state: TokenState
    closed: bool
    """A successor of it has been used."""
    children: int
    stale_at: datetime | None
    """When it was closed or superseded."""
    expires_at: datetime


class Verdict(StrEnum):
    """What becomes of one presentation."""

    ROTATE = "rotate"
    """Mint a successor; close the predecessor; supersede the siblings."""
    ANOTHER = "another"
    """Mint one more successor: the answer was lost, or a parallel worker asks."""
    DENY = "deny"
    """No token, and nothing changes."""
    END_GRANT = "end_grant"
    """No token, and the whole grant ends: somebody has a copy."""


def judge(token: Presented, now: datetime, grace: timedelta) -> Verdict:
    """Decide on one presentation of a refresh token.

    Within ``grace`` after a token became stale it is denied without ending the grant, for clients of which several
    processes keep generations of their own.
    """
    if token.expires_at <= now:
        return Verdict.DENY
    if token.state is TokenState.ACTIVE:
        return Verdict.ROTATE
    if token.state is TokenState.USED and not token.closed:
        return Verdict.ANOTHER if token.children < MOST_CHILDREN else Verdict.DENY
    if token.stale_at is not None and now < token.stale_at + grace:
        return Verdict.DENY
    return Verdict.END_GRANT
