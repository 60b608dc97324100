"""Codes of the operator's authenticator at the command line: by ``--totp``, or asked for where there is a terminal."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from cockpit.cli.processes import has_terminal
from cockpit.cli.socket_client import ask
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.operator.act import Act, Answer, Argument, Command, Danger, TotpDue
from cockpit.operator.acts import ACTS

_TRIES: Final = 3
_AGAIN: Final = frozenset({"TOTP_NEEDED", "TOTP_WRONG", "TOTP_USED"})
"""Refusals after which another code may be typed."""


def may_take_code(act: Act) -> bool:
    """Whether there is anything with which an act takes a code."""
    return act.danger is not Danger.SAFE or act.totp is TotpDue.ALWAYS


def ask_with_code(socket: Path, command: Command, *, asks: bool) -> Answer:
    """Have a command carried out, and ask for the code that it takes; one that was given is not asked for again."""
    answer = ask(socket, command)
    if command.totp or not asks:
        return answer
    for _ in range(_TRIES):
        if not isinstance(answer, Refusal) or answer.code not in _AGAIN:
            break
        code = _typed(answer, "Code of your authenticator")
        if not code:
            return refuse("TOTP_NEEDED", "No code was typed; nothing was done.")
        answer = ask(socket, replace(command, totp=code))
    return answer


def finish(socket: Path, begun: Act) -> tuple[Act, Answer]:
    """Ask for the argument of the act that finishes what was begun; return that act and its answer."""
    act = ACTS[begun.finished_by]
    (argument,) = act.arguments
    answer: Answer = refuse("TOTP_NEEDED")
    for _ in range(_TRIES):
        typed = _typed(answer, argument.help)
        if not typed:
            return act, refuse("WORD_MISSING", f"Nothing was typed; {act.command} does it later.")
        answer = ask(socket, Command(act.name, {argument.name: typed}, by="socket"))
        if not isinstance(answer, Refusal) or answer.code not in _AGAIN:
            break
    return act, answer


def ask_unseen(argument: Argument) -> str:
    """Have a secret typed twice without showing it; without a terminal it is the first line that comes in."""
    if not has_terminal():
        return sys.stdin.readline().rstrip("\r\n")
    return click.prompt(
        argument.help, hide_input=True, confirmation_prompt=True, default="", show_default=False, err=True
    )


def _typed(answer: Answer, question: str) -> str:
    # Shown while it is typed: it is worth nothing once it was used, and a slip is seen.
    if isinstance(answer, Refusal) and answer.code != "TOTP_NEEDED":
        click.echo(safe(answer.message, 300), err=True)
    return click.prompt(question, default="", show_default=False, err=True).strip()
