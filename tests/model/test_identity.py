"""Which names a client may have."""

from __future__ import annotations

import pytest

from cockpit.model.identity import may_be_client


@pytest.mark.parametrize("name", ["claude", "Claude Code", "operator-2", "my operator", "a" * 40])
def test_a_client_may_have_any_plain_name(name: str) -> None:
    assert may_be_client(name)


@pytest.mark.parametrize("name", ["operator", "Operator", "OPERATOR ", "operator._-", "", "../x", "a" * 41])
def test_a_client_never_has_the_operators_name_or_one_that_looks_like_it(name: str) -> None:
    assert not may_be_client(name)
