"""What works on the data folder of a cockpit that isn't running, or beside one that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.operator.act import Answer, Done
from cockpit.operator.acts import AUDIT_EXPORT, AUDIT_SEARCH, AUDIT_TAIL, AUDIT_VERIFY, TOTP_REMOVE


def verify_audit(folder: Path, given: Mapping[str, str]) -> Answer:
    """Check the audit chain of a data folder."""
    from cockpit.operator.audit_asked import verdict_words
    from cockpit.store.verify import verify_offline  # heavy, and needed by one rare command

    missing = _no_audit(folder)
    if missing is not None:
        return missing
    return verdict_words(verify_offline(folder, structure=True, archives="without_archives" not in given))


def search_audit(folder: Path, given: Mapping[str, str]) -> Answer:
    """Find records of a data folder that nobody uses now; the newest where nothing is asked for."""
    from cockpit.operator import listing
    from cockpit.operator.audit_asked import FOUND, count_of, query_of
    from cockpit.store.outside import search_offline
    from cockpit.store.writes import StoreUnavailable

    missing = _no_audit(folder)
    if missing is not None:
        return missing
    try:
        found = search_offline(folder, query_of(given, datetime.now(UTC)), count_of(given, FOUND))
    except StoreUnavailable as error:
        return refuse("AUDIT_UNAVAILABLE", f"The audit can't be read: {safe(str(error), 300)}.")
    return listing.audit(found)


def export_audit(folder: Path, given: Mapping[str, str]) -> Answer:
    """Write records to a file of whoever asks, beside a running cockpit or without one."""
    from cockpit.operator.audit_asked import query_of
    from cockpit.store.export import ExportRefused
    from cockpit.store.export import export_audit as export
    from cockpit.store.writes import StoreUnavailable

    missing = _no_audit(folder)
    if missing is not None:
        return missing
    if "to" not in given:
        return refuse("BAD_ACT_ARGUMENTS", "Name the file to write: --to FILE.", argument="to")
    try:
        written = export(
            folder,
            Path(given["to"]).expanduser().absolute(),
            query_of(given, datetime.now(UTC)),
            table=given.get("format") == "csv",
            sealed="sealed" in given,
            force="force" in given,
        )
    except ExportRefused as refused:
        return refuse("BAD_ACT_ARGUMENTS", safe(str(refused), 300), argument="to")
    except StoreUnavailable as error:
        return refuse("AUDIT_UNAVAILABLE", f"The audit can't be read: {safe(str(error), 300)}.")
    return Done(f"{written.records} records written to {given['to']}.", {"to": given["to"], **asdict(written)})


def remove_totp(folder: Path, given: Mapping[str, str]) -> Answer:
    """Forget a lost authenticator. It takes no code: whoever stops the cockpit here can read the secret as well."""
    missing = _no_database(folder, refuse("TOTP_NOT_ENROLLED"))
    if missing is not None:
        return missing
    if "lost" not in given:
        return refuse("BAD_ACT_ARGUMENTS", "No cockpit runs that could take a code; --lost removes it without one.")
    import asyncio

    return asyncio.run(_forget_totp(folder))


async def _forget_totp(folder: Path) -> Answer:
    from cockpit.model.clock import SystemClock
    from cockpit.store.database import Store
    from cockpit.store.folder import StoreCannotOpen
    from oauth.totp import Totp

    clock = SystemClock()
    try:
        async with Store(folder, clock) as store:
            totp = Totp(store, clock, lambda _event: None)
            await totp.load()
            refusal = await totp.remove("command line, while no cockpit ran")
    except StoreCannotOpen as problem:
        return refuse("AUDIT_UNAVAILABLE", safe(str(problem), 300))
    return refusal or Done("Removed: nothing takes a code any more.", {"enrolled": False})


OFFLINE: Final[Mapping[str, Callable[[Path, Mapping[str, str]], Answer]]] = {
    AUDIT_TAIL.name: search_audit,
    AUDIT_SEARCH.name: search_audit,
    AUDIT_VERIFY.name: verify_audit,
    AUDIT_EXPORT.name: export_audit,
    TOTP_REMOVE.name: remove_totp,
}
"""By act: how it is carried out where no cockpit runs, or by the command line alone."""


def _no_audit(folder: Path) -> Refusal | None:
    return _no_database(
        folder, refuse("AUDIT_UNAVAILABLE", f"There is no audit in {safe(str(folder))}: no cockpit ever ran there.")
    )


def _no_database(folder: Path, refusal: Refusal) -> Refusal | None:
    from cockpit.store.connection import DATABASE_NAME

    return None if (folder / DATABASE_NAME).is_file() else refusal
