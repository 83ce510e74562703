"""What a repair reports, tells of as it happens, and leaves behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from rindle_django import events
from rindle_django.conf import database
from rindle_django.errors import ContentRefused, RequestRefused, reason_code
from rindle_django.lifecycle import caused_by, current_cause, identity_of
from rindle_django.models import Key, Repair

Changes = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class RepairReport:
    """What one repair did; of a dry run, what it would have done.

    ``result`` is "changed", "unchanged", or the code of what ``finding`` says is wrong with the
    original. ``changes`` names each thing that changed, as ``{"from": …, "to": …}``: a field of
    the asset, or ``variant <name>`` for a variant's state.
    """

    operation: str
    asset_id: str
    dry_run: bool
    result: str
    variants: list[str] = field(default_factory=list)
    changes: Changes = field(default_factory=dict)
    finding: str = ""

    @property
    def found_fault(self) -> bool:
        """Whether the original is not what it was, which no repair can mend."""
        return bool(self.finding)


Work = Callable[[UUID, bool], RepairReport]


def repair(operation: str, asset_id: Key, *, dry_run: bool, work: Work) -> RepairReport:
    """Have ``work`` done, and tell of its beginning and its end, however it ends.

    A refusal is an end like any other. The end is told of after the outermost commit, because
    until then nothing has changed.
    """
    terms = {"operation": operation, "scope": "asset", "dry_run": dry_run}
    began = time.monotonic_ns()

    def tell(event: str, result: str, **extra: object) -> None:
        spent = (time.monotonic_ns() - began) // 1000
        measured = {} if event == "start" else {"duration": spent}
        events.emit(f"rindle.repair.{event}", {**terms, "result": result, **extra}, measured)

    try:
        identity = identity_of(asset_id)
        terms["asset_id"] = str(identity)
        tell("start", "started")
        with caused_by(repair=operation):
            report = work(identity, dry_run)
    except (RequestRefused, ContentRefused) as error:
        tell("stop", "refused", reason_code=error.code)
        raise
    except Exception as error:
        tell("exception", "failed", reason_code=reason_code(error))
        raise
    transaction.on_commit(lambda: tell("stop", report.result), using=database(), robust=True)
    return report


def note(report: RepairReport) -> None:
    """Leave a row behind, in the transaction that repairs; a dry run leaves nothing."""
    if not report.dry_run:
        Repair.objects.create(
            asset_id=report.asset_id,
            operation=report.operation,
            result=report.result,
            changes=report.changes,
            cause=current_cause(),
        )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """What of ``before`` is another in ``after``."""
    return {
        name: {"from": before.get(name), "to": value}
        for name, value in after.items()
        if before.get(name) != value
    }
