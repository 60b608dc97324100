"""What every table of the settings file has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table that can't be changed and takes no key that it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
