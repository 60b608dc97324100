"""How the operator wants the screen: a plain value, so that the screen needs no settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Notify(StrEnum):
    """Which escape sequence the terminal shows as a notification of the desktop."""

    AUTO = "auto"
    """The one that the terminal at hand is known to read; none where it isn't known."""
    OSC9 = "osc9"
    OSC777 = "osc777"
    OSC99 = "osc99"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """Looks and rates of the screen."""

    theme: str = "cockpit-dark"
    theme_is_set: bool = False
    """Whether the settings name it; then it wins over what was chosen at the screen."""
    chosen_theme: Path | None = None
    """File that keeps the name of the theme that was chosen at the screen; none keeps it for this screen alone."""
    rate_hz: int = 8
    """How often the stream is drawn a second."""
    ssh_rate_hz: int | None = None
    """How often over SSH; unset: ``rate_hz`` where that is set, otherwise four times."""
    ascii: bool = False
    """Draw states and bars in ASCII."""
    mouse: bool = False
    history: int = 10_000
    """Calls kept in memory for the stream."""
    theme_folder: Path | None = None
    """Where the operator's own themes are."""
    rate_is_set: bool = False
    read_only: bool = False
    """Whether the screen only looks: no act that changes anything is offered."""
    attached: bool = False
    """Whether the cockpit is another process, which goes on when this screen is left."""
    keys: dict[str, str] = field(default_factory=dict)
    """By name of an act, the key that the operator wants for it."""
    bell: bool = True
    """Ring the terminal's bell for what newly waits, and once more when it is nearly over."""
    notify: Notify = Notify.AUTO
    typed_lines: Path | None = None
    """File that keeps what was typed behind the colon; none keeps it for this screen alone."""
