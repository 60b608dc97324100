"""Which colour themes there are: those that come with the cockpit, and the operator's own TOML files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Final

from textual.color import Color, ColorParseError
from textual.theme import Theme

from cockpit.model.text import Safe, safe

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
_LARGEST: Final = 64 * 1024
_MOST: Final = 100


class ThemeUnfit(ValueError):
    """A theme file says something that isn't a theme; the message names it."""


def theme_of(name: str, text: str) -> Theme:
    """Read one theme file. ThemeUnfit says what is wrong with it."""
    if not _NAME.fullmatch(name):
        raise ThemeUnfit("the file's name may hold letters, digits, dashes and underscores")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ThemeUnfit(f"not TOML: {problem}") from problem
    variables = values.pop("variables", {})
    dark = values.pop("dark", True)
    if not isinstance(dark, bool):
        raise ThemeUnfit("dark must be true or false")
    if not isinstance(variables, dict):
        raise ThemeUnfit("variables must be a table")
    unknown = sorted(set(values) - _COLOURS)
    if unknown:
        raise ThemeUnfit(f"unknown key {unknown[0]}")
    if "primary" not in values:
        raise ThemeUnfit("primary is missing")
    colours = dict(_colours(values))
    theme = Theme(name=name, primary=colours.pop("primary"), dark=dark, variables=dict(_colours(variables)))
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
    for path in sorted(folder.glob("*.toml"))[:_MOST]:
        try:
            if path.stat().st_size > _LARGEST:
                raise ThemeUnfit("larger than 64 KiB")
            themes.append(theme_of(path.stem, path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, ThemeUnfit) as problem:
            notices.append(safe(f"theme {path.name} left out: {problem}"))
    return tuple(themes), tuple(notices)


def _colours(values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if not isinstance(key, str) or not _NAME.fullmatch(key):
            raise ThemeUnfit("a variable's name may hold letters, digits, dashes and underscores")
        if not isinstance(value, str):
            raise ThemeUnfit(f"{key} must be a colour")
        try:
            Color.parse(value)
        except ColorParseError as problem:
            raise ThemeUnfit(f"{key} is no colour") from problem
        yield key, value
