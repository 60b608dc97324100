"""What clients noted for themselves, as the operator reads it: their words, in quotation marks."""

from __future__ import annotations

from typing import Final

from cockpit.desk.journal import Journal, Note
from cockpit.model.refusals import refuse
from cockpit.model.text import counted
from cockpit.operator.act import Answer, Done
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.wire import number

_SHOWN: Final = 50
_MOST: Final = 500


class Noting:
    """Answers the act ``journal``."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._journal = Journal(rooms.store, rooms.clock)

    async def show(self, given: dict[str, str], by: str) -> Answer:
        """Show the newest notes, newest first, or one of them whole."""
        if "note" in given:
            one = await self._journal.note(number(given["note"]))
            if one is None:
                return refuse("BAD_ACT_ARGUMENTS", "No note has that number, or it has made room for newer ones.")
            return Done(f"{one.client} noted at {one.at:%Y-%m-%d %H:%M:%S} UTC: “{one.text}”", [_row(one)])
        count = max(1, min(_MOST, number(given.get("count", str(_SHOWN)))))
        notes = await self._journal.newest(count, given.get("client", ""))
        return Done(f"{counted(len(notes), 'note')}, in the words of clients.", [_row(one) for one in notes])


def _row(note: Note) -> dict[str, object]:
    return {
        "number": note.number,
        "at": note.at.isoformat(timespec="milliseconds"),
        "client": note.client,
        "connection": note.connection,
        "symbol": note.symbol,
        "order_id": note.order_id,
        "text": note.text,
    }
