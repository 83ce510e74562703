"""What each step of a machine is called in plain words, and each cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rindle_django.models import ProcessingRun, Repair, Transition

# By subject and the state that was reached. Where it came from matters in few cases alone.
STEPS = {
    ("asset", "staged"): "An upload was begun",
    ("asset", "validating"): "Its bytes arrived and wait to be looked at",
    ("asset", "analyzing"): "A worker began to look at its bytes",
    ("asset", "promoting"): "Its bytes passed and were frozen as the original",
    ("asset", "available"): "It became available",
    ("asset", "processing"): "Its images are being made",
    ("asset", "transcoding"): "Its audio or video is being made",
    ("asset", "ready"): "All that was to be made of it is made",
    ("asset", "degraded"): "Some of what was to be made of it is not there",
    ("asset", "quarantined"): "It was quarantined",
    ("asset", "deleted"): "It was deleted; its objects are removed by the purge",
    ("variant", "planned"): "Variant {name} was planned",
    ("variant", "queued"): "Variant {name} was queued",
    ("variant", "processing"): "A worker began to make variant {name}",
    ("variant", "ready"): "Variant {name} was published",
    ("variant", "stale"): "Variant {name} was found to be of an older recipe",
    ("variant", "missing"): "The storage was found to lack variant {name}",
    ("variant", "failed"): "Variant {name} failed",
    ("variant", "cancelled"): "Variant {name} was cancelled",
    ("variant", "purged"): "Variant {name} went with its asset",
    ("session", "initialized"): "The client was promised an upload",
    ("session", "signed"): "The client was given an address to send the bytes to",
    ("session", "resuming"): "The client came back to a broken-off upload",
    ("session", "uploading"): "The client began to send",
    ("session", "uploaded"): "The client had sent all",
    ("session", "verifying"): "The client said that its bytes are there",
    ("session", "completed"): "The upload was completed",
    ("session", "aborted"): "The upload was given up",
    ("session", "expired"): "The upload ran out of time",
    ("session", "failed"): "The upload was refused",
}
FROM = {
    ("asset", "quarantined", "validating"): "It was let out of quarantine, to be looked at again",
    ("variant", "processing", "queued"): "An attempt at variant {name} failed; it is tried again",
}
OUTCOMES = {
    "running": "is under way",
    "succeeded": "succeeded",
    "failed": "failed for good",
    "retried": "failed and is repeated",
    "superseded": "was overtaken; what it made was not used",
    "lost": "was lost with its worker",
}
REPAIRS = {
    "reprobe": "Its original was read again",
    "requeue": "Its variants were asked for again",
    "cancel": "Its variants were cancelled",
    "unquarantine": "Its quarantine was lifted",
}
# In the order in which they are told.
CAUSES = {
    "command": "command {}",
    "user": "user {}",
    "surface": "in the {}",
    "request": "request {}",
    "request_id": "id {}",
    "actor": "for {}",
    "task": "task {}",
    "job": "job {}",
    "run": "run {}",
    "repair": "repair {}",
    "erasure": "erasure {}",
}


def step(entry: Transition) -> str:
    """One committed transition."""
    key = entry.subject, entry.to_state
    text = FROM.get((entry.subject, entry.from_state, entry.to_state)) or STEPS[key]
    told = text.format(name=entry.metadata.get("variant_name", ""))
    return told + because(entry.reason_code)


def attempt(run: ProcessingRun) -> str:
    """One attempt at a variant, with how long it took."""
    told = f"Attempt {run.attempt} at variant {run.variant_name} {OUTCOMES[run.outcome]}"
    if run.finished_at is not None and run.outcome != "lost":
        told += f" after {(run.finished_at - run.started_at).total_seconds():.1f} s"
    return told + because(run.reason_code)


def repaired(repair: Repair) -> str:
    """One repair, with what it changed."""
    told = REPAIRS.get(repair.operation, repair.operation)
    changed = ", ".join(sorted(repair.changes)) or "nothing changed"
    return f"{told}: {changed if repair.result in ('changed', 'unchanged') else repair.result}"


def because(reason_code: str) -> str:
    return f" ({reason_code})" if reason_code else ""


def cause(given: Mapping[str, Any]) -> str:
    """Who or what caused something."""
    known = [text.format(given[name]) for name, text in CAUSES.items() if name in given]
    others = [f"{name} {value}" for name, value in sorted(given.items()) if name not in CAUSES]
    return ", ".join(known + others)
