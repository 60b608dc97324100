"""How the screen is dressed: the theme in force, what is chosen for the next start, and the palette made of both."""

from __future__ import annotations

from textual.app import App
from textual.filter import Monochrome, NoColor
from textual.theme import BUILTIN_THEMES

from cockpit.model.screen import ScreenSettings
from cockpit.model.text import safe
from tui.asking import Entry
from tui.palette import Palette
from tui.theme_choice import ThemeChoice, chosen_before
from tui.themes import found_in, shipped

_DEFAULT_THEME = "cockpit-dark"
_FEW_COLOURS_THEME = "cockpit-ansi"
_FEW_COLOURS = frozenset({None, "standard"})
"""What a terminal of at most sixteen colours has; there others would run into one."""


class Dressed(App[None], inherit_bindings=False):
    """An app that wears one of our themes, one of the operator's, or one of the library's."""

    palette: Palette

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give themes of sixteen colours the variables that the library's own style sheets name for such."""
        return dict(BUILTIN_THEMES["ansi-dark"].variables) if self.current_theme.ansi else {}

    def put_on(self, settings: ScreenSettings) -> list[str]:
        """Put on the theme that the settings name, else the one that was chosen before; return what is wrong."""
        own, notices = found_in(settings.theme_folder)
        ours = shipped()
        for theme in (*ours, *own):
            self.register_theme(theme)
        complaints: list[str] = [*notices]
        names = dict.fromkeys((*(theme.name for theme in (*ours, *own)), *sorted(self.available_themes)))
        before = "" if settings.theme_is_set else chosen_before(settings.chosen_theme)
        wanted = before or settings.theme
        if wanted not in names:
            complaints.append(f"theme {safe(wanted, 40)} is not there; using {_DEFAULT_THEME}")
            wanted = _DEFAULT_THEME
        self._theme_is_set = settings.theme_is_set
        self._theme_by_default = not (settings.theme_is_set or before)
        self._choice = ThemeChoice(tuple(names), wanted, settings.chosen_theme)
        self.theme = wanted
        return complaints

    def choose_theme(self, name: str) -> str:
        """Take a theme by its name; return what to say about it, or nothing where there is none."""
        if not self._choice.choose(name):
            return ""
        if self._theme_is_set:
            return (
                f"Theme {self._choice.chosen}, until the screen ends: its start takes [screen] theme of the settings."
            )
        return f"Theme {self._choice.chosen}, also from the next start on."

    @property
    def theme_names(self) -> tuple[str, ...]:
        """Return the names of the themes that may be chosen, ours first."""
        return self._choice.names

    def dress(self, entry: Entry | None) -> None:
        """Show the theme that is chosen, or that is being typed."""
        wanted = self._choice.shown(entry)
        if wanted != self.theme:
            self.theme = wanted

    def _watch_theme(self, theme_name: str) -> None:
        super()._watch_theme(theme_name)
        if self.no_color:
            # The library chooses once, for its own first theme; greys of sixteen colours would be black on black.
            bare = NoColor() if self.current_theme.ansi else Monochrome()
            self._filters = [bare if isinstance(one, NoColor | Monochrome) else one for one in self._filters]
        self.call_later(self._new_palette)

    def made_palette(self) -> Palette:
        theme = self.current_theme
        return Palette(self.get_css_variables(), colourless=self.no_color, dark=theme.dark, ansi=theme.ansi)

    def _new_palette(self) -> None:
        self.palette = self.made_palette()
        self.repaint()

    def repaint(self) -> None:
        """Draw everything anew."""
        self.refresh()

    def suit_terminal(self) -> None:
        """Put on the theme of few colours where the terminal has no more and no other was wanted."""
        if self._theme_by_default and not self.is_headless and self.console.color_system in _FEW_COLOURS:
            self._choice.chosen = self.theme = _FEW_COLOURS_THEME
        self.palette = self.made_palette()

    async def keep_theme(self) -> None:
        """Wait until the chosen theme is written for the next start."""
        await self._choice.finish()
