from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.model.identity import WRITE_SCOPES
from cockpit.settings.load import load
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.model import Settings
from cockpit.settings.where import Given

TWO = "[connections.paper]\n[connections.second]\n"


def read(folder: Path, text: str) -> Settings:
    file = folder / "cockpit.toml"
    file.write_text(text)
    return load(Given(config=file, data_dir=folder), {})


def test_the_local_client_is_off_and_only_reads_where_nothing_is_said(tmp_path: Path) -> None:
    stdio = read(tmp_path, "").stdio
    assert not stdio.enabled
    assert stdio.scopes
    assert not stdio.scopes & WRITE_SCOPES


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{TWO}[stdio]\nenabled = true\n", "more than one connection"),
        ('[stdio]\nenabled = true\nconnection = "other"\n', "no such connection"),
        ('[connections.paper]\ntrade = false\n[stdio]\nenabled = true\nscopes = ["write:orders"]\n', "write:orders"),
        ('[stdio]\nname = "Operator"\n', "operator"),
    ],
)
def test_what_cannot_be_is_told_at_the_start(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadSettings) as bad:
        read(tmp_path, text)
    assert says in " ".join(mistake.sentence() for mistake in bad.value.mistakes)


def test_several_connections_are_no_mistake_while_it_is_off_or_names_one(tmp_path: Path) -> None:
    assert not read(tmp_path, TWO).stdio.enabled
    assert read(tmp_path, f'{TWO}[stdio]\nenabled = true\nconnection = "second"\n').stdio.connection == "second"
