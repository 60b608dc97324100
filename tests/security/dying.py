"""`cockpit serve` that kills itself between the commit of a token request and its answer, once a file asks for it.

python -m tests.security.dying --data-dir FOLDER serve, with FLAG in FOLDER
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

from cockpit.cli.main import cockpit
from oauth.decision import Decision
from oauth.endpoints import Endpoints

COMMAND: Final = (sys.executable, "-m", "tests.security.dying")
FLAG: Final = "die_after_commit"


_commit = Endpoints._commit


async def _commit_and_die(self: Endpoints, server: Decision) -> None:
    await _commit(self, server)
    if (Path(sys.argv[sys.argv.index("--data-dir") + 1]) / FLAG).exists():
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    Endpoints._commit = _commit_and_die  # type: ignore[method-assign]
    cockpit()
