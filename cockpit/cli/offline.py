"""What works on the data folder of a cockpit that isn't running."""

from __future__ import annotations

from pathlib import Path

from cockpit.model.refusals import refuse
from cockpit.model.text import safe
from cockpit.operator.acts import Answer, Done


def verify_audit(folder: Path) -> Answer:
    """Check the audit chain of a data folder that nobody uses now."""
    from cockpit.store.connection import DATABASE_NAME  # heavy, and needed by one rare command
    from cockpit.store.verify import verify_offline

    if not (folder / DATABASE_NAME).is_file():
        return refuse("AUDIT_UNAVAILABLE", f"There is no audit in {safe(str(folder))}: no cockpit ever ran there.")
    verdict = verify_offline(folder, structure=True)
    data = {"records": verdict.records, "ok": verdict.ok, "first_bad": verdict.first_bad}
    if verdict.ok:
        return Done(f"{verdict.records} records, the chain is whole.", data)
    bad = "" if verdict.first_bad is None else f" Record {verdict.first_bad} is missing or doesn't fit."
    return Done(f"The audit can NOT be trusted.{bad} {verdict.reason}".strip(), data)
