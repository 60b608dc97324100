from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = ["runtime.txt", "dev.txt"]


@pytest.mark.parametrize("name", FILES)
def test_requirements_name_no_place_to_download_from(name: str) -> None:
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        assert not re.search(r"https?:|file:|://|index-url|find-links|^-|^/| @ ", line), line


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_pinned_and_has_a_hash(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        assert re.match(r"[a-z0-9][a-z0-9._\-]*(\[[a-z,]+\])?==\S+( ;.*?)?( +--hash=sha256:[0-9a-f]{64})+$", line), (
            line[:80]
        )


def test_the_locked_requirements_cover_what_the_project_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime, dev = ((ROOT / "requirements" / name).read_text() for name in FILES)
    for declared in project["project"]["dependencies"]:
        assert re.search(rf"^{_name(declared)}(\[[a-z]+\])?==", runtime, re.MULTILINE), declared
        assert re.search(rf"^{_name(declared)}(\[[a-z]+\])?==", dev, re.MULTILINE), declared
    extras = [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    for declared in [*extras, *project["dependency-groups"]["dev"]]:
        assert re.search(rf"^{_name(declared)}(\[[a-z]+\])?==", dev, re.MULTILINE), declared


def _name(declared: str) -> str:
    found = re.match(r"[A-Za-z0-9._\-]+", declared)
    assert found is not None
    return found.group().lower().replace("_", "-")
