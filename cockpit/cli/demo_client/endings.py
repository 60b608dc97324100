"""How a connection of the demo client ends."""

from __future__ import annotations


class Consent(Exception):
    """The consent ended without a code for the client: why."""


class Ended(Exception):
    """The authority is gone; a new consent is needed."""
