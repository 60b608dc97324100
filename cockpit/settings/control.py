"""What the control socket, the command line's way in, may be used for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cockpit.settings.section import Section


class ControlSettings(Section):
    """The command line's way in."""

    approvals: Literal["socket", "screen"] = Field(
        default="socket",
        description="Where acts that add risk may come from: the command line too, or the screen alone.",
    )
