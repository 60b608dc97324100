"""Which limits hold: the strictest of file, client and operator, over restarts, and never beyond the file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.groups import Leg, basket
from cockpit.desk.limits import Holder, read_limit
from cockpit.model.orders import Role, Side
from cockpit.model.refusals import Refusal, Refused
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import TIGHTENS, ClientPolicySettings, PolicySettings, limit_words
from tests.desk.desks import Desk, GrantBook, HandClock, limit, market, open_desk, place

CONNECTION = Holder.CONNECTION
CLIENT = Holder.CLIENT


async def set_limit(desk: Desk, holder: Holder, name: str, key: str, text: str) -> None:
    file = desk.connections.need(name).settings.policy if holder is CONNECTION else None
    found = desk.oversight.limits.change(holder, name, key, text, file)
    assert not isinstance(found, Refusal), found
    await desk.oversight.limits.apply(*found, "test")


def policy(desk: Desk, client: str = "claude") -> PolicySettings:
    return desk.oversight.limits.policy(desk.connections.need("paper"), client)


async def test_the_strictest_of_file_client_and_operator_holds(tmp_path: Path) -> None:
    clients = {"claude": ClientPolicySettings.model_validate({"max_quantity": 50})}
    async with open_desk(tmp_path, clients=clients) as desk:
        assert policy(desk).max_quantity == 50
        assert policy(desk, "other").max_quantity == 1000
        await set_limit(desk, CONNECTION, "paper", "max_quantity", "70")
        assert policy(desk).max_quantity == 50
        assert policy(desk, "other").max_quantity == 70
        await set_limit(desk, CLIENT, "claude", "max_quantity", "7")
        assert policy(desk).max_quantity == 7
        assert policy(desk, "other").max_quantity == 70


async def test_what_the_operator_set_survives_a_restart_and_binds_the_next_order(tmp_path: Path) -> None:
    clock, grants = HandClock(), GrantBook()
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        await set_limit(desk, CONNECTION, "paper", "max_quantity", "5")
        await set_limit(desk, CLIENT, "claude", "denied_symbols", "BRVO, ECHO")
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        claude = desk.grants.give("claude")
        assert policy(desk).denied_symbols == {"BRVO", "ECHO"}
        with pytest.raises(Refused) as refused:
            await place(desk, claude, market(quantity="6"))
        assert refused.value.refusal.code == "MAX_QUANTITY"
        with pytest.raises(Refused) as refused:
            await place(desk, claude, market("BRVO"))
        assert refused.value.refusal.code == "SYMBOL_RESTRICTED"
        await place(desk, claude, market(quantity="5"))


async def test_a_limit_never_exceeds_the_file(tmp_path: Path) -> None:
    settings = ConnectionSettings(policy=PolicySettings(max_notional=Decimal(500)))
    async with open_desk(tmp_path, settings=settings) as desk:
        limits, file = desk.oversight.limits, settings.policy
        over = limits.change(CONNECTION, "paper", "max_notional", "500.01", file)
        assert isinstance(over, Refusal)
        assert over.code == "LIMIT_ABOVE_FILE"
        assert not isinstance(limits.change(CONNECTION, "paper", "max_notional", "500", file), Refusal)
        # A client's own limit may say more than a connection's: the connection's holds all the same.
        await set_limit(desk, CLIENT, "claude", "max_notional", "900")
        assert policy(desk).max_notional == 500


async def test_a_clients_limit_never_exceeds_its_own_in_the_file(tmp_path: Path) -> None:
    clients = {"claude": ClientPolicySettings.model_validate({"max_quantity": 50})}
    async with open_desk(tmp_path, clients=clients) as desk:
        over = desk.oversight.limits.change(CLIENT, "claude", "max_quantity", "51", None)
        assert isinstance(over, Refusal)
        assert over.code == "LIMIT_ABOVE_FILE"


async def test_lowering_tightens_and_raising_back_loosens(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        limits, file = desk.oversight.limits, PolicySettings()
        down = limits.change(CONNECTION, "paper", "max_quantity", "10", file)
        assert not isinstance(down, Refusal)
        assert (down[0].before, down[0].after, down[0].loosens) == ("1000", "10", False)
        await limits.apply(*down, "test")
        up = limits.change(CONNECTION, "paper", "max_quantity", "11", file)
        assert not isinstance(up, Refusal)
        assert (up[0].before, up[0].after, up[0].loosens) == ("10", "11", True)
        back = limits.change(CONNECTION, "paper", "max_quantity", "file", file)
        assert not isinstance(back, Refusal)
        assert (back[0].before, back[0].after, back[0].loosens) == ("10", "1000", True)
        await limits.apply(*back, "test")
        assert policy(desk).max_quantity == 1000


async def test_every_change_is_audited_with_old_and_new(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await set_limit(desk, CLIENT, "claude", "max_quantity", "10")
        (record,) = [one for one in await desk.store.audit_tail(5) if one.tool == "limits.set"]
        assert record.client == "claude"
        assert record.outcome == "tighter"
        detail = dict(record.detail)
        assert (detail["limit"], detail["old"], detail["new"], detail["by"]) == ("max_quantity", "any", "10", "test")


async def test_a_stored_limit_that_no_longer_fits_is_left_out(tmp_path: Path) -> None:
    clock = HandClock()
    async with open_desk(tmp_path, clock=clock) as desk:
        await set_limit(desk, CONNECTION, "paper", "max_quantity", "5")
        await desk.store.commit([])
    import sqlite3

    with sqlite3.connect(next(tmp_path.glob("*.db"))) as raw:
        raw.execute("INSERT INTO limits_set VALUES ('connection', 'paper', 'no_such_limit', '1', 0)")
        raw.execute("INSERT INTO limits_set VALUES ('connection', 'paper', 'max_notional', 'much', 0)")
    async with open_desk(tmp_path, clock=clock) as desk:
        assert policy(desk).max_quantity == 5
        assert policy(desk).max_notional == 10_000


@pytest.mark.parametrize(
    ("key", "text"),
    [("no_such", "1"), ("max_quantity", "many"), ("max_quantity", "0"), ("max_quantity", "-1"), ("price_collar", "2"),
     ("max_daily_orders", "1.5"), ("allow_short", "maybe"), ("order_types", "market,magic"), ("denied_symbols", "a\x00b")],
)  # fmt: skip
def test_a_value_that_is_none_is_refused_by_name(key: str, text: str) -> None:
    found = read_limit(key, text)
    assert isinstance(found, Refusal)
    assert found.code == "LIMIT_UNKNOWN"
    assert "\x00" not in str(found)


@pytest.mark.parametrize("key", TIGHTENS)
def test_every_limit_is_written_as_it_is_read(key: str) -> None:
    value = getattr(PolicySettings(), key)
    if value is not None:
        assert read_limit(key, limit_words(value)) == value


def test_lists_are_read_with_commas_or_spaces_and_none_is_empty() -> None:
    assert read_limit("allowed_symbols", "alfa, brvo  echo") == {"ALFA", "BRVO", "ECHO"}
    assert read_limit("allowed_symbols", "none") == frozenset()


async def test_what_is_left_today_is_told(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        claude = desk.grants.give("claude")
        order = await place(desk, claude, limit(await desk.touch("ALFA", Side.BUY), quantity="2"))
        _, left = desk.orders.limits_of(desk.admitted(claude))
        rows = {row.name: row for row in left.limits}
        assert (rows["max_daily_orders"].used, rows["max_daily_orders"].left) == ("1", "999")
        assert order.request.limit_price is not None
        assert Decimal(rows["max_daily_notional"].used) == order.request.limit_price * 2
        assert rows["max_open_orders"].left == "49"
        assert rows["max_daily_loss"].limit == "5000.00"
        assert left.held_by == ()


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_daily_orders": 1}, "DAILY_ORDER_COUNT"),
        ({"connection_daily_orders": 1}, "DAILY_ORDER_COUNT"),
        ({"max_open_orders": 1}, "MAX_OPEN_ORDERS"),
        ({"max_daily_notional": 500}, "DAILY_NOTIONAL"),
        (
            {"max_daily_orders": 2, "max_open_orders": 2, "max_daily_notional": 1000, "max_open_orders_per_symbol": 1},
            "",
        ),
    ],
)
async def test_orders_that_are_asked_for_together_count_together(
    tmp_path: Path, limits: dict[str, int], code: str
) -> None:
    settings = ConnectionSettings(policy=PolicySettings.model_validate(limits))
    async with open_desk(tmp_path, settings=settings) as desk:
        claude = desk.admitted(desk.grants.give("claude"))
        wanted = basket([Leg(market("ALFA"), Role.LEG), Leg(market("LIMA"), Role.LEG)])
        if not code:
            assert len(await desk.orders.place_group(claude, wanted, "key-00000001")) == 2
            return
        with pytest.raises(Refused) as refused:
            await desk.orders.place_group(claude, wanted, "key-00000001")
        assert refused.value.refusal.code == code


async def test_a_clients_limits_hold_whatever_the_case_of_its_name(tmp_path: Path) -> None:
    clients = {"Claude": ClientPolicySettings.model_validate({"max_quantity": 50})}
    async with open_desk(tmp_path, clients=clients) as desk:
        assert policy(desk, "claude").max_quantity == 50
        await set_limit(desk, CLIENT, "CLAUDE", "max_quantity", "20")
        assert policy(desk, "claude").max_quantity == policy(desk, "Claude").max_quantity == 20
        assert desk.oversight.limits.own(CLIENT, "clauDe") == {"max_quantity": 20}
        refused = desk.oversight.limits.change(CLIENT, "claude", "max_quantity", "60", None)
        assert isinstance(refused, Refusal)
    async with open_desk(tmp_path, clients=clients) as desk:
        assert policy(desk, "claude").max_quantity == 20
        await set_limit(desk, CLIENT, "claude", "max_quantity", "file")
        assert policy(desk, "Claude").max_quantity == 50


async def test_of_two_spellings_of_one_client_the_strictest_of_each_limit_holds(tmp_path: Path) -> None:
    clients = {
        "Claude": ClientPolicySettings.model_validate({"max_quantity": 50}),
        "claude": ClientPolicySettings.model_validate({"max_quantity": 70, "max_rejects": 2}),
    }
    async with open_desk(tmp_path, clients=clients) as desk:
        assert (policy(desk, "claude").max_quantity, policy(desk, "claude").max_rejects) == (50, 2)
