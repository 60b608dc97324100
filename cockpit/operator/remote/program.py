"""Which version of the cockpit this program is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def program_version() -> str:
    """Return the version, as it was installed."""
    try:
        return version("trading-cockpit")
    except PackageNotFoundError:
        return "not installed"
