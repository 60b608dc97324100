"""Keys that mean the same everywhere and can't be moved: ways through the screen, answers, and typed lines.

Together with the keys of acts these are all the keys that there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Where(StrEnum):
    """While what stands on the screen a key means something."""

    SCREEN = "screen"
    QUESTION = "question"
    LINE = "line"


class Means(StrEnum):
    """What a key means: the id of its binding."""

    DOWN = "move.down"
    UP = "move.up"
    FIRST = "move.first"
    LAST = "move.last"
    PAGE_DOWN = "move.page_down"
    PAGE_UP = "move.page_up"
    HALF_DOWN = "move.half_down"
    HALF_UP = "move.half_up"
    PANE = "move.pane"
    CHANGE = "move.change"
    CHANGE_BACK = "move.change_back"
    OPEN = "go.open"
    BACK = "go.back"
    LEAVE = "go.leave"
    QUIT = "go.quit"
    PROMPT = "go.prompt"
    SEARCH = "go.search"
    HELP = "go.help"
    YES = "answer.yes"
    NO = "answer.no"
    ENTER = "line.enter"
    DROP = "line.drop"
    OLDER = "line.older"
    NEWER = "line.newer"
    COMPLETE = "line.complete"
    COMPLETE_BACK = "line.complete_back"
    EDIT = "line.edit"


@dataclass(frozen=True, slots=True)
class Fixed:
    """One meaning with its keys, in Textual's spelling."""

    means: Means
    where: Where
    keys: tuple[str, ...]
    shown: str
    """The keys as people write them."""
    help: str


FIXED: Final = (
    Fixed(Means.DOWN, Where.SCREEN, ("down", "j"), "↓ j", "next"),
    Fixed(Means.UP, Where.SCREEN, ("up", "k"), "↑ k", "one before"),
    Fixed(Means.OPEN, Where.SCREEN, ("enter",), "enter", "open"),
    Fixed(Means.BACK, Where.SCREEN, ("escape",), "esc", "back"),
    Fixed(Means.LEAVE, Where.SCREEN, ("q",), "q", "back, quit"),
    Fixed(Means.QUIT, Where.SCREEN, ("ctrl+q", "ctrl+c"), "^q", "quit"),
    Fixed(Means.PANE, Where.SCREEN, ("tab",), "tab", "queue or calls"),
    Fixed(Means.FIRST, Where.SCREEN, ("g", "home"), "g", "first"),
    Fixed(Means.LAST, Where.SCREEN, ("G", "f", "end"), "G f", "last, follow"),
    Fixed(Means.PAGE_DOWN, Where.SCREEN, ("pagedown",), "PgDn", "page down"),
    Fixed(Means.PAGE_UP, Where.SCREEN, ("pageup",), "PgUp", "page up"),
    Fixed(Means.HALF_DOWN, Where.SCREEN, ("ctrl+d",), "^d", "half down"),
    Fixed(Means.HALF_UP, Where.SCREEN, ("ctrl+u",), "^u", "half up"),
    Fixed(Means.CHANGE, Where.SCREEN, ("space", "right"), "space →", "toggle"),
    Fixed(Means.CHANGE_BACK, Where.SCREEN, ("left",), "←", "toggle back"),
    Fixed(Means.PROMPT, Where.SCREEN, ("colon",), ":", "command, tab completes"),
    Fixed(Means.SEARCH, Where.SCREEN, ("slash",), "/", "filter: client:x state:denied !word"),
    Fixed(Means.HELP, Where.SCREEN, ("question_mark",), "?", "help"),
    Fixed(Means.YES, Where.QUESTION, ("y",), "y", "yes"),
    Fixed(Means.NO, Where.QUESTION, ("n", "escape", "q", "ctrl+c"), "n", "no"),
    Fixed(Means.ENTER, Where.LINE, ("enter",), "enter", "go"),
    Fixed(Means.DROP, Where.LINE, ("escape", "ctrl+c"), "esc", "drop the line"),
    Fixed(Means.OLDER, Where.LINE, ("up",), "↑", "line before"),
    Fixed(Means.NEWER, Where.LINE, ("down",), "↓", "line after"),
    Fixed(Means.COMPLETE, Where.LINE, ("tab",), "tab", "complete"),
    Fixed(Means.COMPLETE_BACK, Where.LINE, ("shift+tab",), "shift+tab", "the one before"),
    Fixed(
        Means.EDIT,
        Where.LINE,
        ("backspace", "ctrl+h", "delete", "left", "right", "home", "end", "ctrl+e", "ctrl+u", "ctrl+w"),
        "^u ^w",
        "clear, clear a word",
    ),
)

_CHARACTERS: Final[Mapping[str, str]] = {":": "colon", "/": "slash", "?": "question_mark"}
_MEANINGS: Final[Mapping[tuple[Where, str], Means]] = {(one.where, key): one.means for one in FIXED for key in one.keys}
RESERVED: Final = frozenset(key for one in FIXED if one.where is not Where.LINE for key in one.keys)
"""Keys that can't be given to an act."""
OF_LINES: Final = frozenset(key for one in FIXED if one.where is Where.LINE for key in one.keys)


def meaning(where: Where, key: str, character: str | None = None) -> Means | None:
    """Return what a key means there; terminals name some of them by their character alone."""
    return _MEANINGS.get((where, key)) or _MEANINGS.get((where, _CHARACTERS.get(character or "", "")))
