"""Which colour each role has in the theme at hand: the only place where colours meet text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.style import Style
from textual.color import Color, ColorParseError

DARK: Final[Mapping[str, str]] = {
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
"""Role variables that a theme may set; a theme that doesn't gets these, by what it is."""
LIGHT: Final[Mapping[str, str]] = {
    "ok": "#006B4C",
    "wait": "#6B4700",
    "bad": "#962F00",
    "fault": "#8E2F68",
    "buy": "#00598C",
    "sell": "#5A1F8C",
    "paper": "#00598C",
    "live": "#B0124B",
    "halted": "#B84300",
    "reduce": "#8A5D00",
    "muted": "#55606B",
    "rule": "#B9B5A8",
    "accent-text": "#2C5475",
    "chosen": "#DDE8F0",
    "bar": "#E9E6DC",
}
ANSI: Final[Mapping[str, str]] = {
    "ok": "ansi_bright_green",
    "wait": "ansi_bright_yellow",
    "bad": "ansi_bright_red",
    "fault": "ansi_bright_cyan",
    "buy": "ansi_bright_cyan",
    "sell": "ansi_bright_yellow",
    "paper": "ansi_bright_cyan",
    "live": "ansi_magenta",
    "halted": "ansi_red",
    "reduce": "ansi_bright_yellow",
    "muted": "ansi_white",
    "rule": "ansi_bright_black",
    "accent-text": "ansi_bright_cyan",
    "chosen": "ansi_white",
    "bar": "ansi_black",
}
READABLE: Final = 4.5
"""The contrast that text needs (WCAG 2.2, 1.4.3)."""

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
_DRAWN: Final = frozenset({"rule"})
"""Roles that draw lines and carry no text."""


class Palette:
    """Styles by role, for one theme; made anew when the theme changes.

    No theme makes text unreadable: ink that is too weak on its ground is moved towards black or white until it isn't.
    """

    def __init__(
        self, variables: Mapping[str, str], *, colourless: bool = False, dark: bool = True, ansi: bool = False
    ) -> None:
        self._variables = variables
        self._defaults = ANSI if ansi else DARK if dark else LIGHT
        self._colourless = colourless
        """Whether colours become greys: then weight tells what a colour would, and nothing grows dim by its hue."""
        self._ansi = ansi
        """Whether the terminal's own sixteen colours are drawn with, and no others."""
        self._black = Color.parse("ansi_black") if ansi else Color(10, 12, 16)
        self._white = Color.parse("ansi_bright_white") if ansi else Color(255, 255, 255)
        self._styles: dict[tuple[str, bool], Style] = {}
        self.background = self._colour("background", "ansi_black" if ansi else "#0C1117" if dark else "#FBFAF6")
        self.foreground = self._colour("foreground", "ansi_bright_white" if ansi else "#DCE4EC" if dark else "#1B2127")
        self.chosen = self._colour("chosen", self._defaults["chosen"])

    def style(self, role: str, *, chosen: bool = False) -> Style:
        """Return the style of a role; on the chosen row, a role without a background of its own takes the row's."""
        key = (role, chosen)
        style = self._styles.get(key)
        if style is None:
            style = self._styles[key] = self._made(role, chosen)
        return style

    def contrast(self, role: str, *, chosen: bool = False) -> float:
        """Return the WCAG contrast ratio of a role's text against what it stands on."""
        return contrast_of(*self._pair(role, chosen))

    def is_kept(self, role: str, *, chosen: bool = False) -> bool:
        """Whether a role's text has the very colour that the theme gives it."""
        ink_name, paper_name, _ = ROLES[role]
        return paper_name not in {"", "bar"} or self._pair(role, chosen)[0] == self._named(ink_name)

    def _made(self, role: str, chosen: bool) -> Style:
        ink, paper = self._pair(role, chosen)
        attributes = ROLES[role][2]
        heavy = "bold" in attributes or (chosen and role == "") or (self._colourless and ROLES[role][0] in _ALARMING)
        return Style(
            color=ink.rich_color,
            bgcolor=paper.rich_color,
            bold=True if heavy else None,
            italic=True if "italic" in attributes else None,
            # Without any colour, only this still sets a mark off; greys do it by themselves.
            reverse=True if self._colourless and self._ansi and (chosen or ROLES[role][1] not in {"", "bar"}) else None,
        )

    def _pair(self, role: str, chosen: bool) -> tuple[Color, Color]:
        ink_name, paper_name, _ = ROLES[role]
        if paper_name in {"", "bar"}:
            ground = self._named(paper_name) if paper_name else self.chosen if chosen else self.background
            ink = self._named(ink_name)
            return (ink if role in _DRAWN else self._readable(ink, ground)), ground
        ground = self._named(paper_name)
        return self._readable_on(ground), ground

    def _readable(self, ink: Color, ground: Color) -> Color:
        """Return the ink, or where it can't be read, the nearest of its kind that can."""
        if contrast_of(ink, ground) >= READABLE:
            return ink
        far = self._readable_on(ground)
        if self._ansi:
            return far
        for tenth in range(1, 10):
            nearer = ink.blend(far, tenth / 10)
            if contrast_of(nearer, ground) >= READABLE:
                return nearer
        return far

    def _readable_on(self, ground: Color) -> Color:
        """Return black or white, whichever stands out more."""
        return max(self._white, self._black, key=lambda ink: contrast_of(ink, ground))

    def _named(self, name: str) -> Color:
        if name == "foreground":
            return self.foreground
        if name == "background":
            return self.background
        if self._colourless and name not in _GREY:
            return self.foreground
        return self._colour(name, self._defaults[name])

    def _colour(self, name: str, otherwise: str) -> Color:
        try:
            colour = Color.parse(self._variables.get(name, otherwise))
        except ColorParseError:
            return Color.parse(otherwise)
        if self._ansi:
            return colour if colour.ansi is not None and colour.ansi >= 0 else Color.parse(otherwise)
        return Color.parse(otherwise) if colour.ansi is not None or colour.a < 1 else colour


def contrast_of(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, definition of contrast ratio)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Color) -> float:
    """Return the relative luminance (WCAG 2.2, definition of relative luminance)."""

    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.r) + 0.7152 * linear(colour.g) + 0.0722 * linear(colour.b)
