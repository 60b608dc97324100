"""What is wrong with the settings: each mistake with its key, value, bound and origin, so that all are shown at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cockpit.model.text import safe

HIDDEN: Final = "(hidden)"
_SECRET: Final = re.compile(r"secret|token|password|passwd|passphrase|credential|totp|private|(^|_)(key|pin)($|_)")
_USER_OF_ADDRESS: Final = re.compile(r"(//)[^/\s]*@")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend before the cockpit starts."""

    key: str
    """Dotted path of the setting, such as ``server.port``; empty where the whole file is meant."""
    origin: str
    """Where it was said: the file's path, the variable's name or the option."""
    problem: str
    """What is wrong, and what is allowed."""
    value: str = ""
    """What was said, made harmless; ``(hidden)`` for anything that may be a secret."""
    hint: str = ""
    """The nearest name that exists, for a key that doesn't."""

    def sentence(self) -> str:
        """Say it in one line."""
        said = f" is {self.value}:" if self.value else ":"
        hint = f" Did you mean {self.hint}?" if self.hint else ""
        where = f"{self.key}{said} {self.problem}" if self.key else self.problem
        return f"{where} ({self.origin}){hint}"


class BadSettings(Exception):
    """The settings can't be used; carries every mistake."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("; ".join(mistake.sentence() for mistake in mistakes))
        self.mistakes = mistakes


def shown(key: str, value: object) -> str:
    """Write a value so that it may be printed: bounded, harmless, and never a secret."""
    if any(_SECRET.search(part.lower()) for part in key.split(".")):
        return HIDDEN
    if isinstance(value, dict):
        return "a table"
    return safe(_USER_OF_ADDRESS.sub(rf"\1{HIDDEN}@", repr(value)), 80)
