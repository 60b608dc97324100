"""One line of typed text: a pure value, so that keys are taken in the order in which they were pressed.

Textual's own input takes focus and text through message queues; a key that is typed fast behind ``:`` could reach the
screen's keys instead. Here every key goes through one synchronous door.
"""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.model.text import safe

LONGEST = 400


@dataclass(frozen=True, slots=True)
class LineEdit:
    """The text and the place before which the next letter goes."""

    text: str = ""
    at: int = 0

    @classmethod
    def of(cls, text: str) -> LineEdit:
        """Begin with text, behind its end."""
        return cls(text, len(text))

    def typed(self, text: str) -> LineEdit:
        """Insert one line of text, made harmless."""
        room = LONGEST - len(self.text)
        new = safe(text.splitlines()[0] if text.splitlines() else "", LONGEST)[: max(0, room)]
        return LineEdit(self.text[: self.at] + new + self.text[self.at :], self.at + len(new))

    def pressed(self, key: str) -> LineEdit | None:
        """Apply an editing key; None when it is none."""
        text, at = self.text, self.at
        match key:
            case "backspace" | "ctrl+h":
                return LineEdit(text[: max(0, at - 1)] + text[at:], max(0, at - 1))
            case "delete":
                return LineEdit(text[:at] + text[at + 1 :], at)
            case "left":
                return LineEdit(text, max(0, at - 1))
            case "right":
                return LineEdit(text, min(len(text), at + 1))
            case "home":
                return LineEdit(text, 0)
            case "end" | "ctrl+e":
                return LineEdit(text, len(text))
            case "ctrl+u":
                return LineEdit(text[at:], 0)
            case "ctrl+w":
                head = text[:at].rstrip()
                kept = head[: head.rfind(" ") + 1]
                return LineEdit(kept + text[at:], len(kept))
        return None
