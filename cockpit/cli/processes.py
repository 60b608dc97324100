"""The commands that start a cockpit: read the settings, say every mistake at once, hand over to the app."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import CONFIG_VARIABLE, Given

DONE = 0
REFUSED = 1
USAGE = 2


def run_process(given: Given, *, wants_screen: bool, demo: bool = False) -> int:
    """Start a cockpit and return its exit code. Without a terminal there is no screen."""
    from cockpit.settings.load import load  # heavy: commands to a running cockpit do without

    try:
        settings = load(given)
    except BadSettings as bad:
        return say_mistakes(bad)
    from cockpit.app.process import run

    return run(settings, screen=wants_screen and has_terminal(), demo=demo, examined=partial(_wrong, given))


def _wrong(given: Given) -> Sequence[str]:
    """Return what `cockpit doctor` finds wrong now."""
    from cockpit.cli.doctor.examination import examine  # heavy, and needed only before real money is armed
    from cockpit.cli.doctor.findings import Level

    return [f"{one.says} {one.mend}".strip() for one in examine(given, os.environ) if one.level is Level.BAD]


def run_demo(given: Given) -> int:
    """Start a cockpit that leaves nothing behind: own folder, own port, and no settings file that isn't named."""
    port = 0 if given.port is None else given.port
    if given.data_dir is not None:
        return run_process(replace(_without_own_file(given), port=port), wants_screen=True, demo=True)
    with tempfile.TemporaryDirectory(prefix="cockpit-demo-") as folder:
        in_folder = replace(_without_own_file(given), port=port, data_dir=Path(folder))
        return run_process(in_folder, wants_screen=True, demo=True)


def _without_own_file(given: Given) -> Given:
    """The operator's own file may name real accounts: the demo reads a file only where one is named."""
    return replace(given, ignore_file=given.config is None and not os.environ.get(CONFIG_VARIABLE))


def has_terminal() -> bool:
    """Whether somebody can look and type."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def say_mistakes(bad: BadSettings) -> int:
    """Print every mistake and return the exit code."""
    count = len(bad.mistakes)
    click.echo(f"{count} {'setting is' if count == 1 else 'settings are'} wrong:", err=True)
    for mistake in bad.mistakes:
        click.echo(f"  {mistake.sentence()}", err=True)
    return USAGE
