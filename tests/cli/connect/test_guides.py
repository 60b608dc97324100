from __future__ import annotations

import json
import re
import shlex
import tomllib
from typing import Any

import pytest

from cockpit.cli.connect.guides import CLIENTS, KEY_VARIABLE, Where, guide

HOSTED = "https://desk.example/mcp"
LOCAL = "http://127.0.0.1:8722/mcp"
PROGRAM = ("/opt/a b/cockpit", "--data-dir", '/home/me/"desk"', "stdio")
WAYS = {"http": Where(HOSTED), "key": Where(HOSTED, with_key=True), "stdio": Where("", PROGRAM)}
ALL = [(name, way) for name, client in CLIENTS.items() for way in sorted(client.ways)]


def pasted(name: str, where: Where, language: str) -> Any:
    """What a client reads of what is pasted, by the field's own parser."""
    (text,) = [step.paste for step in guide(name, where).steps if step.language == language]
    return {"json": json.loads, "toml": tomllib.loads, "sh": shlex.split}[language](text)


@pytest.mark.parametrize(("name", "way"), ALL)
def test_whatever_is_pasted_can_be_read_and_holds_no_secret(name: str, way: str) -> None:
    found = guide(name, WAYS[way])
    assert found.steps
    assert found.lacks == ""
    for step in found.steps:
        if step.language:
            {"json": json.loads, "toml": tomllib.loads, "sh": shlex.split}[step.language](step.paste)
    text = "\n".join(step.paste for step in found.steps)
    assert not re.search(r"ck_(?!\.\.\.)", text)


@pytest.mark.parametrize(("name", "root", "field"), [
    ("cursor", "mcpServers", "url"), ("windsurf", "mcpServers", "serverUrl"), ("vscode", "servers", "url"),
])  # fmt: skip
def test_files_of_editors_have_the_address_where_each_looks_for_it(name: str, root: str, field: str) -> None:
    server = pasted(name, Where(LOCAL), "json")[root]["cockpit"]
    assert server.pop("type", "http") == "http"
    assert server == {field: LOCAL}


@pytest.mark.parametrize(("name", "root", "variable"), [
    ("claude-code", "mcpServers", "${COCKPIT_KEY}"), ("cursor", "mcpServers", "${env:COCKPIT_KEY}"),
    ("windsurf", "mcpServers", "${env:COCKPIT_KEY}"), ("vscode", "servers", "${input:cockpit-key}"),
])  # fmt: skip
def test_a_key_stands_as_a_variable_in_each_clients_own_spelling(name: str, root: str, variable: str) -> None:
    said = pasted(name, Where(LOCAL, with_key=True), "json")
    assert said[root]["cockpit"]["headers"] == {"Authorization": f"Bearer {variable}"}
    if name == "vscode":
        assert [(one["id"], one["password"]) for one in said["inputs"]] == [("cockpit-key", True)]


def test_codex_reads_a_table_of_its_servers() -> None:
    assert pasted("codex", Where(LOCAL), "toml") == {"mcp_servers": {"cockpit": {"url": LOCAL}}}
    with_key = pasted("codex", Where(LOCAL, with_key=True), "toml")["mcp_servers"]["cockpit"]
    assert with_key == {"url": LOCAL, "bearer_token_env_var": KEY_VARIABLE}
    program = pasted("codex", WAYS["stdio"], "toml")["mcp_servers"]["cockpit"]
    assert program == {"command": PROGRAM[0], "args": list(PROGRAM[1:])}


def test_claude_code_is_told_by_its_command() -> None:
    added = ["claude", "mcp", "add", "--transport", "http", "cockpit", LOCAL]
    assert pasted("claude-code", Where(LOCAL), "sh") == added
    assert pasted("claude-code", WAYS["stdio"], "sh") == ["claude", "mcp", "add", "cockpit", "--", *PROGRAM]


@pytest.mark.parametrize("name", [name for name, client in CLIENTS.items() if "stdio" in client.ways])
def test_a_program_is_started_with_every_argument_as_it_is(name: str) -> None:
    text = "\n".join(step.paste for step in guide(name, WAYS["stdio"]).steps)
    assert "stdio" in text
    if name not in {"claude-code", "codex"}:
        (server,) = [one for root in json.loads(text).values() if isinstance(root, dict) for one in root.values()]
        assert [server["command"], *server["args"]] == list(PROGRAM)


@pytest.mark.parametrize("name", ["claude", "chatgpt"])
@pytest.mark.parametrize("url", [LOCAL, "http://desk.example/mcp", "https://127.0.0.1:8722/mcp"])
def test_a_client_that_runs_elsewhere_needs_https_from_outside(name: str, url: str) -> None:
    assert "server.public_url" in guide(name, Where(url)).lacks
    assert guide(name, Where(HOSTED)).lacks == ""


@pytest.mark.parametrize(("name", "where"), [
    ("claude", WAYS["key"]), ("chatgpt", WAYS["key"]), ("chatgpt", WAYS["stdio"])
])  # fmt: skip
def test_what_a_client_cannot_do_is_said(name: str, where: Where) -> None:
    found = guide(name, where)
    assert found.steps == ()
    assert found.lacks
