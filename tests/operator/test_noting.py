"""The operator reads what clients noted."""

from __future__ import annotations

from pathlib import Path

from cockpit.cli.show import in_words
from cockpit.model.refusals import Refusal
from cockpit.operator.act import Done
from cockpit.operator.acts import ACTS
from tests.operator.houses import open_house

TOOLSETS = '[connections.paper]\ntoolsets = ["research"]\n'


async def test_the_operator_reads_the_notes_of_all_clients_or_of_one(tmp_path: Path) -> None:
    async with open_house(tmp_path, TOOLSETS) as house:
        for name in ("ann", "ben"):
            made = await house.done("token.mint", name=name, scope="read:market read:audit write:alerts")
            await house.call(made["token"], "add_note", text=f"{name}\x1b[2J notes " + "much " * 100, symbol="ALFA")
        rows = await house.done("journal")
        assert [(row["client"], row["symbol"]) for row in rows] == [("ben", "ALFA"), ("ann", "ALFA")]
        (row,) = await house.done("journal", client="ANN", count="9")
        assert row["text"].startswith("ann\\x1b[2J notes much")
        whole = await house.act("journal", note=str(row["number"]))
        assert isinstance(whole, Done)
        assert row["text"] in in_words(ACTS["journal"], whole)
        assert whole.says.startswith("ann noted at ")
        assert isinstance(await house.act("journal", note="99"), Refusal)
