"""The ``:`` line: from what was typed to a command, for every act that there is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final

from cockpit.model.identity import scopes_of
from cockpit.operator.act import Act, Argument, Command, Kind
from tui.screen_acts import KNOWN

_BY_WORDS: Final[Mapping[str, Act]] = {act.command: act for act in KNOWN.values()}


class LineUnfit(ValueError):
    """The line is no command; the message says why."""


def usage(act: Act) -> str:
    """Say how an act is typed: ``approve CODE [--as NAME]``."""
    parts = [act.command]
    for argument in act.arguments:
        name = argument.name.upper().replace("_", "-")
        parts.append(name if argument.required else f"[--{argument.name} …]")
    return " ".join(parts)


def matching(text: str, *, looks_only: bool = False) -> tuple[Act, ...]:
    """Return the acts that a half-typed line may become, in alphabetical order; ``looks_only`` leaves out what changes."""
    typed = " ".join(text.split())
    found = [act for words, act in _BY_WORDS.items() if words.startswith(typed) or typed.startswith(f"{words} ")]
    found = [act for act in found if not (looks_only and act.changes)]
    exact = [act for act in found if typed == act.command or typed.startswith(f"{act.command} ")]
    longest = max(exact, key=lambda act: len(act.command), default=None)
    if longest is not None:
        return (longest,)
    return tuple(sorted(found, key=lambda act: act.command))


def whole_act(text: str) -> Act | None:
    """Return the act whose words stand whole at the beginning of a line, with a space behind them."""
    stand = [act for words, act in _BY_WORDS.items() if text.startswith(f"{words} ")]
    return max(stand, key=lambda act: len(act.command), default=None)


def act_named_in(text: str) -> Act:
    """Return the act that a line names, whatever else is in it. LineUnfit where it names none."""
    return _act_of(text.split())[0]


def command_of(text: str) -> tuple[Act, Command]:
    """Read a whole line. LineUnfit says what is wrong with it."""
    try:
        words = shlex.split(text)
    except ValueError as problem:
        raise LineUnfit("a quote is not closed") from problem
    act, rest = _act_of(words)
    return act, Command(act.name, _arguments(act, rest))


def _act_of(words: list[str]) -> tuple[Act, list[str]]:
    if not words:
        raise LineUnfit("nothing was typed")
    for count in (2, 1):
        act = _BY_WORDS.get(" ".join(words[:count]))
        if act is not None and len(words) >= count:
            return act, words[count:]
    raise LineUnfit(f"no command {words[0]!r}; ? lists them all")


def _arguments(act: Act, words: list[str]) -> dict[str, str]:
    by_name = {argument.name: argument for argument in act.arguments}
    given: dict[str, str] = {}
    loose: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            loose.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        argument = by_name.get(name.replace("-", "_"))
        if argument is None:
            raise LineUnfit(f"{act.command} has no --{name}: {usage(act)}")
        if not equals and argument.kind is Kind.FLAG:
            value = "yes"
        elif not equals:
            if not rest:
                raise LineUnfit(f"--{name} needs a value")
            value = rest.pop(0)
        _give(given, argument, value)
    _place(act, loose, given)
    missing = [argument.name for argument in act.arguments if argument.required and argument.name not in given]
    if missing:
        raise LineUnfit(f"{missing[0].upper().replace('_', '-')} is missing: {usage(act)}")
    return given


def _place(act: Act, loose: list[str], given: dict[str, str]) -> None:
    """Give loose words to what is required, in order; a single free text takes all that is left."""
    for argument in act.arguments:
        if argument.required and argument.name not in given and loose:
            _give(given, argument, loose.pop(0))
    free = [argument for argument in act.arguments if not argument.required and argument.kind is Kind.TEXT]
    if loose and len(free) == 1 and free[0].name not in given:
        given[free[0].name] = " ".join(loose)
        loose.clear()
    if loose:
        raise LineUnfit(f"{loose[0]!r} is too much: {usage(act)}")


def _give(given: dict[str, str], argument: Argument, value: str) -> None:
    if argument.kind is Kind.SCOPES:
        try:
            scopes_of(value.replace(",", " "))
        except ValueError as problem:
            raise LineUnfit(f"{value!r} is no scope") from problem
        value = f"{given.get(argument.name, '')} {value.replace(',', ' ')}".strip()
    given[argument.name] = value
