"""Which colour each role has in the theme at hand: the only place where colours meet text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.style import Style
from textual.color import Color, ColorParseError

DEFAULTS: Final[Mapping[str, str]] = {
    "ok": "#2FC79A",
    "wait": "#F0AE2E",
    "bad": "#FF8551",
    "fault": "#E497C2",
    "buy": "#6CC1F2",
    "sell": "#F0E442",
    "paper": "#6CC1F2",
    "live": "#D81B60",
    "halted": "#F0763A",
    "reduce": "#F0AE2E",
    "muted": "#93A1B1",
    "rule": "#45515F",
    "accent-text": "#9FC6E8",
    "chosen": "#1C2C3B",
    "bar": "#18212B",
}
"""Role variables that a theme may set; a theme that was not made for the cockpit gets these."""

ROLES: Final[Mapping[str, tuple[str, str, str]]] = {
    # role: (colour, background, attributes); names are theme variables
    "": ("foreground", "", ""),
    "strong": ("foreground", "", "bold"),
    "dim": ("muted", "", ""),
    "rule": ("rule", "", ""),
    "title": ("accent-text", "", "bold"),
    "title-off": ("muted", "", "bold"),
    "key": ("accent-text", "", "bold"),
    "name": ("accent-text", "", ""),
    "claim": ("foreground", "", "italic"),
    "ok": ("ok", "", ""),
    "wait": ("wait", "", ""),
    "bad": ("bad", "", ""),
    "alarm": ("bad", "", "bold"),
    "error": ("fault", "", ""),
    "unknown": ("background", "fault", "bold"),
    "buy": ("buy", "", "bold"),
    "sell": ("sell", "", "bold"),
    "running": ("ok", "", "bold"),
    "reduce": ("background", "reduce", "bold"),
    "halted": ("background", "halted", "bold"),
    "paper": ("paper", "", "bold"),
    "live": ("background", "live", "bold"),
    "kill": ("background", "halted", "bold"),
    "looks": ("background", "accent-text", "bold"),
    "ask": ("background", "wait", "bold"),
    "host": ("background", "accent-text", "bold"),
    "cursor": ("background", "foreground", ""),
    "hint": ("foreground", "bar", ""),
    "hint-key": ("wait", "bar", "bold"),
}


_ALARMING: Final = frozenset({"wait", "bad", "fault"})
_GREY: Final = frozenset({"muted", "rule", "bar", "chosen"})


class Palette:
    """Styles by role, for one theme; made anew when the theme changes."""

    def __init__(self, variables: Mapping[str, str], *, colourless: bool = False) -> None:
        self._variables = variables
        self._colourless = colourless
        """Whether colours become greys: then weight tells what a colour would, and nothing grows dim by its hue."""
        self._styles: dict[tuple[str, bool], Style] = {}
        self.background = self._colour("background", "#0C1117")
        self.foreground = self._colour("foreground", "#DCE4EC")
        self.chosen = self._colour("chosen", DEFAULTS["chosen"])

    def style(self, role: str, *, chosen: bool = False) -> Style:
        """Return the style of a role; on the chosen row, a role without a background of its own takes the row's."""
        key = (role, chosen)
        style = self._styles.get(key)
        if style is None:
            style = self._styles[key] = self._made(role, chosen)
        return style

    def contrast(self, role: str, *, chosen: bool = False) -> float:
        """Return the WCAG contrast ratio of a role's text against what it stands on."""
        ink, paper = self._pair(role, chosen)
        high, low = sorted((_luminance(ink), _luminance(paper)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    def _made(self, role: str, chosen: bool) -> Style:
        ink, paper = self._pair(role, chosen)
        attributes = ROLES[role][2]
        heavy = "bold" in attributes or (chosen and role == "") or (self._colourless and ROLES[role][0] in _ALARMING)
        bold = True if heavy else None
        return Style(
            color=ink.rich_color, bgcolor=paper.rich_color, bold=bold, italic=True if "italic" in attributes else None
        )

    def _pair(self, role: str, chosen: bool) -> tuple[Color, Color]:
        ink_name, paper_name, _ = ROLES[role]
        if paper_name == "":
            paper = self.chosen if chosen else self.background
            return self._named(ink_name), paper
        paper = self._named(paper_name)
        if paper_name == "bar":
            return self._named(ink_name), paper
        return _readable_on(paper), paper

    def _named(self, name: str) -> Color:
        if name == "foreground":
            return self.foreground
        if name == "background":
            return self.background
        if self._colourless and name not in _GREY:
            return self.foreground
        return self._colour(name, DEFAULTS[name])

    def _colour(self, name: str, otherwise: str) -> Color:
        try:
            colour = Color.parse(self._variables.get(name, otherwise))
        except ColorParseError:
            return Color.parse(otherwise)
        return Color.parse(otherwise) if colour.ansi is not None or colour.a < 1 else colour


def _readable_on(paper: Color) -> Color:
    return Color(10, 12, 16) if _luminance(paper) > 0.179 else Color(255, 255, 255)


def _luminance(colour: Color) -> float:
    """Return the relative luminance (WCAG 2.2, definition of contrast ratio)."""

    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.r) + 0.7152 * linear(colour.g) + 0.0722 * linear(colour.b)
