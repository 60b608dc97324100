from pathlib import Path

import pytest

from cockpit.settings.load import load
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import Given


def read(folder: Path, text: str) -> dict[str, str]:
    file = folder / "cockpit.toml"
    file.write_text(text)
    return load(Given(config=file, data_dir=folder / "data"), {}).screen.keys


def test_keys_of_acts_are_read_by_their_names(tmp_path: Path) -> None:
    text = "[screen.keys]\nhalt = 'f9'\n'order.approve' = 'v'\n'host.logs' = 'ctrl+l'\n"
    assert read(tmp_path, text) == {"halt": "f9", "order.approve": "v", "host.logs": "ctrl+l"}


@pytest.mark.parametrize("line", ["halt = 'f 9'", "halt = ''", "'HALT!' = 'f9'", "halt = 9"])
def test_what_can_be_no_key_of_an_act_is_a_mistake(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadSettings):
        read(tmp_path, f"[screen.keys]\n{line}\n")
