"""How file, environment and command line become one frozen Settings, or the list of everything that is wrong."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from cockpit.model.text import safe
from cockpit.settings.describe import bounds_of, field_at, kind_of, names_beside
from cockpit.settings.mistakes import BadSettings, Mistake, shown
from cockpit.settings.model import Settings
from cockpit.settings.policy import is_looser, limit_words, said
from cockpit.settings.where import (
    CONFIG_VARIABLE,
    MAX_SOCKET_PATH,
    PREFIX,
    SOCKET_NAME,
    Given,
    absolute,
    config_file,
    default_data_folder,
    read_file,
)

DELIMITER: Final = "__"

_Table = dict[str, Any]
_Path = tuple[str, ...]
_Origins = dict[_Path, str]


class _Keys(Settings, BaseSettings):
    """The same keys as a settings class, so that variables are read by their types."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=DELIMITER, extra="forbid", frozen=True)


class _OneVariable(EnvSettingsSource):
    """Reads one variable, so that a value that can't be read is that variable's mistake alone."""

    def __init__(self, name: str, value: str) -> None:
        self._one = {name.lower(): value}
        super().__init__(_Keys)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._one


def load(given: Given | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read everything. The command line wins over the environment, the environment over the file.

    Raises BadSettings with every mistake of every source.
    """
    given = given or Given()
    environ = os.environ if environ is None else environ
    mistakes: list[Mistake] = []
    file, named = config_file(given, environ)
    merged: _Table = {"data_dir": str(default_data_folder()), "config_dir": str(file.parent)}
    origins: _Origins = {}
    try:
        if not given.ignore_file:
            _merge(merged, read_file(file, named), safe(str(file), 300), origins)
    except BadSettings as bad:
        mistakes += bad.mistakes
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name != CONFIG_VARIABLE:
            _take_variable(name, environ[name], merged, origins, mistakes)
    _take_options(given, merged, origins)
    for folder in ("data_dir", "config_dir"):
        if isinstance(merged[folder], str):
            merged[folder] = str(absolute(Path(merged[folder])))
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        mistakes += (_mistake(detail, origins) for detail in error.errors(include_url=False))
        raise BadSettings(tuple(mistakes)) from None
    mistakes += _too_long(settings, origins)
    mistakes += _looser(settings, origins)
    if mistakes:
        raise BadSettings(tuple(mistakes))
    return settings


def _merge(into: _Table, said: _Table, origin: str, origins: _Origins, above: _Path = ()) -> None:
    for name, value in said.items():
        path = (*above, name)
        origins[path] = origin
        if isinstance(value, dict) and value:
            below = into.get(name)
            if not isinstance(below, dict):
                into[name] = below = {}
            _merge(below, value, origin, origins, path)
        else:
            into[name] = value


def _take_variable(name: str, value: str, merged: _Table, origins: _Origins, mistakes: list[Mistake]) -> None:
    path = tuple(name[len(PREFIX) :].lower().split(DELIMITER))
    key = ".".join(path)
    origin = f"environment {safe(name, 120)}"
    field = field_at(path)
    if field is None and (not names_beside(path) or path[-1] not in names_beside(path)):
        mistakes.append(Mistake(safe(key, 120), origin, "there is no such setting.", hint=_variable_hint(path)))
        return
    try:
        said = _OneVariable(name, value)()
    except ValueError:
        kind = kind_of(field.annotation) if field else "table"
        mistakes.append(Mistake(safe(key, 120), origin, f"must be a {kind} written as JSON.", shown(key, value)))
        return
    if field is None and not isinstance(_at(said, path), dict | list):
        mistakes.append(Mistake(safe(key, 120), origin, "must be a table written as JSON.", shown(key, value)))
        return
    _merge(merged, said, origin, origins)


def _at(table: _Table, path: _Path) -> object:
    found: object = table
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _take_options(given: Given, merged: _Table, origins: _Origins) -> None:
    if given.data_dir is not None:
        _merge(merged, {"data_dir": str(given.data_dir)}, "option --data-dir", origins)
    if given.host is not None:
        _merge(merged, {"server": {"host": given.host}}, "option --host", origins)
    if given.port is not None:
        _merge(merged, {"server": {"port": given.port}}, "option --port", origins)


def _mistake(detail: ErrorDetails, origins: _Origins) -> Mistake:
    path = tuple(str(part) for part in detail["loc"])
    if path[-1] == "[key]":
        path = path[:-1]
        key, problem = safe(".".join(path), 120), "a connection's name is 1 to 32 of a-z, 0-9, '-' and '_'."
        return Mistake(key, origins.get(path, "default"), problem)
    key = safe(".".join(path), 120)
    origin = next((origins[path[:end]] for end in range(len(path), 0, -1) if path[:end] in origins), "default")
    value = shown(".".join(path), detail["input"])
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], names_beside(path), n=1)
        hint = ".".join((*path[:-1], near[0])) if near else ""
        return Mistake(key, origin, "there is no such setting.", hint=hint)
    field = field_at(path) or field_at(path[:-1])
    if field is not None and detail["type"] != "value_error":
        allowed = bounds_of(field)
        problem = f"must be a {kind_of(field.annotation)}{f', {allowed}' if allowed else ''}."
    else:
        words = detail["msg"].removeprefix("Value error, ")
        problem = f"{words[:1].lower()}{words[1:]}."
    return Mistake(key, origin, safe(problem, 300), value)


def _variable_hint(path: _Path) -> str:
    near = difflib.get_close_matches(path[-1], names_beside(path), n=1)
    if not near and len(path) > 1 and not names_beside(path):
        near = difflib.get_close_matches(path[0], names_beside(path[:1]), n=1)
        path = (near[0], *path[1:]) if near else path
        return _variable(path) if near else ""
    return _variable((*path[:-1], near[0])) if near else ""


def _variable(path: _Path) -> str:
    return safe(PREFIX + DELIMITER.join(path).upper(), 120)


def _looser(settings: Settings, origins: _Origins) -> Iterator[Mistake]:
    """Yield every limit of a client that tightens no connection's: it would only look as if it did something."""
    policies = [connection.policy for connection in settings.connections.values()]
    for client, section in settings.clients.items():
        for key, value in said(section.policy).items():
            bounds = [getattr(policy, key) for policy in policies]
            if not all(is_looser(key, value, bound) for bound in bounds):
                continue
            path = ("clients", client, "policy", key)
            origin = next((origins[path[:end]] for end in range(len(path), 0, -1) if path[:end] in origins), "default")
            dotted = safe(".".join(path), 120)
            problem = "a client's limit may only tighten, and every connection's is stricter."
            yield Mistake(dotted, origin, problem, shown(dotted, limit_words(value)))


def _too_long(settings: Settings, origins: _Origins) -> tuple[Mistake, ...]:
    path = settings.data_dir / SOCKET_NAME
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return ()
    most = MAX_SOCKET_PATH - len(SOCKET_NAME) - 1
    origin = origins.get(("data_dir",), "default")
    return (
        Mistake(
            "data_dir",
            origin,
            f"a path of at most {most} bytes, because the control socket lies in it.",
            shown("data_dir", str(settings.data_dir)),
        ),
    )
