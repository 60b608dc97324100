"""How the settings want the screen drawn: read by a cockpit with its screen, and by a screen that attaches to another."""

from __future__ import annotations

from cockpit.model.screen import ScreenSettings
from cockpit.settings.model import Settings


def looks_of(settings: Settings) -> ScreenSettings:
    """Return how the operator wants the screen."""
    section = settings.screen
    return ScreenSettings(
        theme=section.theme,
        theme_is_set="theme" in section.model_fields_set,
        chosen_theme=settings.data_dir / "theme",
        rate_hz=section.rate_hz or 8,
        ssh_rate_hz=section.ssh_rate_hz,
        rate_is_set=section.rate_hz is not None,
        ascii=section.ascii,
        mouse=section.mouse,
        bell=section.bell,
        notify=section.notify,
        history=section.history,
        theme_folder=settings.config_dir / "themes",
        keys=dict(section.keys),
        typed_lines=settings.data_dir / "typed_lines",
    )
