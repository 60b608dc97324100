"""Room for every connection that settings allow: each is an open file, and a shell gives a process about a thousand."""

from __future__ import annotations

import resource
from typing import Final

_OWN: Final = 256
"""Open files beside connections from outside: database, log, sockets of screens and of brokers, with room to spare."""


def make_room(connections: int) -> int:
    """Raise the soft limit of open files as far as that many connections need; return by how many it falls short."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OWN
    if _reaches(soft, needed):
        return 0
    reached = needed if _reaches(hard, needed) else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (reached, hard))
    return needed - reached


def _reaches(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
