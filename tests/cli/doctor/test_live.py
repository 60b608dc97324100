from __future__ import annotations

from pathlib import Path

from cockpit.cli.doctor.findings import Level
from cockpit.cli.doctor.live import examine_live
from cockpit.model.clock import SystemClock
from cockpit.settings.load import load
from cockpit.settings.model import Settings
from cockpit.settings.where import Given
from cockpit.store.database import Store
from cockpit.store.writes import Write

LIVE = """
[connections.real]
broker = "ibkr"
mode = "live"
account = "U1234567"
trade = true
arm_hours = 3
[connections.real.ibkr]
port = 4001
[connections.real.policy]
allowed_symbols = ["AAPL", "MSFT"]
"""


def settings(folder: Path, text: str) -> Settings:
    (folder / "cockpit.toml").write_text(text)
    return load(Given(config=folder / "cockpit.toml", data_dir=folder / "data"), {})


def test_where_no_money_is_real_nothing_is_said(tmp_path: Path) -> None:
    assert examine_live(settings(tmp_path, "")) == []


async def test_real_money_says_how_long_it_may_be_armed_and_what_is_lacking_for_it(tmp_path: Path) -> None:
    real = settings(tmp_path, LIVE)
    found = examine_live(real)
    assert [one.level for one in found] == [Level.GOOD, Level.WARNING]
    assert found[0].says == "real: every start is unarmed; then for at most 3 h, in 2 symbols."
    assert found[1].mend == "cockpit totp enroll"
    async with Store(real.data_dir, SystemClock()) as store:
        await store.commit([Write("INSERT INTO totp VALUES (1, 'abcdefghabcdefgh', 0, 0)")])
        assert [one.level for one in examine_live(real)] == [Level.GOOD]


def test_a_database_that_can_not_be_read_counts_as_nothing_enrolled(tmp_path: Path) -> None:
    real = settings(tmp_path, LIVE)
    real.data_dir.mkdir()
    (real.data_dir / "cockpit.db").write_text("no database")
    assert [one.level for one in examine_live(real)] == [Level.GOOD, Level.WARNING]
