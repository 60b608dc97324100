"""The palette: every command, found by a few of its letters in their order."""

from __future__ import annotations

from typing import Final

from cockpit.operator.act import Act
from tui.screen_acts import KNOWN

MOST_SHOWN: Final = 8


def found_by(text: str, looks_only: bool) -> tuple[Act, ...]:
    """Return the acts that fit, the best first; without letters all of them in alphabetical order."""
    letters = "".join(text.casefold().split())
    acts = sorted((act for act in KNOWN.values() if not (looks_only and act.changes)), key=lambda act: act.command)
    if not letters:
        return tuple(acts)
    scored = [(score, act) for act in acts if (score := _score(letters, act)) is not None]
    return tuple(act for _, act in sorted(scored, key=lambda pair: pair[0]))


def _score(letters: str, act: Act) -> tuple[int, int] | None:
    """Return how badly letters fit: in the words of a command beats in its help, and close together beats far apart."""
    for worse, text in enumerate((act.command.casefold(), act.help.casefold())):
        if (gap := _gap(letters, text)) is not None:
            return worse, gap
    return None


def _gap(letters: str, text: str) -> int | None:
    """Count what lies between the letters in a text; None where they aren't all there, or too far apart to be meant."""
    best: int | None = None
    for begin, sign in enumerate(text):
        if sign != letters[0]:
            continue
        at = begin
        for letter in letters[1:]:
            at = text.find(letter, at + 1)
            if at < 0:
                break
        else:
            gap = (at - begin + 1 - len(letters)) * 2 + (0 if begin == 0 else 2 if text[begin - 1].isalnum() else 1)
            best = gap if best is None else min(best, gap)
    return best if best is None or best <= 3 * len(letters) + 6 else None
