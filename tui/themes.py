"""Which colour themes there are: those that come with the cockpit, and the operator's own TOML files."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Final

from textual.color import Color, ColorParseError
from textual.theme import Theme

from cockpit.model.text import Safe, safe
from tui.palette import DARK

_NAME: Final = re.compile(r"[A-Za-z0-9_\-]{1,40}")
_COLOURS: Final = frozenset(
    {
        "primary",
        "secondary",
        "accent",
        "warning",
        "error",
        "success",
        "foreground",
        "background",
        "surface",
        "panel",
        "boost",
    }
)
_DEFAULT: Final = -1
"""Number of the terminal's own colour, of which nobody knows whether it can be read."""
_LARGEST: Final = 64 * 1024
_MOST: Final = 100
_LONGEST_NOTICE: Final = 300


class ThemeUnfit(ValueError):
    """A theme file says something that isn't a theme; the message names it."""


def theme_of(name: str, text: str) -> Theme:
    """Read one theme file. ThemeUnfit says what is wrong with it, and what is allowed there."""
    if not _NAME.fullmatch(name):
        raise ThemeUnfit("the file's name may hold letters, digits, dashes and underscores, at most 40")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ThemeUnfit(f"not TOML: {problem}") from problem
    variables = values.pop("variables", {})
    dark, ansi = (_flag(values, key, otherwise) for key, otherwise in (("dark", True), ("ansi", False)))
    if not isinstance(variables, dict):
        raise ThemeUnfit("variables must be a table of colours")
    if unknown := sorted(set(values) - _COLOURS):
        raise ThemeUnfit(f"{unknown[0]} is no key; allowed are ansi, dark, variables, {', '.join(sorted(_COLOURS))}")
    if unknown := sorted(set(variables) - DARK.keys()):
        raise ThemeUnfit(f"variables.{unknown[0]} is none; allowed are {', '.join(DARK)}")
    if "primary" not in values:
        raise ThemeUnfit("primary is missing: a colour that every theme names")
    colours = dict(_colours(values, ansi))
    theme = Theme(
        name=name, primary=colours.pop("primary"), dark=dark, ansi=ansi, variables=dict(_colours(variables, ansi))
    )
    return replace(theme, **colours)  # pyright: ignore[reportArgumentType]: only the keys of _COLOURS are left


def shipped() -> tuple[Theme, ...]:
    """Return the themes that come with the cockpit."""
    files = sorted(
        (entry for entry in resources.files("themes").iterdir() if entry.name.endswith(".toml")),
        key=lambda entry: entry.name,
    )
    return tuple(theme_of(entry.name.removesuffix(".toml"), entry.read_text("utf-8")) for entry in files)


def found_in(folder: Path | None) -> tuple[tuple[Theme, ...], tuple[Safe, ...]]:
    """Read the operator's own themes; a file that is none is left out, with a notice that says why."""
    if folder is None or not folder.is_dir():
        return (), ()
    themes: list[Theme] = []
    notices: list[Safe] = []
    paths = sorted(folder.glob("*.toml"))
    if len(paths) > _MOST:
        notices.append(safe(f"themes: {len(paths)} files; the first {_MOST} by name are read"))
    for path in paths[:_MOST]:
        try:
            themes.append(theme_of(path.stem, _read(path)))
        except (OSError, UnicodeDecodeError, ThemeUnfit) as problem:
            notices.append(safe(f"theme {path.name} left out: {problem}", _LONGEST_NOTICE))
    return tuple(themes), tuple(notices)


def _read(path: Path) -> str:
    """Read a file and nothing else: a pipe would hold up the start until somebody writes."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ThemeUnfit("no regular file")
        read = os.read(file, _LARGEST + 1)
    finally:
        os.close(file)
    if len(read) > _LARGEST:
        raise ThemeUnfit("larger than 64 KiB")
    return read.decode("utf-8")


def _flag(values: dict[str, object], key: str, otherwise: bool) -> bool:
    value = values.pop(key, otherwise)
    if not isinstance(value, bool):
        raise ThemeUnfit(f"{key} must be true or false")
    return value


def _colours(values: Mapping[str, object], ansi: bool) -> Iterator[tuple[str, str]]:
    allowed = "one of ansi_black … ansi_bright_white" if ansi else "a whole colour such as #2FC79A or teal"
    for key, value in values.items():
        try:
            colour = Color.parse(value) if isinstance(value, str) else None
        except ColorParseError:
            colour = None
        if colour is None or (colour.ansi is not None) is not ansi or colour.ansi == _DEFAULT or colour.a < 1:
            raise ThemeUnfit(f"{key} must be {allowed}")
        yield key, str(value)
