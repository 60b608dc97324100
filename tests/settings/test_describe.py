from __future__ import annotations

from cockpit.settings.describe import field_at, keys, names_beside


def test_every_setting_says_what_it_is_for() -> None:
    assert [key.path for key in keys() if not key.purpose] == []


def test_bounds_are_said_in_words() -> None:
    bounds = {".".join(key.path): key.bounds for key in keys()}
    assert bounds["server.port"] == "0 to 65535"
    assert bounds["connections.NAME.policy.price_collar"] == "above 0, up to 1"
    assert bounds["connections.NAME.mode"] == "one of paper, live"


def test_a_path_leads_to_its_field_or_to_nothing() -> None:
    assert field_at(("connections", "mine", "policy", "max_drift")) is not None
    assert field_at(("connections", "mine")) is None
    assert field_at(("server", "nothing")) is None
    assert names_beside(("connections", "mine")) == ()
    assert "port" in names_beside(("server", "prot"))
