"""Which file and which data folder are meant, found without reading the rest: all that a command to a running cockpit needs."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

from cockpit.model.text import safe
from cockpit.settings.mistakes import BadSettings, Mistake

APP: Final = "cockpit"
FILE_NAME: Final = "cockpit.toml"
PREFIX: Final = "COCKPIT_"
CONFIG_VARIABLE: Final = "COCKPIT_CONFIG"
SOCKET_NAME: Final = "control.sock"
CLIENT_SOCKET_NAME: Final = "mcp.sock"
"""Where `cockpit stdio` reaches the running process."""
MAX_FILE_BYTES: Final = 1_048_576
MAX_SOCKET_PATH: Final = 100
"""Bytes that the path of a Unix socket may have on every system (Linux allows 107, others 103)."""

_POSITION: Final = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)\s*$")


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line said; None where it said nothing."""

    config: Path | None = None
    data_dir: Path | None = None
    host: str | None = None
    port: int | None = None
    ignore_file: bool = False
    """Take no settings from the file; its folder still holds the operator's themes."""


def config_file(given: Given, environ: Mapping[str, str]) -> tuple[Path, bool]:
    """Return the settings file and whether it was named, so that it must exist."""
    named = given.config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named is not None:
        return absolute(named), True
    return platformdirs.user_config_path(APP, appauthor=False) / FILE_NAME, False


def data_folder(given: Given, environ: Mapping[str, str]) -> Path:
    """Return the data folder. Raises BadSettings where the file can't be read."""
    if given.data_dir is not None:
        return absolute(given.data_dir)
    if environ.get(f"{PREFIX}DATA_DIR"):
        return absolute(Path(environ[f"{PREFIX}DATA_DIR"]))
    file = {} if given.ignore_file else read_file(*config_file(given, environ))
    said = file.get("data_dir")
    return absolute(Path(said)) if isinstance(said, str) and said else default_data_folder()


def default_data_folder() -> Path:
    """Return the folder that the platform keeps a user's data in."""
    return platformdirs.user_data_path(APP, appauthor=False)


def absolute(path: Path) -> Path:
    """Make a path independent of the working folder; ``~`` is the user's home."""
    try:
        path = path.expanduser()
    except RuntimeError:  # no such user: the path stays as it was written, and fails where it is used
        pass
    return Path(os.path.abspath(path))


def read_file(path: Path, must_exist: bool) -> dict[str, Any]:
    """Read the settings file; a missing one that nobody named is empty. Raises BadSettings."""
    content = b""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise _unreadable(path, f"the file is larger than {MAX_FILE_BYTES} bytes")
        return tomllib.loads(content.decode())
    except FileNotFoundError:
        if must_exist:
            raise _unreadable(path, "there is no such file") from None
        return {}
    except OSError as error:
        raise _unreadable(path, f"the file can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _unreadable(path, f"line {line}: not UTF-8") from None
    except RecursionError:
        raise _unreadable(path, "nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, _broken_toml(str(error), content)) from None


def _broken_toml(message: str, content: bytes) -> str:
    found = _POSITION.search(message)
    what = message[: found.start()] if found else message
    if found and found.group(1):
        line, column = found.group(1), found.group(2)
    else:
        lines = content.decode().split("\n")
        line, column = str(len(lines)), str(len(lines[-1]) + 1)
    hint = " (text stands in quotes)" if what.startswith("Invalid value") else ""
    return f"line {line}, column {column}: {what}{hint}"


def _unreadable(path: Path, problem: str) -> BadSettings:
    return BadSettings((Mistake("", safe(str(path), 300), safe(problem)),))
