"""`cockpit` whose status row can't be drawn as long as a file is there: a bug in a widget.

BREAKS=file python -m tests.e2e.breaking --data-dir ...
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cockpit.cli.main import cockpit
from tui import views
from tui.cells import Line

BREAKS = Path(os.environ["BREAKS"])
_draw = views.status_row


def _status_row(*seen: Any, **more: Any) -> Line:
    if BREAKS.exists():
        left = int(BREAKS.read_text()) - 1
        BREAKS.write_text(str(left)) if left > 0 else BREAKS.unlink()
        password = "a-value-that-no-trace-may-show"
        raise RuntimeError(f"a bug in a widget, {len(password)}")
    return _draw(*seen, **more)


if __name__ == "__main__":
    views.status_row = _status_row
    cockpit()
