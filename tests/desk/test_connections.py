"""Which connection has which account."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.brokers.paper.broker import PaperBroker
from cockpit.desk.connections import Connection, Connections
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.desk.desks import HandClock


class Reached(PaperBroker):
    """One that is reached over a line, which tells its account."""

    claim: Callable[[str], str]

    def on_account(self, claim: Callable[[str], str]) -> None:
        self.claim = claim


def two(folder: Path, *, first: str = "", second: str = "") -> tuple[Reached, Reached]:
    """Return the brokers of the connections `first` and `second`, whose settings may name their accounts."""
    clock, made = HandClock(), dict[str, Connection]()
    store = Store(folder, clock)
    for name, account in (("first", first), ("second", second)):
        settings = ConnectionSettings(account=account)
        made[name] = Connection(name, settings, Reached(name, settings, store, clock))
    Connections(made)
    first_broker, second_broker = made["first"].broker, made["second"].broker
    assert isinstance(first_broker, Reached)
    assert isinstance(second_broker, Reached)
    return first_broker, second_broker


def test_who_was_told_an_account_first_has_it_also_after_its_line_was_made_anew(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    assert second.claim("A1") == ""
    assert first.claim("A1") == "second"
    assert second.claim("A1") == ""
    assert first.claim("A2") == ""


@pytest.mark.parametrize("told_before", [False, True])
def test_an_account_belongs_to_the_connection_whose_settings_name_it(tmp_path: Path, told_before: bool) -> None:
    first, second = two(tmp_path, second="A1")
    if told_before:
        assert second.claim("A1") == ""
    assert first.claim("A1") == "second"


def test_a_connection_with_another_account_than_before_leaves_that_to_others(tmp_path: Path) -> None:
    first, second = two(tmp_path)
    assert first.claim("A1") == ""
    assert first.claim("A2") == ""
    assert second.claim("A2") == "first"
    assert second.claim("A1") == ""
