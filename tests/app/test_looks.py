"""What the settings say about the screen reaches it."""

from pathlib import Path

import pytest

from cockpit.app.looks import looks_of
from cockpit.model.screen import Notify, ScreenSettings
from cockpit.settings.load import load
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import Given


def looks(tmp_path: Path, text: str = "") -> ScreenSettings:
    file = tmp_path / "cockpit.toml"
    file.write_text(text)
    return looks_of(load(Given(config=file, data_dir=tmp_path / "data"), {}))


def test_nothing_set_leaves_the_theme_to_what_was_chosen_at_the_screen(tmp_path: Path) -> None:
    seen = looks(tmp_path)
    assert (seen.theme_is_set, seen.chosen_theme) == (False, tmp_path / "data" / "theme")
    assert (seen.bell, seen.notify, seen.rate_is_set, seen.ssh_rate_hz) == (True, Notify.AUTO, False, None)


def test_what_is_set_is_how_the_screen_is_drawn_and_calls(tmp_path: Path) -> None:
    seen = looks(
        tmp_path,
        """
        [screen]
        theme = "cockpit-dark"
        bell = false
        notify = "osc777"
        rate_hz = 12
        ssh_rate_hz = 2
        ascii = true
        """,
    )
    assert seen.theme_is_set
    assert (seen.bell, seen.notify, seen.ascii) == (False, Notify.OSC777, True)
    assert (seen.rate_hz, seen.rate_is_set, seen.ssh_rate_hz) == (12, True, 2)


@pytest.mark.parametrize("line", ["ssh_rate_hz = 0", "rate_hz = 31", "ssh_rate_hz = 31", 'notify = "loud"', "bell = 7"])
def test_a_rate_or_a_way_out_of_bounds_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadSettings):
        looks(tmp_path, f"[screen]\n{line}\n")
