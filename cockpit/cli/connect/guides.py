"""Each client's own way of being told of a server: which file or command, in exactly its spelling. Pure text, no I/O.

The spellings are those of the clients' documents as of November 2026.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

KEY_VARIABLE: Final = "COCKPIT_KEY"
_LOCAL_HOSTS: Final = ("http://127.", "http://localhost", "http://[::1]")


@dataclass(frozen=True, slots=True)
class Where:
    """How this cockpit is reached."""

    url: str
    """Of its MCP endpoint; empty where it is reached by standard input and output."""
    command: tuple[str, ...] = ()
    """The program that a client starts; empty where it is reached by address."""
    with_key: bool = False
    """Whether the client sends an API key instead of asking to be let in."""

    @property
    def is_hosted(self) -> bool:
        """Whether a client that runs elsewhere can reach it."""
        return self.url.startswith("https://") and not self.is_local

    @property
    def is_local(self) -> bool:
        """Whether only this computer can reach it."""
        return bool(self.command) or self.url.startswith((*_LOCAL_HOSTS, "https://127.", "https://localhost"))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    do: str
    """In words."""
    paste: str = ""
    """What to paste, exactly."""
    language: str = ""
    """Of what is pasted: ``json``, ``toml`` or ``sh``."""


@dataclass(frozen=True, slots=True)
class Guide:
    """How one client is connected."""

    steps: tuple[Step, ...]
    lacks: str = ""
    """What keeps it from working as things are; empty where nothing does."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client."""

    title: str
    guide: Callable[[Where], tuple[Step, ...]]
    hosted: bool = False
    """Whether it runs elsewhere: then it needs an https address, and sends no key."""
    ways: frozenset[str] = field(default_factory=lambda: frozenset({"http", "key", "stdio"}))


def guide(name: str, where: Where) -> Guide:
    """Say how a client is connected, and what is in the way."""
    client = CLIENTS[name]
    way = "stdio" if where.command else "key" if where.with_key else "http"
    lacks = ""
    if way not in client.ways:
        wants = {"key": "can't send a key: it signs in", "stdio": "starts no programs on this computer"}[way]
        return Guide((), f"{client.title} {wants}.")
    if client.hosted and way == "http" and not where.is_hosted:
        lacks = (
            f"{client.title} runs elsewhere and needs an https address that leads here; {where.url} doesn't. Set "
            "server.public_url, with a proxy, a tunnel or a certificate in front: docs/connect.md, From the internet."
        )
    return Guide(client.guide(where), lacks)


def _server(where: Where, variable: str, **before: str) -> Mapping[str, Any]:
    if where.command:
        program, *arguments = where.command
        return {**before, "command": program, "args": arguments}
    headers = {"headers": {"Authorization": f"Bearer {variable}"}} if where.with_key else {}
    return {**before, "url": where.url, **headers}


def _json(value: object) -> str:
    return json.dumps(value, indent=2)


def _export(where: Where) -> tuple[Step, ...]:
    if not where.with_key:
        return ()
    return (
        Step(
            "Give it the key in the environment that it starts in (the cockpit shows it once):",
            f"export {KEY_VARIABLE}=ck_...",
            "sh",
        ),
    )


def _signs_in(where: Where, how: str) -> tuple[Step, ...]:
    if where.command or where.with_key:
        return ()
    return (Step(f"{how} A browser shows six letters: type them in the cockpit."),)


def _claude(where: Where) -> tuple[Step, ...]:
    if where.command:
        return (
            Step(
                "Claude Desktop, Settings, Developer, Edit Config (claude_desktop_config.json); then start it anew:",
                _json({"mcpServers": {"cockpit": _server(where, "")}}),
                "json",
            ),
        )
    return (
        Step("In Claude: Settings, Connectors, Add custom connector. Name: cockpit. URL:", where.url),
        *_signs_in(where, "Connect."),
    )


def _chatgpt(where: Where) -> tuple[Step, ...]:
    return (
        Step("In ChatGPT on the web: Settings, Apps & Connectors, Advanced settings: switch Developer mode on."),
        Step("Create a connector. Name: cockpit. Authentication: OAuth. MCP server URL:", where.url),
        *_signs_in(where, "Connect."),
    )


def _claude_code(where: Where) -> tuple[Step, ...]:
    if where.with_key:
        servers = {"cockpit": _server(where, f"${{{KEY_VARIABLE}}}", type="http")}
        return (
            *_export(where),
            Step(
                "In .mcp.json of the project; it takes the key from the environment:",
                _json({"mcpServers": servers}),
                "json",
            ),
        )
    if where.command:
        return (Step("In a terminal:", shlex.join(["claude", "mcp", "add", "cockpit", "--", *where.command]), "sh"),)
    add = shlex.join(["claude", "mcp", "add", "--transport", "http", "cockpit", where.url])
    return (Step("In a terminal:", add, "sh"), *_signs_in(where, "In a session: /mcp, cockpit, authenticate."))


def _cursor(where: Where) -> tuple[Step, ...]:
    servers = {"cockpit": _server(where, f"${{env:{KEY_VARIABLE}}}")}
    return (
        *_export(where),
        Step("In ~/.cursor/mcp.json, or .cursor/mcp.json of a project:", _json({"mcpServers": servers}), "json"),
        *_signs_in(where, "Settings, Tools & MCP, cockpit: log in."),
    )


def _vscode(where: Where) -> tuple[Step, ...]:
    kind = "stdio" if where.command else "http"
    said: dict[str, Any] = {"servers": {"cockpit": _server(where, "${input:cockpit-key}", type=kind)}}
    if where.with_key:
        said["inputs"] = [
            {"type": "promptString", "id": "cockpit-key", "description": "API key of the cockpit", "password": True}
        ]
    asks = "; it asks for the key at the first use, and keeps it encrypted" if where.with_key else ""
    return (
        Step(f"In .vscode/mcp.json of a project{asks}:", _json(said), "json"),
        *_signs_in(where, "Start the server above its name."),
    )


def _windsurf(where: Where) -> tuple[Step, ...]:
    server = dict(_server(where, f"${{env:{KEY_VARIABLE}}}"))
    if not where.command:
        server = {"serverUrl": server.pop("url"), **server}
    return (
        *_export(where),
        Step("In ~/.codeium/windsurf/mcp_config.json:", _json({"mcpServers": {"cockpit": server}}), "json"),
        *_signs_in(where, "Refresh its list of servers."),
    )


def _codex(where: Where) -> tuple[Step, ...]:
    lines: Sequence[str]
    if where.command:
        program, *arguments = where.command
        lines = (f"command = {_toml(program)}", f"args = [{', '.join(_toml(one) for one in arguments)}]")
    else:
        lines = (f"url = {_toml(where.url)}",)
        if where.with_key:
            lines = (*lines, f"bearer_token_env_var = {_toml(KEY_VARIABLE)}")
    paste = "\n".join(("[mcp_servers.cockpit]", *lines))
    login = () if where.command or where.with_key else (
        Step("Sign in. A browser shows six letters: type them in the cockpit.", "codex mcp login cockpit", "sh"),
    )  # fmt: skip
    return (*_export(where), Step("In ~/.codex/config.toml:", paste, "toml"), *login)


def _toml(text: str) -> str:
    """Write a text as TOML's basic string, which JSON's is where it holds no lone surrogates."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


CLIENTS: Final[Mapping[str, Client]] = {
    "claude": Client("Claude", _claude, hosted=True, ways=frozenset({"http", "stdio"})),
    "chatgpt": Client("ChatGPT", _chatgpt, hosted=True, ways=frozenset({"http"})),
    "claude-code": Client("Claude Code", _claude_code),
    "cursor": Client("Cursor", _cursor),
    "vscode": Client("VS Code", _vscode),
    "windsurf": Client("Windsurf", _windsurf),
    "codex": Client("Codex", _codex),
}
"""By the word that the command takes."""
