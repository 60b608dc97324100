"""The line that takes a code of the operator's authenticator: for an act that waits for it, or to finish enrolling."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cockpit.model.refusals import Refusal
from cockpit.model.text import safe
from cockpit.operator.act import Act, Command
from cockpit.operator.acts import ACTS
from tui.asking import Asks, Entry, Question

AGAIN: Final = frozenset({"TOTP_NEEDED", "TOTP_WRONG", "TOTP_USED"})
"""Refusals after which a code may be typed."""
_LONGEST_SUBJECT: Final = 30
_FINISHES: Final = frozenset(act.finished_by for act in ACTS.values() if act.finished_by)


def code_for(command: Command, refusal: Refusal, ground: Question | None = None) -> Entry:
    """Ask for the code that a refused command takes, and say what was wrong with the last one.

    ``ground``: the question that the command answers, if one was asked.
    """
    note = "" if refusal.code == "TOTP_NEEDED" else refusal.message
    if command.act in _FINISHES:
        return replace(_finishing(ACTS[command.act]), note=note)
    act = ACTS[command.act]
    subject = next((command.arguments.get(one.name, "") for one in act.arguments if one.required), "")
    label = f"AUTHENTICATOR CODE to {act.command} {safe(subject, _LONGEST_SUBJECT)}".rstrip()
    return Entry(Asks.TOTP, label, command=replace(command, totp=""), note=note, ground=ground)


def finish_of(begun: Act) -> Entry:
    """Ask for what finishes an act that was begun."""
    return _finishing(ACTS[begun.finished_by])


def command_with(entry: Entry, typed: str) -> Command | None:
    """Return what the typed code sends."""
    if entry.command is None:
        return None
    if entry.argument:
        return replace(entry.command, arguments={entry.argument: typed})
    return replace(entry.command, totp=typed)


def _finishing(act: Act) -> Entry:
    (argument,) = act.arguments
    return Entry(Asks.TOTP, "FIRST CODE that it shows", command=Command(act.name), argument=argument.name)
