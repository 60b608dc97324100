"""A whole cockpit on the broker outside.

    OUTSIDE_PORT=4711 python -m tests.outside.host

Takes its settings like the product. With TEST_DIES_AT it kills itself at the first time it comes to that step.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from cockpit.app.process import run
from cockpit.brokers.base import Broker
from cockpit.model.clock import Clock
from cockpit.settings.load import load
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.outside.adapter import OutsideBroker
from tests.outside.points import VARIABLE, KillPoint

PORT: Final = "OUTSIDE_PORT"


def serve(environ: Mapping[str, str]) -> int:
    """Run until it is stopped, or dies at its step."""
    point = KillPoint(environ.get(VARIABLE, ""), Path(os.devnull))
    point.armed = VARIABLE in environ
    point.install()

    def outside(name: str, settings: ConnectionSettings, store: Store, clock: Clock) -> Broker:
        return OutsideBroker(int(environ[PORT]), at=point)

    return run(load(environ=environ), screen=False, demo=False, brokers=outside)


def serve_apart(environ: Mapping[str, str], out: Connection, log: str) -> None:
    """Serve in a process that was forked from one that has imported all of it: what it says goes where it is told."""
    with Path(log).open("ab") as errors:
        os.dup2(out.fileno(), 1)
        os.dup2(errors.fileno(), 2)
    sys.exit(serve(environ))


if __name__ == "__main__":
    sys.exit(serve(os.environ))
