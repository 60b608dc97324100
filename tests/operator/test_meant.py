"""Which authorities a name or an id means, for every act alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cockpit.model.identity import ClientName, Grant, GrantId, Via
from cockpit.model.text import safe
from cockpit.operator.meant import grants_meant
from tests.operator.houses import open_house

UPPER, LOWER = "https://chatgpt.com/oauth/Ab/client.json", "https://chatgpt.com/oauth/aB/client.json"
ONE = Grant(
    grant_id=GrantId("g-1"),
    client=ClientName("One"),
    client_id=UPPER,
    scopes=frozenset(),
    connection="paper",
    via=Via.OAUTH,
    made_at=datetime(2026, 3, 2, tzinfo=UTC),
    expires_at=None,
    host=safe("chatgpt.com"),
    made_by="screen",
)
TWO = replace(ONE, grant_id=GrantId("g-2"), client=ClientName("two"), client_id=LOWER)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("one", [ONE]),
        (" ONE ", [ONE]),
        ("two", [TWO]),
        (UPPER, [ONE]),
        (LOWER, [TWO]),
        (UPPER.lower(), []),
        ("g-2", [TWO]),
        ("G-2", []),
        ("", []),
    ],
)
def test_names_are_read_in_any_case_and_ids_exactly(text: str, meant: list[Grant]) -> None:
    assert grants_meant((ONE, TWO), text) == meant


async def test_every_act_about_a_client_takes_its_name_its_id_and_the_id_of_a_grant(tmp_path: Path) -> None:
    connections = '[connections.paper]\n[connections.ghost]\nseed = "ghost"\n'
    async with open_house(tmp_path, connections) as house:
        made = await house.done("token.mint", name="Robot", scope="read:market", connection="paper")
        for where, meant in zip(
            ["ghost", "paper", "ghost"], ["robot", made["client_id"], made["grant_id"]], strict=True
        ):
            moved = await house.done("client.route", client=meant, connection=where)
            assert (moved["client"], moved["connection"]) == ("Robot", where)
            (changed,) = await house.done("client.scopes", client=meant, add="read:account")
            assert changed["connection"] == where
