"""The command ``cockpit`` with its global options: what starts a process stands here, the rest is made from the acts."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cockpit.cli.act_commands import add_acts
from cockpit.cli.connect.guides import CLIENTS
from cockpit.cli.processes import run_demo, run_process
from cockpit.settings.where import Given

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


def _show_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version  # slow to import, and needed here alone

    try:
        click.echo(f"cockpit {version('trading-cockpit')}")
    except PackageNotFoundError:
        click.echo("cockpit, not installed: run from its source")
    context.exit()


class _InOrder(click.Group):
    """Lists its commands as they were declared, not by the alphabet: what starts a process comes first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_InOrder,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 refused, 2 wrong usage or settings.",
)
@click.option("--config", type=_FILE, help="Settings file.")
@click.option("--data-dir", type=_FOLDER, help="Folder of database, keys and socket.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Say which.")
@click.pass_context
def cockpit(
    context: click.Context, config: Path | None, data_dir: Path | None, host: str | None, port: int | None
) -> None:
    """Let AI clients work on your broker account, and keep the last word.

    Without a command: server and screen, in one process. Commands that start nothing talk to the running process.
    """
    context.obj = Given(config, data_dir, host, port)
    if context.invoked_subcommand is None:
        context.exit(run_process(context.obj, wants_screen=True))


@cockpit.command(short_help="Run without a screen.")
@click.pass_context
def serve(context: click.Context) -> None:
    """Run without a screen: one line `ready URL` on stdout, logs on stderr."""
    context.exit(run_process(context.obj, wants_screen=False))


@cockpit.command(short_help="Show the screen of a cockpit that runs.")
@click.option("--read-only", is_flag=True, help="Look, and change nothing.")
@click.pass_context
def attach(context: click.Context, read_only: bool) -> None:
    """Show the screen of a cockpit that runs on the same data folder, in as many terminals as you like.

    Leaving it leaves the cockpit running. What adds risk takes a code of your authenticator here, once one is enrolled.
    """
    from cockpit.cli.attached import run_attach  # slow to import, and needed here alone

    context.exit(run_attach(context.obj, read_only=read_only))


@cockpit.command(short_help="Print what happens, a line each.")
@click.option("--plain", is_flag=True, help="No colours, also on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@click.pass_context
def tail(context: click.Context, plain: bool, as_json: bool) -> None:
    """Print what waits for you, then each call, order and decision in the running cockpit, in one line.

    Lines that wait for you say with which command you decide. It ends with the cockpit, or once nobody reads.
    """
    from cockpit.cli.tail import run_tail  # slow to import, and needed here alone

    context.exit(run_tail(context.obj, is_plain=plain, as_json=as_json))


@cockpit.command(short_help="Let a program of this computer in by its standard input and output.")
@click.pass_context
def stdio(context: click.Context) -> None:
    """Speak MCP over standard input and output: a relay to the cockpit that runs on the same data folder.

    For clients that start their servers themselves. What may come in so is set by `[stdio]` of the settings; it is off
    until you set `stdio.enabled`. Exit code 1 where no cockpit ran at the end.
    """
    from cockpit.cli.stdio.command import run_stdio  # slow to import, and needed here alone

    context.exit(run_stdio(context.obj))


@cockpit.command(short_help="Say what to paste where, so that a client finds it.")
@click.argument("client", type=click.Choice(tuple(CLIENTS)))
@click.option("--key", metavar="NAME", default="", help="With an API key of that name instead of signing in.")
@click.option("--connection", default="", help="Connection that the key is for, where there are several.")
@click.option("--stdio", "by_stdio", is_flag=True, help="By standard input and output, on this computer.")
@click.option("--json", "as_json", is_flag=True, help="Answer with JSON.")
@click.pass_context
def connect(context: click.Context, client: str, key: str, connection: str, by_stdio: bool, as_json: bool) -> None:
    """Print exactly what to paste where, so that CLIENT finds this cockpit.

    It names the address of the cockpit that runs, or else that of the settings. No secret is printed: a key stands as a
    variable. Exit code 1 where the client can't reach it as things are.
    """
    from cockpit.cli.connect.command import Wish, run_connect  # slow to import, and needed here alone

    if key and by_stdio:
        raise click.UsageError("Name a key or --stdio, not both: no key is needed by standard input and output.")
    if connection and not key:
        raise click.UsageError("--connection says what a key is for: name one with --key.")
    wish = Wish(client, key, connection, by_stdio=by_stdio)
    context.exit(run_connect(context.obj, wish, as_json=as_json))


@cockpit.command(short_help="Try it in a temporary folder, with a small AI client.")
@click.pass_context
def demo(context: click.Context) -> None:
    """Server and screen in a temporary folder, with a small AI client that really connects.

    The client comes over HTTP and OAuth like any other: let it in, and it proposes orders on invented prices.
    """
    context.exit(run_demo(context.obj))


@cockpit.command(short_help="Look at everything that a cockpit needs.")
@click.option("--json", "as_json", is_flag=True, help="Answer with JSON.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look at settings, folders, clock, network and terminal; say what is wrong, and what mends it.

    With a cockpit running it also asks the public address what a client asks first. Exit code 1 where something is wrong.
    """
    from cockpit.cli.doctor.examination import doctor as examined  # heavy, and needed here alone

    context.exit(examined(context.obj, as_json=as_json, encoding=sys.stdout.encoding or ""))


add_acts(cockpit)
