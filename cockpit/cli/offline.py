"""What works on the data folder of a cockpit that isn't running."""

from __future__ import annotations

from pathlib import Path

from cockpit.operator.acts import Answer, Done


def verify_audit(folder: Path) -> Answer:
    """Check the audit chain of a data folder that nobody uses now."""
    from cockpit.store.verify import verify_offline  # heavy, and needed by one rare command

    verdict = verify_offline(folder)
    data = {"records": verdict.records, "ok": verdict.ok, "first_bad": verdict.first_bad}
    if verdict.ok:
        return Done(f"The audit is whole: {verdict.records} records, each in its place.", data)
    bad = "" if verdict.first_bad is None else f" Record {verdict.first_bad} is missing or doesn't fit."
    return Done(f"The audit can NOT be trusted.{bad} {verdict.reason}".strip(), data)
