from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from cockpit.cli.main import cockpit
from cockpit.operator.acts import ACTS
from cockpit.settings.describe import EACH, keys

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "THREAT_MODEL.md"])


@pytest.fixture
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "docs" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_the_pages_take_from_the_code_is_current(make: ModuleType) -> None:
    stale = [page.name for page in PAGES if make.made(page.read_text()) != page.read_text()]
    assert stale == [], "run make docs"


def test_every_made_part_has_its_place(make: ModuleType) -> None:
    text = "".join(page.read_text() for page in PAGES)
    assert set(re.findall(r"<!-- made: ([a-z]+) -->", text)) == {*make.MADE, "end"}


def test_a_page_that_is_not_current_is_noticed(make: ModuleType) -> None:
    page = (ROOT / "docs" / "operate.md").read_text()
    assert make.made(page.replace(ACTS["kill"].help, "Something else")) == page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(
        r"(?<![\w/@.-])cockpit(?! http)((?: --[a-z-]+ \S+)* [a-z][a-z-]+(?: [a-z]+)?)", _code(page.read_text())
    )
    unknown = [words for words in named if not _exists(re.sub(r" --\S+ \S+", "", words).split())]
    assert unknown == []


def _code(text: str) -> str:
    blocks = re.findall(r"```.*?```", text, re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`[^`\n]+`", rest)])


def _exists(words: list[str]) -> bool:
    first = cockpit.commands.get(words[0])
    below = getattr(first, "commands", {})
    alone = not below or getattr(first, "invoke_without_command", False)
    return first is not None and (alone or (len(words) > 1 and words[1] in below))


def test_nothing_that_is_there_is_said_to_be_missing() -> None:
    missing = re.findall(r"^Not yet: .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    there = {"standard input": "stdio", "web page": "web", "doctor": "doctor", "API key": "key"}
    assert set(there.values()) <= set(cockpit.commands)
    assert [one for line in missing for one in there if one in line] == []


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 100


def test_every_setting_that_stands_for_one_of_openalgo_exists() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\| `[A-Z_]+` \| (.+?) \|", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z]+(?:\.\w+)+)`", row)}
    known = {".".join(key.path).replace(EACH, "NAME") for key in keys()}
    known |= {name.rpartition(".")[0] for name in known}
    assert len(rows) == 17
    assert named - known == set()
