from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cockpit.cli.stdio.messages import refusal_line
from cockpit.model.refusals import REFUSALS, refusal_json, refuse
from server.transport.results import refusal_answer

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "errors.md").read_text()


def test_the_page_shows_the_one_shape_that_all_refusals_have() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    shown = json.loads(block)
    refusal = refuse(shown["code"], **shown["details"])
    assert shown == refusal_answer(refusal).structured
    assert shown == json.loads(refusal_line(1, refusal))["error"]["data"]
    assert shown == refusal_json(refusal)


@pytest.mark.parametrize("code", REFUSALS)
def test_every_code_stands_on_the_page_once(code: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{code}` |")]
    assert len(rows) == 1
    assert REFUSALS[code].message in rows[0]


def test_every_short_error_before_a_message_is_read_stands_on_the_page() -> None:
    said: set[str] = set()
    for name in ("guard", "door", "app", "connection"):
        source = (ROOT / "server" / f"{name}.py").read_text()
        said |= set(re.findall(r'_refused\(\d+, "(\w+)"', source)) | set(re.findall(r'"error": "(\w+)"', source))
    assert {"origin_not_allowed", "too_many_requests", "internal"} <= said
    assert {code for code in said if f"`{code}`" not in PAGE} == set()
