"""The scopes of a client that was let in, changed as a difference."""

from dataclasses import replace

from cockpit.model.identity import GrantId, Scope
from cockpit.model.trading import Mode
from cockpit.operator.act import Done
from tests.tui.fake_face import busy_face, busy_snapshot, connection
from tests.tui.screens import seated
from tui.scope_form import ScopeForm
from tui.state import grouped

CLAUDE = busy_snapshot().clients[0]


def test_the_difference_is_from_what_was_shown() -> None:
    form = ScopeForm(CLAUDE)
    assert form.difference == ()
    form.chosen ^= {Scope.READ_AUDIT, Scope.WRITE_ORDERS}
    assert form.difference == ("+read:audit", "-write:orders")
    assert form.command().arguments == {"client": "claude", "add": "read:audit", "drop": "write:orders"}
    assert not form.adds_writing
    form.life_at = 1
    assert form.command().arguments["for"] == "30m"


async def test_narrowing_is_one_key_and_shows_what_it_would_do_first() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("c", "s")
        assert "SCOPES of claude" in seat.text
        while "write:orders" not in next(row for row in seat.rows() if row.startswith("▸")):
            await seat.press("j")
        await seat.press("space")
        assert "  -write:orders" in seat.text
        assert seat.sent == []
        await seat.press("a")
        assert seat.sent == [("client.scopes", {"client": "claude", "drop": "write:orders"})]
        assert "SCOPES of" not in seat.text


async def test_what_a_client_may_from_now_on_is_one_line_under_the_list_of_clients() -> None:
    face = busy_face()
    face.answers["client.scopes"] = Done("claude may read:market.", [{"grant_id": "g-1"}, {"grant_id": "g-2"}])
    async with seated(face) as seat:
        await seat.press("c", "s", "space", "a")
        assert seat.sent[0][0] == "client.scopes"
        assert "claude may read:market." in seat.rows()[-2]
        assert " CLIENTS 3" in seat.text
        assert "g-1" not in seat.text


async def test_widening_asks_with_the_whole_difference_and_counts_only_after_a_moment() -> None:
    face = busy_face()
    face.seen = replace(face.seen, connections=(connection(mode=Mode.LIVE),))
    async with seated(face) as seat:
        await seat.press("c", "j", "j", "s")
        assert "SCOPES of night batch" in seat.text
        await seat.press(*"jjjjjj", "space", "k", "k", "space", "a")
        assert "night batch: +read:audit +write:orders" in seat.text or "+write:orders" in seat.text
        assert "LIVE MONEY" in seat.text
        assert seat.sent == []
        await seat.press("y", after=0.1)
        assert seat.sent == []
        await seat.press("y")
        ((act, given),) = seat.sent
        assert act == "client.scopes"
        assert "write:orders" in given["add"]
        assert "drop" not in given


async def test_without_a_difference_nothing_is_sent() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("c", "s", "space", "space", "a")
        assert seat.sent == []
        assert "Nothing would change" in seat.text


async def test_a_client_that_goes_meanwhile_closes_its_form() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("c", "s", "space")
        seat.face.show(clients=seat.face.seen.clients[1:])
        await seat.settle()
        assert "let in no longer" in seat.text
        await seat.press("a", "y")
        assert seat.sent == []


def test_authorities_of_one_name_stand_under_each_other() -> None:
    again = replace(CLAUDE, grant_id=GrantId("g-again"), last_address="203.0.113.9")
    rows = grouped((*busy_snapshot().clients, again))
    assert [view.grant_id for view in rows] == ["g-claude", "g-again", "g-codex-cli", "g-night batch"]


async def test_a_group_is_drawn_as_one_and_says_what_changes_together() -> None:
    face = busy_face()
    again = replace(CLAUDE, grant_id=GrantId("g-again"), last_address="203.0.113.9")
    face.seen = replace(face.seen, clients=(*face.seen.clients, again))
    async with seated(face) as seat:
        await seat.press("c", "j")
        assert "▸  └ again" in seat.text
        assert "203.0.113.9" in seat.text
        assert "one of 2 of this name" in seat.text
        await seat.press("s")
        assert "2 authorities of this name change together" in seat.text
