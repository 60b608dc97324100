from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.cli.doctor.examination import examine
from cockpit.cli.doctor.findings import Level
from cockpit.settings.where import Given


@pytest.mark.parametrize(
    ("text", "level", "says"),
    [
        ("", Level.GOOD, "Off"),
        (
            '[server]\npublic_url = "https://desk.example"\n[web]\nenabled = true\n',
            Level.GOOD,
            "passkeys for desk.example",
        ),
        ("[web]\nenabled = true\n", Level.WARNING, "no passkeys for an address such as 127.0.0.1"),
    ],
)
def test_it_says_whether_there_is_a_page_to_sign_in_at(tmp_path: Path, text: str, level: Level, says: str) -> None:
    file = tmp_path / "cockpit.toml"
    file.write_text(text)
    found = [
        one for one in examine(Given(config=file, data_dir=tmp_path / "data", port=0), {}) if one.part == "web sign-in"
    ]
    assert [(one.level, says in one.says, bool(one.mend)) for one in found] == [(level, True, level is Level.WARNING)]
