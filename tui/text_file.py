"""Text to a file of the operator's, readable by him alone; one that is there is replaced only where he says so."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cockpit.model.text import safe


def write_text(file: str, text: str, *, force: bool) -> str:
    """Write a file whole or not at all; return what was wrong, or nothing. For a thread: a disk may be slow."""
    path = Path(file).expanduser().absolute()
    if not force and path.exists():
        return f"{safe(file, 120)} is there already; --force replaces it."
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)
        if force:
            new.replace(path)
        else:
            os.link(new, path)  # fails where somebody else was quicker
    except FileExistsError:
        return f"{safe(file, 120)} is there already; --force replaces it."
    except OSError as problem:
        return f"Nothing was written: {safe(problem.strerror or type(problem).__name__, 120)}: {safe(file, 120)}"
    finally:
        with contextlib.suppress(OSError):
            new.unlink()
    return ""
