"""What the screen asks inline, above the keys: a question that takes ``y``, or a line to type."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from cockpit.operator.act import Command
from tui.cells import Span
from tui.line_edit import LineEdit
from tui.waiting import SETTLING_SECONDS


@dataclass(slots=True)
class Question:
    """An act that adds risk, in words. ``y`` counts only once the words have been on the screen for a moment."""

    verb: str
    says: tuple[Span, ...]
    command: Command | None
    """What ``y`` sends; None leaves the screen."""
    about: str = ""
    """Key of the thing that it is bound to; empty when it is bound to nothing."""
    version: int | None = None
    """Version of the order that the words describe."""
    decide_by: datetime | None = None
    live: bool = False
    """Whether real money is at stake."""
    held: Decimal | None = None
    """For a close: what was held when it was asked, as the snapshot says it."""
    painted_at: float | None = None

    def painted(self, monotonic: float) -> None:
        """Note when the words were drawn for the first time."""
        if self.painted_at is None:
            self.painted_at = monotonic

    def painted_again(self, monotonic: float) -> None:
        """Let the moment begin anew, if the words have been drawn."""
        if self.painted_at is not None:
            self.painted_at = monotonic

    def takes_yes(self, monotonic: float) -> bool:
        """Whether ``y`` counts now."""
        return self.painted_at is not None and monotonic - self.painted_at >= SETTLING_SECONDS


class Asks(StrEnum):
    """What a typed line is for."""

    CODE = "code"
    COMMAND = "command"
    FILTER = "filter"
    WORD = "word"
    NAME = "name"
    EDIT = "edit"
    REASON = "reason"
    TOTP = "totp"
    PALETTE = "palette"
    RECORDS = "records"


@dataclass(slots=True)
class Entry:
    """A line that is being typed."""

    asks: Asks
    label: str
    edit: LineEdit = field(default_factory=LineEdit)
    command: Command | None = None
    """For a word: what the right word sends."""
    word: str = ""
    argument: str = ""
    """For a code of the authenticator: the argument that it is, where the act is about that code itself."""
    about: str = ""
    """For a reason or an edit: id of the order that it is for; for a name: id of the request."""
    note: str = ""
    """What is wrong with the last try; shown behind the line."""
    history_at: int | None = None
    offers: tuple[str, ...] = ()
    """For a command: what the word at its end may become."""
    offered_at: int | None = None
    """Which of them tab has put there; None before it has."""
    ground: Question | None = None
    """For a code of the authenticator: what was answered with yes, and has to hold still when the code comes."""
    before_offers: str = ""
    """The line that they complete."""
    place: int = 0
    """For the palette: the row that enter takes."""

    def type(self, text: str) -> None:
        """Take text into the line. A code of a browser is letters alone; after a wrong one the next begins anew."""
        if self.asks is Asks.CODE:
            text = "".join(sign for sign in text if sign.isascii() and sign.isalpha()).upper()
            if text and self.note:
                self.edit, self.note = LineEdit(), ""
        self.edit = self.edit.typed(text)


@dataclass(frozen=True, slots=True)
class Message:
    """The one line that tells how the last act went, or what happened."""

    text: str
    role: str
    until: float
    """Monotonic second at which it goes."""
