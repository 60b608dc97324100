"""``attach``: the screen of a cockpit that runs in another process."""

from __future__ import annotations

import os

import click

from cockpit.cli.processes import REFUSED, say_mistakes
from cockpit.model.screen import ScreenSettings
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import SOCKET_NAME, Given, data_folder


def run_attach(given: Given, *, read_only: bool) -> int:
    """Attach this terminal to the cockpit that runs on the data folder; return the exit code."""
    from tui.run import has_terminal

    if not has_terminal():
        click.echo("There is no terminal to draw on; `cockpit tail --plain` needs none.", err=True)
        return REFUSED
    try:
        folder = data_folder(given, os.environ)
    except BadSettings as bad:
        return say_mistakes(bad)
    from cockpit.app.attaching import attach
    from cockpit.operator.remote.remote_face import CannotAttach

    try:
        return attach(folder / SOCKET_NAME, _looks(given), read_only=read_only)
    except CannotAttach as problem:
        click.echo(str(problem), err=True)
        return REFUSED


def _looks(given: Given) -> ScreenSettings:
    """Read how the screen is wanted. A mistake in the settings keeps nobody from the cockpit that runs with others."""
    from cockpit.app.looks import looks_of
    from cockpit.settings.load import load

    try:
        return looks_of(load(given))
    except BadSettings as bad:
        say_mistakes(bad)
        click.echo("The screen is drawn as if nothing was set.", err=True)
        return ScreenSettings()
