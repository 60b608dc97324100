"""What the screen can do by itself: acts that ask nothing of the cockpit, with keys and words like all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cockpit.operator.act import Act, Argument, Kind, When
from cockpit.operator.acts import ACTS

PALETTE: Final = Act("screen.palette", "palette", "Find a command by a few of its letters", changes=False, key="ctrl+p")
RECORDS: Final = Act(
    "screen.records",
    "records",
    "Search the audit: client:x tool:y state:denied code:z symbol:s order:o kind:k since:2h",
    arguments=(Argument("wanted", Kind.TEXT, "What is wanted, such as client:claude since:2h"),),
    changes=False,
    key="u",
)
CONNECTIONS: Final = Act(
    "screen.connections", "connections", "Show the brokers' lines and accounts", changes=False, key="b"
)
SESSIONS: Final = Act(
    "screen.sessions", "sessions", "Show what clients did today, and how they came and went", changes=False, key="h"
)
ALWAYS: Final = Act(
    "screen.always",
    "always",
    "Propose a rule that would have approved the order at hand; nothing is changed",
    changes=False,
    key="A",
    when=When.WAITING_ORDER,
)
COPY: Final = Act("screen.copy", "copy", "Copy what is shown to the clipboard of your terminal", changes=False, key="Y")
WRITE: Final = Act(
    "screen.write",
    "write",
    "Write what is shown to a file, as text; records to NAME.jsonl as JSON lines",
    arguments=(
        Argument("file", Kind.TEXT, "The new file", required=True),
        Argument("force", Kind.FLAG, "Replace the file if there is one"),
    ),
    changes=False,
)
THEME: Final = Act(
    "screen.theme",
    "theme",
    "Show the screen in another theme, also from the next start on; what you type is shown at once",
    arguments=(Argument("theme", Kind.TEXT, "Name of the theme, as tab completes it", required=True),),
    changes=False,
)
REDRAW: Final = Act("screen.redraw", "redraw", "Paint the whole screen anew", changes=False, key="ctrl+l")

EDIT: Final = Act(
    "screen.edit", "edit", "Lower a waiting order before it is approved", key="e", when=When.WAITING_ORDER
)
NAME: Final = Act("screen.name", "name", "Give the client at hand another name", key="e", when=When.WAITING_CLIENT)
REASON: Final = Act("screen.reason", "reason", "Deny a waiting order, saying why", key="D", when=When.WAITING_ORDER)
CHOOSE_SCOPES: Final = Act(
    "screen.scopes", "choose-scopes", "Choose what a client may do, and see the difference", key="s", when=When.CLIENT
)
APPLY: Final = Act("screen.apply", "apply", "Change the scopes as chosen", key="a", when=When.CLIENT)
NOTICES: Final = Act("screen.notices", "notices", "Show what the host had to say", changes=False, key="n")

SCREEN_ACTS: Final[Mapping[str, Act]] = {
    act.name: act
    for act in (
        EDIT, NAME, REASON, CHOOSE_SCOPES, APPLY, PALETTE, RECORDS, CONNECTIONS, SESSIONS, NOTICES, ALWAYS, COPY, WRITE,
        THEME, REDRAW,
    )
}  # fmt: skip
OF_PLACES: Final = (EDIT, NAME, REASON, CHOOSE_SCOPES, APPLY)
"""What is done to the thing at hand, and changes something or begins to."""
KNOWN: Final[Mapping[str, Act]] = {**ACTS, **SCREEN_ACTS}
"""Everything that has a name, a key or words on the screen."""
