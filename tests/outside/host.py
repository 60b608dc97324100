"""A whole cockpit on the broker outside.

    OUTSIDE_PORT=4711 python -m tests.outside.host

Takes its settings like the product. With TEST_DIES_AT it kills itself at the first time it comes to that step.
"""

from __future__ import annotations

import os
import sys
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


def main() -> int:
    point = KillPoint(os.environ.get(VARIABLE, ""), Path(os.devnull))
    point.armed = VARIABLE in os.environ
    point.install()

    def outside(name: str, settings: ConnectionSettings, store: Store, clock: Clock) -> Broker:
        return OutsideBroker(int(os.environ[PORT]), at=point)

    return run(load(), screen=False, demo=False, brokers=outside)


if __name__ == "__main__":
    sys.exit(main())
