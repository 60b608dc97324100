"""Whose authorities an act is about: one reading of a name or an id for every act that takes one."""

from __future__ import annotations

from collections.abc import Iterable

from cockpit.model.identity import Grant


def grants_meant(grants: Iterable[Grant], text: str) -> list[Grant]:
    """Return those of a client, by its name whatever the case or by its exact client_id, or the one of an exact id.

    An id may be a document's address, in which case counts: two that differ in it alone are two clients.
    """
    wanted = text.strip()
    folded = wanted.casefold()
    return [one for one in grants if wanted in {one.client_id, one.grant_id} or one.client.casefold() == folded]
