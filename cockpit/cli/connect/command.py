"""``connect``: what to paste where, for the cockpit that runs, or the one that would run by these settings."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from cockpit.cli.connect.guides import CLIENTS, KEY_VARIABLE, Guide, Where, guide
from cockpit.cli.processes import DONE, REFUSED, say_mistakes
from cockpit.cli.socket_client import LostContact, NotRunning, ask
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.operator.act import Command, Done
from cockpit.operator.acts import STATUS
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import SOCKET_NAME, Given, config_file, data_folder, default_data_folder

_LONGEST_URL = 512
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Wish:
    """How who is to be connected."""

    client: str
    key: str = ""
    """Name of an API key to make for it; empty where it signs in."""
    connection: str = ""
    """What the key is for."""
    by_stdio: bool = False


@dataclass(frozen=True, slots=True)
class _Cockpit:
    """What is connected to."""

    url: str
    connections: tuple[str, ...]


def run_connect(given: Given, wish: Wish, *, as_json: bool) -> int:
    """Print how a client is connected; exit code 1 where it can't be as things are."""
    try:
        folder = data_folder(given, os.environ)
        running = _running(folder)
        if wish.by_stdio:
            where, connections = Where("", _program(_named(given, folder))), ()
        else:
            cockpit = running or _by_settings(given)
            where, connections = Where(cockpit.url, with_key=bool(wish.key)), cockpit.connections
    except BadSettings as bad:
        return say_mistakes(bad)
    found = guide(wish.client, where)
    fault = _fault(wish, connections)
    if fault is not None:
        click.echo(f"{fault.message} Say --connection with one of: {', '.join(connections)}.", err=True)
        return REFUSED
    make = _making(("cockpit", *_named(given, folder)), wish, connections) if wish.key else ""
    if as_json:
        runs = running is not None
        said = {"client": wish.client, "url": where.url, "command": where.command, "runs": runs, "make_key": make}
        click.echo(json.dumps({**said, **asdict(found)}, indent=2))
    else:
        click.echo(_in_words(CLIENTS[wish.client].title, found, where, make, runs=running is not None))
    return REFUSED if found.lacks else DONE


def _fault(wish: Wish, connections: tuple[str, ...]) -> Refusal | None:
    """Refuse to print how to make a key that can't be made so."""
    if wish.connection:
        return None if wish.connection in connections else refuse("CONNECTION_UNKNOWN")
    return refuse("CHOOSE_CONNECTION") if wish.key and len(connections) > 1 else None


def _making(cockpit: tuple[str, ...], wish: Wish, connections: tuple[str, ...]) -> str:
    """Return the command that makes the key."""
    several = ("--connection", wish.connection) if len(connections) > 1 else ()
    scopes = ("--scope", "read:market", "--scope", "read:account")
    return shlex.join((*cockpit, "key", "create", "--name", wish.key, *several, *scopes))


def _running(folder: Path) -> _Cockpit | None:
    """Return the cockpit that runs; None where none does."""
    try:
        answer = ask(folder / SOCKET_NAME, Command(STATUS.name, {}, by="socket"))
    except (NotRunning, LostContact):
        return None
    if isinstance(answer, Refusal) or not isinstance(answer, Done) or not isinstance(answer.data, dict):
        return None
    url = safe(str(answer.data.get("url", "")), _LONGEST_URL)
    told = answer.data.get("connections")
    names = tuple(safe(str(one["name"]), _LONGEST_NAME) for one in told if "name" in one) if told else ()
    return _Cockpit(url, names) if url else None


def _by_settings(given: Given) -> _Cockpit:
    from cockpit.settings.load import load  # heavy, and not needed where a cockpit runs
    from cockpit.settings.server import local_origin

    settings = load(given)
    server = settings.server
    scheme = "https" if server.tls_cert else "http"
    url = server.public_url or local_origin(server.host, server.port, scheme)
    return _Cockpit(f"{url}/mcp", tuple(settings.connections))


def _program(named: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a client starts: with whole paths, because it starts with another folder and another PATH."""
    found = shutil.which("cockpit")
    program = (found,) if found else (sys.executable, "-m", "cockpit")
    return (*program, *named, "stdio")


def _named(given: Given, folder: Path) -> tuple[str, ...]:
    """Return the options that lead to this cockpit from anywhere: whoever pastes them has another environment."""
    file, is_named = config_file(given, os.environ)
    config = ("--config", str(file)) if is_named else ()
    return (*config, "--data-dir", str(folder)) if folder != default_data_folder() else config


def _in_words(title: str, found: Guide, where: Where, make: str, *, runs: bool) -> str:
    parts = [f"{title}, for {where.url or 'programs of this computer'}"]
    if found.lacks:
        parts.append(f"This can't work yet. {found.lacks}" if found.steps else found.lacks)
    if found.steps and not runs:
        parts.append("No cockpit runs now; this is what the settings say.")
    if make and found.steps:
        parts.append(f"Make the key, and keep it as {KEY_VARIABLE}; it is shown once:\n\n{_indented(make)}")
    if where.command:
        parts.append("The settings must want it: [stdio] enabled = true.")
    for step in found.steps:
        parts.append(f"{step.do}\n\n{_indented(step.paste)}" if step.paste else step.do)
    return "\n\n".join(parts)


def _indented(text: str) -> str:
    """Set off what is pasted. Pasted with it, the indent harms neither JSON, TOML nor a shell."""
    return "\n".join(f"    {line}" for line in text.splitlines())
