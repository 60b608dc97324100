from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.settings.approval import Do
from cockpit.settings.load import load
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.model import Settings
from cockpit.settings.where import Given

_RULES = """
[[approval.rules]]
name = "never-at-night"
do = "deny"
when = { hours = "20:00-06:00", time_zone = "America/New_York", days = ["mon", "fri"] }

[[approval.rules]]
name = "small"
do = "approve"
when = { clients = ["claude"], symbols = ["ALFA"], sides = ["buy"], order_types = ["limit"], max_notional = 500 }
"""


def _read(folder: Path, text: str) -> Settings:
    (folder / "cockpit.toml").write_text(text)
    return load(Given(config=folder / "cockpit.toml", data_dir=folder / "data"), {})


def test_rules_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    night, small = _read(tmp_path, _RULES).approval.rules
    assert (night.name, night.do) == ("never-at-night", Do.DENY)
    assert (small.name, small.when.max_notional) == ("small", Decimal(500))


def test_rules_may_come_from_the_environment_as_json(tmp_path: Path) -> None:
    given = Given(data_dir=tmp_path / "data", ignore_file=True)
    rules = '[{"name": "less", "do": "approve", "when": {"reducing": true}}]'
    assert load(given, {"COCKPIT_APPROVAL__RULES": rules}).approval.rules[0].when.reducing


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[approval.rules]]\nname = "all"\ndo = "approve"\n', "must say in `when`"),
        ('[[approval.rules]]\nname = "all"\ndo = "approve"\nwhen = { symbols = [] }\n', "must say in `when`"),
        ('[[approval.rules]]\nname = "a"\ndo = "ask"\n[[approval.rules]]\nname = "a"\ndo = "deny"\n', "are named a"),
        ('[[approval.rules]]\nname = "a"\ndo = "ask"\nwhen = { time_zone = "Nowhere" }\n', "name of a time zone"),
        ('[[approval.rules]]\nname = "a"\ndo = "ask"\nwhen = { hours = "9-16" }\n', "approval.rules.0.when.hours"),
        ('[[approval.rules]]\nname = "a"\ndo = "ask"\nwhen = { hours = "09:00-09:00" }\n', "different times"),
        ('[[approval.rules]]\nname = "a"\ndo = "ask"\nwhen = { connections = ["other"] }\n', "no such connection"),
        ('[clients.claude]\nshadow = "other"\n', "connection in paper mode"),
    ],
)
def test_a_rule_that_means_nothing_is_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadSettings) as bad:
        _read(tmp_path, text)
    assert words in str(bad.value.mistakes)


def test_a_client_may_be_shadowed_on_a_paper_connection(tmp_path: Path) -> None:
    settings = _read(tmp_path, '[clients."my claude"]\nshadow = "paper"\n[connections.paper]\n')
    assert settings.clients["my claude"].shadow == "paper"
