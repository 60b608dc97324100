"""``connect``: what to paste where, for the cockpit that runs, or the one that would run by these settings."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import click

from cockpit.cli.connect.guides import CLIENTS, KEY_VARIABLE, Guide, Where, guide
from cockpit.cli.processes import DONE, REFUSED, say_mistakes
from cockpit.cli.socket_client import LostContact, NotRunning, ask
from cockpit.model.refusals import Refusal
from cockpit.model.text import safe
from cockpit.operator.act import Command, Done
from cockpit.operator.acts import STATUS
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import SOCKET_NAME, Given, config_file, data_folder, default_data_folder

_LONGEST_URL = 512


def run_connect(given: Given, client: str, *, key: str, by_stdio: bool, as_json: bool) -> int:
    """Print how a client is connected; exit code 1 where it can't be as things are."""
    try:
        folder = data_folder(given, os.environ)
        url = _running(folder)
        runs = bool(url)
        if by_stdio:
            where = Where("", _program(_named(given, folder)))
        else:
            where = Where(url or _by_settings(given), with_key=bool(key))
    except BadSettings as bad:
        return say_mistakes(bad)
    found = guide(client, where)
    create = ("cockpit", *_named(given, folder), "key", "create", "--name", key)
    make = shlex.join((*create, "--scope", "read:market", "--scope", "read:account")) if key else ""
    if as_json:
        said = {"client": client, "url": where.url, "command": where.command, "runs": runs, "make_key": make}
        click.echo(json.dumps({**said, **asdict(found)}, indent=2))
    else:
        click.echo(_in_words(CLIENTS[client].title, found, where, make, runs=runs))
    return REFUSED if found.lacks else DONE


def _running(folder: Path) -> str:
    """Return the address of the cockpit that runs; empty where none does."""
    try:
        answer = ask(folder / SOCKET_NAME, Command(STATUS.name, {}, by="socket"))
    except (NotRunning, LostContact):
        return ""
    if isinstance(answer, Refusal) or not isinstance(answer, Done) or not isinstance(answer.data, dict):
        return ""
    return safe(str(answer.data.get("url", "")), _LONGEST_URL)


def _by_settings(given: Given) -> str:
    from cockpit.settings.load import load  # heavy, and not needed where a cockpit runs
    from cockpit.settings.server import local_origin

    server = load(given).server
    scheme = "https" if server.tls_cert else "http"
    return f"{server.public_url or local_origin(server.host, server.port, scheme)}/mcp"


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
