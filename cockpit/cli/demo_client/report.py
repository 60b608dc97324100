"""What the demo client tells the process that started it: JSON lines on stdout, each field bounded."""

from __future__ import annotations

import json
import sys
from typing import Final, Protocol

from cockpit.model.text import safe

MAX_FIELD: Final = 200


class Report(Protocol):
    """Where news of the client goes."""

    def code(self, code: str) -> None:
        """Say which code its browser shows."""
        ...

    def event(self, event: str, text: str = "") -> None:
        """Say what happened: one word, and a sentence."""
        ...


class StdoutReport:
    """Writes one line for each piece of news: ``{"code": ...}`` or ``{"event": ..., "text": ...}``.

    Events: ``asking``, ``connected``, ``denied``, ``trading``, ``order``, ``refused``, ``turned_away``,
    ``ended`` and ``failed``. A code holds until the next event that isn't ``asking``.
    """

    def code(self, code: str) -> None:
        _print({"code": code})

    def event(self, event: str, text: str = "") -> None:
        _print({"event": event, "text": text})


def _print(line: dict[str, str]) -> None:
    bounded = {name: safe(value, MAX_FIELD) for name, value in line.items()}
    print(json.dumps(bounded), flush=True)  # a broken pipe means that the cockpit is gone: the process ends with it


def speechless() -> None:
    """Keep Python from complaining at exit about a pipe that nobody reads any more."""
    sys.stdout = open("/dev/null", "w")  # noqa: SIM115 - stays open until the process ends
