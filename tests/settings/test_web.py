from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.settings.load import load
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import Given


def mistakes(folder: Path, text: str) -> list[str]:
    file = folder / "cockpit.toml"
    file.write_text(text)
    try:
        load(Given(config=file, data_dir=folder / "data"), {})
    except BadSettings as bad:
        return [one.sentence() for one in bad.mistakes]
    return []


def test_it_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "cockpit.toml").write_text("")
    settings = load(Given(config=tmp_path / "cockpit.toml", data_dir=tmp_path / "data"), {})
    assert settings.web.enabled is False


@pytest.mark.parametrize("server", ["", 'public_url = "https://desk.example"', 'host = "localhost"'])
def test_it_is_taken_on_the_loopback_and_behind_https(tmp_path: Path, server: str) -> None:
    assert mistakes(tmp_path, f"[server]\n{server}\n[web]\nenabled = true\n") == []


def test_it_needs_https_where_others_reach_the_host(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, '[server]\nhost = "0.0.0.0"\n[web]\nenabled = true\n')
    assert "enabled needs server.public_url" in mistake


def test_it_contradicts_approvals_at_the_screen_alone(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, '[control]\napprovals = "screen"\n[web]\nenabled = true\n')
    assert "control.approvals" in mistake


@pytest.mark.parametrize("missing", ["argon2", "webauthn"])
def test_a_missing_extra_is_a_mistake_of_the_settings_that_says_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    (mistake,) = mistakes(tmp_path, "[web]\nenabled = true\n")
    assert mistake.startswith("web.enabled")
    assert "install trading-cockpit[web]" in mistake
    assert missing in mistake
    assert mistakes(tmp_path, "[web]\nenabled = false\n") == []


def test_without_the_extra_everything_else_can_be_loaded() -> None:
    script = "import sys; sys.modules['argon2'] = sys.modules['webauthn'] = None; import cockpit.app.process, cockpit.cli.main"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
