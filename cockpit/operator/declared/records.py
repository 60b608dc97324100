"""Acts that look: how it stands, what waits, the host's log, clients' notes, and the audit."""

from __future__ import annotations

from typing import Final

from cockpit.operator.act import Act, Kind, When, may

STATUS = Act("status", "status", "Show state, connections, clients and counters", changes=False)
PENDING = Act("pending", "pending", "List what waits for you: clients and orders", changes=False)
LOGS = Act(
    "host.logs",
    "logs",
    "Show the newest lines of the host's log",
    arguments=(may("count", "How many, at most 500; without: 100", Kind.NUMBER),),
    changes=False,
    key="L",
)
JOURNAL = Act(
    "journal",
    "journal",
    "Show what clients noted for themselves, newest first",
    arguments=(
        may("client", "Only this client"),
        may("count", "How many, at most 500; without: 50", Kind.NUMBER),
        may("note", "Number of one note, to read it whole", Kind.NUMBER),
    ),
    changes=False,
    when=When.COMMAND_LINE,
)
AUDIT_TAIL = Act(
    "audit.tail",
    "audit tail",
    "Show the newest records of the audit",
    arguments=(may("count", "How many, at most 1000", Kind.NUMBER),),
    changes=False,
    when=When.COMMAND_LINE,
)
_AUDIT_FILTERS: Final = (
    may("client", "Only this client"),
    may("tool", "Only this tool, act or event"),
    may("outcome", "Only this outcome, such as ok, denied or error"),
    may("code", "Only this code of a refusal"),
    may("symbol", "Only this symbol"),
    may("order", "Only the order of this id"),
    may("kind", "Only this kind: call, client, order, switch, key or host"),
    may("since", "From this time on: 2026-03-02T14:30 (UTC), or 30m, 2h or 7d ago", Kind.MOMENT),
    may("until", "Before this time", Kind.MOMENT),
)
AUDIT_SEARCH = Act(
    "audit.search",
    "audit search",
    "Find records of the audit by what is not sealed, newest last",
    arguments=(*_AUDIT_FILTERS, may("count", "How many of the newest, at most 1000; without: 100", Kind.NUMBER)),
    changes=False,
    when=When.COMMAND_LINE,
)
AUDIT_VERIFY = Act(
    "audit.verify",
    "audit verify",
    "Check the audit's hash chain from end to end",
    arguments=(may("without_archives", "Leave out the files that old records were moved to", Kind.FLAG),),
    changes=False,
    when=When.COMMAND_LINE,
)
AUDIT_EXPORT = Act(
    "audit.export",
    "audit export",
    "Write records of the audit to a file, archived ones too",
    arguments=(
        may("format", "jsonl (default) or csv", Kind.FORMAT),
        may("to", "The new file"),
        *_AUDIT_FILTERS,
        may("sealed", "Leave out what the database keeps sealed", Kind.FLAG),
        may("force", "Replace the file if there is one", Kind.FLAG),
    ),
    changes=False,
    when=When.COMMAND_LINE,
    local=True,
)
AUDIT_ARCHIVE = Act(
    "audit.archive",
    "audit archive",
    "Move old records of the audit to a file in DATA/archive",
    arguments=(
        may("days", "Keep this many days; without: audit.keep_days", Kind.NUMBER),
        may("records", "Keep this many records; without: audit.keep_records", Kind.NUMBER),
    ),
    when=When.COMMAND_LINE,
)
