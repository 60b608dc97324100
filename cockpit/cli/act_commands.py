"""The commands to a running cockpit, made from the registry of acts: arguments, questions, answers, exit codes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from cockpit.cli.offline import OFFLINE
from cockpit.cli.processes import DONE, REFUSED, has_terminal, say_mistakes
from cockpit.cli.show import in_words
from cockpit.cli.socket_client import LostContact, NotRunning, ask
from cockpit.cli.typed_codes import ask_unseen, ask_with_code, finish, may_take_code
from cockpit.model.refusals import Refusal, refusal_json, refuse
from cockpit.model.text import safe
from cockpit.operator.act import Act, Answer, Argument, Command, Danger, Done, Kind, danger_of
from cockpit.operator.acts import ACTS, AUDIT_VERIFY
from cockpit.operator.looks import bound, look_before
from cockpit.operator.wire import argument_text, arguments_of
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import SOCKET_NAME, Given, data_folder

_GROUPS: Final = {
    "key": "API keys: for scripts that can't show a browser.",
    "token": "Signed tokens, and the key that signs them.",
    "service": "Services: programs that get their tokens for a secret of their own.",
    "totp": "Codes of an authenticator, for what adds risk.",
    "web": "Signing in at a web page, for hosts without a screen.",
    "audit": "The record of every call and decision.",
}


def add_acts(root: click.Group) -> None:
    """Give ``root`` a command for every act."""
    for act in ACTS.values():
        *above, last = act.command.split()
        group = root
        for word in above:
            below = group.commands.get(word)
            if not isinstance(below, click.Group):
                below = click.Group(word, help=_GROUPS.get(word)) if below is None else _group_of(below)
                group.add_command(below)
            group = below
        group.add_command(command_for(act, last))


def command_for(act: Act, word: str) -> click.Command:
    """Make the command of one act."""

    @click.pass_context
    def run(context: click.Context, as_json: bool, yes: bool = False, totp: str = "", **values: Any) -> None:
        wanted = Command(act.name, _texts(act, values), by="socket", totp=totp or "")
        context.exit(_run(act, wanted, context.obj or Given(), as_json=as_json, yes=yes))

    parameters = [_parameter(argument) for argument in act.arguments if argument.kind is not Kind.SECRET]
    if act.danger is not Danger.SAFE:
        parameters.append(click.Option(["--yes", "-y"], is_flag=True, help="Don't ask back."))
    if may_take_code(act):
        parameters.append(click.Option(["--totp"], help="Code of your authenticator, where one is enrolled."))
    parameters.append(click.Option(["--json", "as_json"], is_flag=True, help="Answer with JSON."))
    return click.Command(word, callback=run, params=parameters, help=f"{act.help}.", short_help=act.help)


def _group_of(command: click.Command) -> click.Group:
    """Make a command that has others below it; without one of them it does what it did."""

    @click.pass_context
    def run(context: click.Context, **values: Any) -> None:
        if context.invoked_subcommand is None:
            context.invoke(command, **values)

    return click.Group(
        command.name,
        callback=run,
        invoke_without_command=True,
        params=command.params,
        help=command.help,
        short_help=command.short_help,
    )


class _Checked(click.ParamType):
    """Reads an argument by its kind, with the same rules as the other end."""

    def __init__(self, argument: Argument) -> None:
        self.name = argument.kind.value
        self._argument = argument

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return argument_text(self._argument, str(value))
        except ValueError as error:
            self.fail(f"must be {error}.", param, ctx)


def _parameter(argument: Argument) -> click.Parameter:
    variable = _variable(argument)
    if argument.required:
        return click.Argument([variable], type=_Checked(argument), metavar=argument.name.upper())
    repeats = argument.kind is Kind.SCOPES
    flags = [f"--{argument.name.replace('_', '-')}", variable]
    if argument.kind is Kind.FLAG:
        return click.Option(flags, is_flag=True, help=argument.help)
    return click.Option(flags, type=_Checked(argument), multiple=repeats, help=argument.help)


def _variable(argument: Argument) -> str:
    return f"given_{argument.name}"


def _texts(act: Act, values: dict[str, Any]) -> dict[str, str]:
    said = {
        argument.name: ask_unseen(argument) if argument.kind is Kind.SECRET else values[_variable(argument)]
        for argument in act.arguments
    }
    return {name: _text(value) for name, value in said.items() if value}


def _text(value: Any) -> str:
    if value is True:
        return "yes"
    return " ".join(value) if isinstance(value, tuple) else value


def _run(act: Act, wanted: Command, given: Given, *, as_json: bool, yes: bool) -> int:
    arguments = arguments_of(act, wanted.arguments)
    if isinstance(arguments, Refusal):
        raise click.UsageError(arguments.message)
    try:
        folder = data_folder(given, os.environ)
    except BadSettings as bad:
        return say_mistakes(bad)
    if act.local:
        return _say(act, OFFLINE[act.name](folder, arguments), as_json)
    command, socket = replace(wanted, arguments=arguments), folder / SOCKET_NAME
    try:
        if not yes and danger_of(act, arguments) is not Danger.SAFE:
            confirmed = _confirm(act, command, socket)
            if isinstance(confirmed, Refusal):
                return _say(act, confirmed, as_json)
            command = confirmed
        answer = ask_with_code(socket, command, asks=has_terminal())
        if act.finished_by and isinstance(answer, Done) and has_terminal() and not as_json:
            _say(act, answer, as_json)
            act, answer = finish(socket, act)
    except NotRunning:
        if act.name not in OFFLINE:
            click.echo(_how_to_start(given, str(folder)), err=True)
            return REFUSED
        answer = OFFLINE[act.name](folder, arguments)
    except LostContact as lost:
        click.echo(f"{lost}. Whether {act.command} was carried out is not known; look with `cockpit status`.", err=True)
        return REFUSED
    return _say(act, answer, as_json)


def _confirm(act: Act, command: Command, socket: Path) -> Command | Refusal:
    """Show what is decided on and ask; return the command bound to what was shown, or why it isn't carried out."""
    if not has_terminal():
        return refuse("WORD_MISSING", f"{act.command} adds risk and there is no terminal to ask at; say --yes.")
    look = look_before(command)
    if look is not None:
        seen = ask(socket, look)
        if isinstance(seen, Refusal):
            return seen
        click.echo(
            in_words(ACTS[look.act], seen) if isinstance(look, Command) else in_words(act, Done(seen.says)), err=True
        )
        command = bound(command, seen)
    shown = [argument.name for argument in act.arguments if argument.kind is not Kind.SECRET]
    facts = ", ".join(f"{name} {command.arguments[name]}" for name in shown if name in command.arguments)
    question = f"{act.help}{f' ({facts})' if facts else ''}"
    if act.danger is Danger.TYPED:
        typed = click.prompt(f"{question}. Type {act.word} to go on", default="", show_default=False, err=True)
        return command if typed.strip() == act.word else refuse("WORD_MISSING")
    if click.confirm(f"{question}?", default=False, err=True):
        return command
    return refuse("WORD_MISSING", f"{act.command} was not confirmed; nothing was done.")


def _say(act: Act, answer: Answer, as_json: bool) -> int:
    if isinstance(answer, Refusal):
        click.echo(json.dumps(refusal_json(answer)) if as_json else _refusal_words(answer), err=True)
        return REFUSED
    click.echo(json.dumps(answer.data) if as_json else in_words(act, answer))
    found_bad = act is AUDIT_VERIFY and isinstance(answer.data, dict) and answer.data.get("ok") is False
    return REFUSED if found_bad else DONE


def _refusal_words(refusal: Refusal) -> str:
    facts = ", ".join(f"{safe(name)} {safe(value)}" for name, value in refusal.details.items())
    who = "nobody" if refusal.who_can_fix == "nobody" else f"the {refusal.who_can_fix}"
    again = "; the same may work later" if refusal.retryable else ""
    return f"Refused, {refusal.code}: {safe(refusal.message, 500)}{f' ({facts})' if facts else ''} Who can mend it: {who}{again}."


def _how_to_start(given: Given, folder: str) -> str:
    where = f" --data-dir {safe(folder, 300)}" if given.data_dir is not None else ""
    return (
        f"No cockpit is running on {safe(folder, 300)}. "
        f"Start one with `cockpit{where}` in a terminal, or `cockpit{where} serve` without a screen."
    )
