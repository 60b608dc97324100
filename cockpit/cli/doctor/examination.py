"""The whole examination: settings first, then everything that they name."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

import click

from cockpit.cli.doctor.brokers import examine_brokers
from cockpit.cli.doctor.clock import examine_clock
from cockpit.cli.doctor.findings import Finding, Level, bad, good, worst
from cockpit.cli.doctor.folders import examine_folders
from cockpit.cli.doctor.live import examine_live
from cockpit.cli.doctor.network import examine_network, is_running
from cockpit.cli.doctor.terminal import examine_terminal
from cockpit.cli.doctor.web import examine_web
from cockpit.settings.load import load
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import SOCKET_NAME, Given, config_file

_MARKS: Final = {Level.GOOD: "✓", Level.WARNING: "!", Level.BAD: "✗"}
_PLAIN_MARKS: Final = {Level.GOOD: "+", Level.WARNING: "!", Level.BAD: "x"}


def examine(given: Given, environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything. Without good settings only they and the terminal are looked at."""
    try:
        settings = load(given, environ)
    except BadSettings as wrong:
        return [
            *(bad("settings", mistake.sentence(), "Mend it; nothing starts before.") for mistake in wrong.mistakes),
            *examine_terminal(environ),
        ]
    file, _ = config_file(given, environ)
    return [
        good("settings", f"Every setting is good. Connections: {', '.join(settings.connections)}."),
        *examine_folders(settings.data_dir, file),
        *examine_clock(settings.data_dir),
        *examine_network(settings.server, settings.data_dir / SOCKET_NAME),
        *examine_brokers(settings, runs=is_running(settings.data_dir / SOCKET_NAME)),
        *examine_live(settings),
        *examine_web(settings),
        *examine_terminal(environ, settings.screen.notify),
    ]


def say(findings: Sequence[Finding], *, as_json: bool, encoding: str) -> None:
    """Print what was found, and what mends it."""
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
        return
    marks = _MARKS if "utf" in encoding.lower() else _PLAIN_MARKS
    part = ""
    for finding in findings:
        if finding.part != part:
            part = finding.part
            click.echo(part.capitalize())
        click.echo(_wrapped(f"  {marks[finding.level]} ", finding.says))
        if finding.mend:
            # On one line, however long: a command is copied from here.
            click.echo(f"    {finding.mend}")
    counts = {level: sum(finding.level is level for finding in findings) for level in Level}
    click.echo(f"{counts[Level.BAD]} wrong, {counts[Level.WARNING]} to know, {counts[Level.GOOD]} good.")


def _wrapped(head: str, says: str) -> str:
    columns = shutil.get_terminal_size().columns
    return textwrap.fill(
        says, columns, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def doctor(given: Given, *, as_json: bool, encoding: str) -> int:
    """Examine, print, and return the exit code: 1 where something is wrong."""
    findings = examine(given, os.environ)
    say(findings, as_json=as_json, encoding=encoding)
    return int(worst(findings) is Level.BAD)
